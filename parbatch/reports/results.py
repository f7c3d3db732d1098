"""From the checkpoint and what was counted on the way to a run's result."""

import platform
import socket
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from sys import intern
from typing import Any, overload

import msgspec

from parbatch.docx import OFF, ON
from parbatch.model.figures import ChunkFigures, Spread
from parbatch.model.file_names import stem
from parbatch.model.messages import Ended
from parbatch.model.outcome import STATUSES
from parbatch.model.problem import Evidence, Problem
from parbatch.model.result import Counts, Documents, Failure, RunResult, Warned, Warnings
from parbatch.model.selection import Selection
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.chunk_log import spreads
from parbatch.storage.filters import KNOWN_AFTER, known_to_fail
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs
from parbatch.storage.metrics import summaries
from parbatch.storage.view import viewing
from parbatch.storage.withdrawals import withdrawn_in

# How many warnings the report keeps by name; the others are counted, and `show` has each item's own.
MOST_WARNED = 100
# So many failures are held in memory; more are read from the checkpoint each time that they are walked through.
MOST_HELD = 10_000


class Tally:
    """What is counted while items settle: how many, how many not ok, to nothing, cut off, with python-docx."""

    def __init__(self) -> None:
        self.rendered = 0
        self.failures = 0
        self.empty = 0
        self.cut_off = 0
        self.documents = Documents()

    def take(self, ended: Ended) -> None:
        """Count a settled item."""
        self.rendered += 1
        self.failures += ended.status != "ok"
        self.cut_off += ended.status == "pending"
        self.empty += ended.status == "ok" and not ended.outputs and bytes(ended.result) == b"null"
        if ended.acceleration:
            self.documents += documents(ended)


def documents(ended: Ended) -> Documents:
    """Count one attempt by how python-docx ran in it."""
    how = ended.acceleration
    if how in {"", ON}:
        return Documents(accelerated=int(how == ON))
    return Documents(plain=1, why_plain="" if how == OFF else how)


def counts(checkpoint: Checkpoint) -> Counts:
    """Items by status as the checkpoint has them now."""
    return counts_of(checkpoint.counts_by_group())


def counts_of(by_group: dict[str, dict[str, int]]) -> Counts:
    """Items by status, in all and by group, from those by group."""
    by_status: dict[str, int] = {status: sum(group[status] for group in by_group.values()) for status in STATUSES}
    return Counts(by_status, by_group)


def chunk_figures(checkpoint: Checkpoint, run_id: str) -> ChunkFigures | None:
    """What the chunks of a run came to; None where none was written down."""
    count, figures = spreads(checkpoint, run_id)
    return ChunkFigures(count, **{name: Spread(**spread) for name, spread in figures.items()}) if count else None


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


def warnings_of(checkpoint: Checkpoint) -> Warnings:
    """The warnings about items that are ok, the first of them in item order."""
    items = total = 0
    by_type: dict[str, int] = {}
    first: list[Warned] = []
    rows = checkpoint.db.execute(
        "SELECT id, name, warnings FROM items WHERE warnings IS NOT NULL AND status = 'ok' ORDER BY position"
    )
    for item_id, name, text in rows:
        problems = msgspec.json.decode(text, type=tuple[Problem, ...])
        items, total = items + 1, total + len(problems)
        for problem in problems:
            by_type[problem.type] = by_type.get(problem.type, 0) + 1
            if len(first) < MOST_WARNED:
                first.append(Warned(id=item_id, name=name, problem=problem))
    return Warnings(items=items, total=total, by_type=by_type, first=first)


def place_of(evidence: Evidence) -> str:
    """`letters.py:17 in letter`, or nothing for a process that just died."""
    file, _, function = evidence.place.rpartition(":")
    return f"{file}:{evidence.line} in {function}" if file else ""


def environment(same: Mapping[str, str], acceleration: str) -> dict[str, str]:
    """What this machine is, what parent and workers have in common, and whether python-docx was accelerated."""
    return {"host": socket.gethostname(), "platform": platform.platform(), **same, "acceleration": acceleration}


def up_to_date(record: RunResult, checkpoint: Checkpoint, folder: Folder) -> RunResult:
    """A run's record with the counts and failures of the checkpoint now."""
    now = counts(checkpoint)
    total, success, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
    failed = held_failures(checkpoint, folder)
    return msgspec.structs.replace(
        record,
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        by_status=now.by_status,
        after=now,
        metrics=summaries(checkpoint, now.by_group),
        failures=failed,
        known_to_fail=known_to_fail(checkpoint, Selection()),
        warnings=warnings_of(checkpoint),
        withdrawn=withdrawn_in(checkpoint, record.run_id, all_ok=total == success),
        out=str(folder.root),
    )
