"""From the checkpoint and what was counted on the way to a run's result."""

import contextlib
import platform
import socket
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from parbatch.capture import STREAMS
from parbatch.checkpoint import Checkpoint
from parbatch.checkpoint_files import open_existing
from parbatch.errors import FolderError
from parbatch.folder import Folder, held
from parbatch.model import NO_DATA, Ended, Evidence, Problem, Task
from parbatch.publish import written_whole
from parbatch.reports import REPORTS, json, write_reports
from parbatch.reports.material import Material
from parbatch.result import Counts, Failure, MetricSummary, RunResult, Warned, Warnings
from parbatch.selection import KNOWN_AFTER

# How many warnings the report keeps by name; the others are counted, and `show` has each item's own.
MOST_WARNED = 100


class Tally:
    """What is counted while items settle: how many, how many not ok, and their metrics."""

    def __init__(self) -> None:
        self.rendered = 0
        self.failures = 0
        self.empty = 0
        self._metrics: dict[str, list[float]] = {}

    def take(self, ended: Ended) -> None:
        """Count a settled item."""
        self.rendered += 1
        self.failures += ended.status != "ok"
        self.empty += ended.status == "ok" and not ended.outputs and bytes(ended.result) == b"null"
        if not ended.metrics:
            return
        for name, number in ended.metrics.items():
            figures = self._metrics.setdefault(name, [0, 0.0, number])
            figures[0] += 1
            figures[1] += number
            figures[2] = max(figures[2], number)

    def metrics(self) -> dict[str, MetricSummary]:
        """The metrics by name, in alphabetical order."""
        return {
            name: MetricSummary(int(count), total, largest, self.rendered - int(count))
            for name, (count, total, largest) in sorted(self._metrics.items())
        }


def counts(checkpoint: Checkpoint) -> Counts:
    """Items by status as the checkpoint has them now."""
    return Counts(checkpoint.counts(), checkpoint.counts_by_group())


def failures(checkpoint: Checkpoint, folder: Folder) -> Iterator[Failure]:
    """Every item that was tried and is not ok, in item order."""
    for row in checkpoint.failed_rows():
        yield _failure(folder, row)


def _failure(folder: Folder, row: dict[str, Any]) -> Failure:
    evidence = msgspec.json.decode(row["evidence"], type=Evidence)
    logs = log_paths(folder, row["id"], row["stem"])
    return Failure(
        id=row["id"],
        name=row["name"],
        group=row["group"],
        status=row["status"],
        type=evidence.type,
        message=evidence.message,
        traceback=evidence.traceback,
        place=place_of(evidence),
        fingerprint=row["fingerprint"] or "",
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


def log_paths(folder: Folder, item_id: str, stem: str | None) -> dict[str, str | None]:
    """Where an item's logs are, from the output folder on, by stream; None for a stream that it wrote nothing to."""
    task = Task(0, item_id, "", "", NO_DATA, stem=stem or "")
    paths = {stream: folder.log(task.file_stem, stream) for stream in STREAMS}
    return {stream: str(path.relative_to(folder.root)) if path.exists() else None for stream, path in paths.items()}


def place_of(evidence: Evidence) -> str:
    """`letters.py:17 in letter`, or nothing for a process that just died."""
    file, _, function = evidence.place.rpartition(":")
    return f"{file}:{evidence.line} in {function}" if file else ""


def environment(same: Mapping[str, str]) -> dict[str, str]:
    """What this machine is, and what parent and workers have in common."""
    return {"host": socket.gethostname(), "platform": platform.platform(), **same}


def keep_record(result: RunResult, folder: Folder) -> None:
    """Write the session record of a run."""
    with written_whole(folder.session(result.run_id)) as file:
        file.write(json.encode(result))


class Told(NamedTuple):
    """Which reports were written, and what a person should know about them."""

    written: list[str]
    notes: list[str]


def write_again(folder: Folder) -> Told:
    """Write the reports from the checkpoint and the newest session record.

    Raises FolderError where there is none, FolderHeldError during a run, CheckpointError for a damaged checkpoint.
    """
    if not folder.checkpoint.exists():
        raise FolderError(f"{folder.root} holds no run of parbatch. Name the job, or the folder with --out.")
    with held(folder), contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        record = _newest_record(checkpoint, folder)
        now = counts(checkpoint)
        total, success, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
        failed = list(failures(checkpoint, folder))
        result = msgspec.structs.replace(
            record,
            total=total,
            success=success,
            errors=total - success - pending,
            pending=pending,
            by_status=now.by_status,
            after=now,
            failures=failed,
            known_to_fail=sum(failure.known_to_fail for failure in failed),
            out=str(folder.root),
        )
        problems = write_reports(Material(result, checkpoint, folder))
        notes = [*problems.values()]
        last = checkpoint.last_run()
        if last and last[0] != record.run_id:
            notes.append(
                f"The last run ({last[0]}) was cut off and left no record. The counts and failures are those of the"
                f" checkpoint now; times and worker figures are of the run before ({record.run_id})."
            )
    return Told([name for name in REPORTS if name not in problems], notes)


def _newest_record(checkpoint: Checkpoint, folder: Folder) -> RunResult:
    """The newest readable session record, of a run that the checkpoint knows."""
    for run_id in checkpoint.run_ids():
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(folder.session(run_id).read_bytes(), type=RunResult)
    raise FolderError(f"No run in {folder.root} came to its end yet, so there is none to report on. Use --resume.")
