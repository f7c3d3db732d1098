"""What reports are made from: a run's result, and a view of its items for what the result has no room for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from parbatch.model.result import RunResult
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs
from parbatch.storage.view import ItemRow, View

# Above this, reports list only the items that are not ok.
MOST_LISTED = 100_000


@dataclass(frozen=True)
class Material:
    """The result of a run, a view of its items, and where both lie."""

    result: RunResult
    view: View
    folder: Folder

    @property
    def lists_all(self) -> bool:
        """Whether every item is listed, or only those that are not ok."""
        return self.result.total <= MOST_LISTED

    def items(self, *, with_outputs: bool = True) -> Iterator[ItemRow]:
        """Yield every item in item order."""
        return self.view.items(outputs=with_outputs)

    def not_ok(self) -> Iterator[ItemRow]:
        """Yield the items that were tried and are not ok, at most `MOST_LISTED`; nothing of theirs is published."""
        return islice(self.view.tried(), MOST_LISTED) if self.result.errors else iter(())

    def streams_of(self, row: ItemRow) -> list[str]:
        """Return which of the item's logs there are."""
        if not self._has_logs(row.folder):
            return []
        return [stream for stream, path in self.view.log_paths(row.folder, row.file_stem).items() if path is not None]

    def log_stem(self, row: ItemRow) -> str:
        """Return the way to the item's logs from those of all on, without stream and extension."""
        if row.folder.logs == self.folder.logs:
            return row.file_stem
        return f"{Path(os.path.relpath(row.folder.logs, self.folder.logs)).as_posix()}/{row.file_stem}"

    def _has_logs(self, folder: Folder) -> bool:
        found = self._found_logs.get(folder.logs)
        if found is None:
            found = self._found_logs[folder.logs] = not folder.tree.is_empty(folder.logs)
        return found

    @cached_property
    def _found_logs(self) -> dict[Path, bool]:
        return {}

    @cached_property
    def logs(self) -> Logs:
        """The logs of the items."""
        return Logs(self.folder)
