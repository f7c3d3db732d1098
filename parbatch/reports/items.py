"""All that is known of one item: its attempts with their evidence, what it published, and the ends of its logs."""

from typing import Any

import msgspec

from parbatch.model import file_names as naming
from parbatch.model.lookup import find
from parbatch.model.problem import Evidence, Problem
from parbatch.model.result import WithdrawnOutput
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs
from parbatch.storage.withdrawals import withdrawn_of

TAIL_LINES = 20
_TAIL_BYTES = 64 * 1024  # twenty lines that people can read are well within


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, with its evidence if it did not end ok.

    Of one that did, `run_id` and CPU time are not kept. `ended_at` is Unix time; `slot` is its worker's place.
    """

    number: int
    status: str
    run_id: str | None = None
    duration_s: float | None = None
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None
    slot: int | None = None
    ended_at: float | None = None
    evidence: Evidence | None = None


class LogTail(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of a log, as they are; its path starts from the output folder."""

    path: str
    lines: list[str]
    size: int
    is_whole: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """An item and what became of it. `why_due` says why a pending item is to be done again, where that is known.

    `outputs` are paths relative to `items/`, and so are those `out_of_date`, which an item that is not ok has there;
    `withdrawn` are those that were moved away. `rejected` is the folder with what the last attempt left, if validation
    found problems in it, from the output folder on; `metrics` are the figures of an item that is ok, by name; `logs`
    has an entry for each stream that has something.
    """

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None
    why_due: str | None
    data: Any
    result: Any
    outputs: tuple[str, ...]
    out_of_date: tuple[str, ...]
    withdrawn: tuple[WithdrawnOutput, ...]
    metrics: dict[str, float]
    rejected: str | None
    warnings: tuple[Problem, ...]
    history: list[Attempt]
    logs: dict[str, LogTail]


def find_known(checkpoint: Checkpoint, asked: str) -> str:
    """The id of the checkpoint's item that a person names. Raises SelectionError as `lookup.find` does."""
    if checkpoint.db.execute("SELECT 1 FROM items WHERE id = ?", (asked,)).fetchone():
        return asked
    return find(asked, checkpoint.db.execute("SELECT id, name FROM items ORDER BY position"))


def history_of(checkpoint: Checkpoint, folder: Folder, item_id: str) -> History:
    """All that is known of an item that is in the checkpoint."""
    outcome = checkpoint.outcome_of(item_id)
    assert outcome is not None
    stem, reason, result, warnings, metrics, *last = checkpoint.db.execute(
        "SELECT stem, reason, result, warnings, metrics, peak_memory_bytes, slot, ended_at FROM items WHERE id = ?",
        (item_id,),
    ).fetchone()
    stem = stem or naming.stem(item_id)
    rejected = folder.rejected_of(stem)
    with folder.in_use():
        has_rejected = folder.tree.is_folder(rejected)
    attempts = _attempts(checkpoint, item_id)
    if outcome.status == "ok":
        peak, slot, ended_at = last
        attempts.append(
            Attempt(
                number=outcome.attempts,
                status="ok",
                duration_s=outcome.duration_s,
                peak_memory_bytes=peak or None,
                slot=slot,
                ended_at=ended_at,
            )
        )
    logs = Logs(folder)
    return History(
        id=outcome.item.id,
        name=outcome.item.name,
        group=outcome.item.group,
        status=outcome.status,
        attempts=outcome.attempts,
        duration_s=outcome.duration_s,
        why_due=reason,
        data=outcome.item.data,
        result=msgspec.json.decode(result) if result else None,
        outputs=outcome.outputs,
        out_of_date=outcome.out_of_date,
        withdrawn=withdrawn_of(checkpoint, item_id),
        metrics=msgspec.json.decode(metrics) if metrics and outcome.status == "ok" else {},
        rejected=str(rejected.relative_to(folder.root)) if has_rejected else None,
        warnings=msgspec.json.decode(warnings, type=tuple[Problem, ...]) if warnings else (),
        history=attempts,
        logs={stream: _tail(logs, path) for stream, path in logs.paths(stem).items() if path is not None},
    )


def _attempts(checkpoint: Checkpoint, item_id: str) -> list[Attempt]:
    rows = checkpoint.db.execute(
        "SELECT number, status, run_id, duration_s, cpu_s, peak_memory_bytes, slot, ended_at, evidence FROM attempts"
        " WHERE id = ? ORDER BY rowid",
        (item_id,),
    )
    return [
        Attempt(
            number=number,
            status=status,
            run_id=run_id,
            duration_s=duration_s,
            cpu_s=cpu_s or None,  # a process that died could not say
            peak_memory_bytes=peak or None,
            slot=slot,
            ended_at=ended_at,
            evidence=msgspec.json.decode(evidence, type=Evidence),
        )
        for number, status, run_id, duration_s, cpu_s, peak, slot, ended_at, evidence in rows
    ]


def _tail(logs: Logs, path: str) -> LogTail:
    data, size = logs.tail(path, _TAIL_BYTES)
    lines = data.decode("utf-8", "backslashreplace").splitlines()
    is_whole = len(data) == size and len(lines) <= TAIL_LINES
    return LogTail(path=path, lines=lines[-TAIL_LINES:], size=size, is_whole=is_whole)
