"""Items that are not ok, read from a checkpoint: as a list, or read each time where they are too many to be held.

Called by whoever builds a result or a status. It knows nothing of how failures are grouped or shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from sys import intern
from typing import Any, overload

import msgspec

from parbatch.model.file_names import stem
from parbatch.model.problem import Evidence
from parbatch.model.result import Failure
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.filters import KNOWN_AFTER
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs
from parbatch.storage.view import viewing

# So many failures are held in memory; more are read from the checkpoint each time that they are walked through.
MOST_HELD = 10_000


class LaterFailures(Sequence[Failure]):
    """Failures that are too many to be held: read from the checkpoint each time that somebody walks through them.

    They are what the folder has then. A copy, or what is pickled, is a list.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Folder, count: int) -> None:
        self._checkpoint = checkpoint
        self._folder = folder
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Failure]:
        if self._checkpoint.is_open:
            yield from failures(self._checkpoint, self._folder)
            return
        with viewing(self._folder) as checkpoint:
            yield from failures(checkpoint, self._folder)

    @overload
    def __getitem__(self, index: int) -> Failure: ...
    @overload
    def __getitem__(self, index: slice) -> list[Failure]: ...
    def __getitem__(self, index: int | slice) -> Failure | list[Failure]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            return list(islice(self, start, stop, step)) if step > 0 else list(self)[index]
        place = index + self._count if index < 0 else index
        if 0 <= place < self._count:
            return next(islice(self, place, None))
        raise IndexError(index)

    def __reduce__(self) -> tuple[type[list[Failure]], tuple[list[Failure]]]:
        return list, (list(self),)


def held_failures(checkpoint: Checkpoint, folder: Folder) -> Sequence[Failure]:
    """Every item that was tried and is not ok, in item order: a list, or where they are many, one read as needed."""
    found = list(islice(failures(checkpoint, folder), MOST_HELD + 1))
    if len(found) <= MOST_HELD:
        return found
    counts = checkpoint.counts()
    return LaterFailures(checkpoint, folder, sum(counts.values()) - counts["ok"] - counts["pending"])


def failures(checkpoint: Checkpoint, folder: Folder) -> Iterator[Failure]:
    """Every item that was tried and is not ok, in item order."""
    logs = Logs(folder)
    for row in checkpoint.failed_rows():
        yield _failure(logs.paths(row["stem"] or stem(row["id"])), row)


def _failure(logs: Mapping[str, str | None], row: dict[str, Any]) -> Failure:
    evidence = msgspec.json.decode(row["evidence"], type=Evidence)
    # What many failures have alike is one text in memory: all of them are in the result.
    return Failure(
        id=row["id"],
        name=row["id"] if row["name"] == row["id"] else row["name"],
        group=intern(row["group"]),
        status=intern(row["status"]),
        type=intern(evidence.type),
        message=evidence.message,
        traceback=intern(evidence.traceback),
        place=intern(place_of(evidence)),
        fingerprint=intern(row["fingerprint"] or ""),
        attempts=row["attempts"],
        duration_s=row["duration_s"],
        returncode=evidence.returncode,
        signal=evidence.signal,
        peak_memory_bytes=row["peak_memory_bytes"] or None,
        stdout_path=logs["stdout"],
        stderr_path=logs["stderr"],
        known_to_fail=row["alike"] >= KNOWN_AFTER,
    )


def place_of(evidence: Evidence) -> str:
    """`letters.py:17 in letter`, or nothing for a process that just died."""
    file, _, function = evidence.place.rpartition(":")
    return f"{file}:{evidence.line} in {function}" if file else ""
