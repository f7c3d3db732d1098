"""All that is known of one item: its attempts with their evidence, what it published, and the ends of its logs."""

from collections.abc import Iterator
from typing import Any

import msgspec

from parbatch.model import file_names as naming
from parbatch.model.problem import Evidence, Problem
from parbatch.model.result import WithdrawnOutput
from parbatch.model.selection import Selection
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs
from parbatch.storage.view import Known, View

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


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a list. `duration_s` is the last attempt's, None before there is one."""

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None


def listed(view: View, selection: Selection) -> Iterator[Listed]:
    """Yield the items that are asked for, in item order: a million of them need no memory."""
    for item_id, name, group, status, attempts, duration_s in view.selected(selection):
        yield Listed(id=item_id, name=name, group=group, status=status, attempts=attempts, duration_s=duration_s)


def history_of(view: View, item_id: str) -> History:
    """Return all that is known of an item that is there."""
    known = view.known(item_id)
    outcome, details = known.outcome, known.details
    stem = details.stem or naming.stem(known.own_id)
    result, warnings, metrics = details.result, details.warnings, details.metrics
    paths = view.log_paths(known.folder, stem)
    return History(
        id=outcome.item.id,
        name=outcome.item.name,
        group=outcome.item.group,
        status=outcome.status,
        attempts=outcome.attempts,
        duration_s=outcome.duration_s,
        why_due=details.reason,
        data=outcome.item.data,
        result=msgspec.json.decode(result) if result else None,
        outputs=outcome.outputs,
        out_of_date=outcome.out_of_date,
        withdrawn=known.withdrawn,
        metrics=msgspec.json.decode(metrics) if metrics and outcome.status == "ok" else {},
        rejected=_rejected(view, known.folder, stem),
        warnings=msgspec.json.decode(warnings, type=tuple[Problem, ...]) if warnings else (),
        history=[*_attempts(known)],
        logs={stream: _tail(view.root, path) for stream, path in paths.items() if path is not None},
    )


def _rejected(view: View, folder: Folder, stem: str) -> str | None:
    """Return where what the last attempt left was kept, from the root on; None where nothing was."""
    place = folder.rejected_of(stem)
    with folder.in_use():
        return str(place.relative_to(view.root.root)) if folder.tree.is_folder(place) else None


def _attempts(known: Known) -> Iterator[Attempt]:
    for row in known.attempts:
        yield Attempt(
            number=row.number,
            status=row.status,
            run_id=row.run_id,
            duration_s=row.duration_s,
            cpu_s=row.cpu_s or None,  # a process that died could not say
            peak_memory_bytes=row.peak_memory_bytes or None,
            slot=row.slot,
            ended_at=row.ended_at,
            evidence=msgspec.json.decode(row.evidence, type=Evidence),
        )
    if known.outcome.status == "ok":
        yield Attempt(
            number=known.outcome.attempts,
            status="ok",
            duration_s=known.outcome.duration_s,
            peak_memory_bytes=known.details.peak_memory_bytes or None,
            slot=known.details.slot,
            ended_at=known.details.ended_at,
        )


def _tail(root: Folder, path: str) -> LogTail:
    data, size = Logs(root).tail(path, _TAIL_BYTES)
    lines = data.decode("utf-8", "backslashreplace").splitlines()
    is_whole = len(data) == size and len(lines) <= TAIL_LINES
    return LogTail(path=path, lines=lines[-TAIL_LINES:], size=size, is_whole=is_whole)
