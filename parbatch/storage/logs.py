"""Logs of items for those who look: which there are, and their ends. What is not a plain file is no log."""

import os
from pathlib import Path
from typing import NamedTuple

from parbatch.model.outcome import STREAMS
from parbatch.storage.folder import Folder
from parbatch.storage.tree import Directory


class Tail(NamedTuple):
    """The last bytes of a log, and the size of all of it."""

    data: bytes
    size: int


class Logs:
    """The logs in one output folder. Folders with logs are opened once: a report asks for those of many items."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open: dict[Path, Directory | None] = {}

    def paths(self, stem: str) -> dict[str, str | None]:
        """Where an item's logs are, from the output folder on, by stream; None for a stream without.

        Raises CheckpointError for a stem that no item can have.
        """
        found: dict[str, str | None] = {}
        for stream in STREAMS:
            log = self._folder.log(stem, stream)
            logs = self._directory(log.parent)
            is_there = logs is not None and logs.is_file(log.name)
            found[stream] = str(log.relative_to(self._folder.root)) if is_there else None
        return found

    def tail(self, path: str, most: int) -> Tail:
        """Return the end of the log at a path that `paths` gave. Raises OSError where it can't be read."""
        with self._folder.tree.open(self._folder.root / path) as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - most))
            return Tail(log.read(most), size)

    def _directory(self, path: Path) -> Directory | None:
        if path not in self._open:
            try:
                self._open[path] = self._folder.tree.folder(path)
            except OSError:
                self._open[path] = None
        return self._open[path]
