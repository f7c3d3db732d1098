"""What a run came to: its facts, summed over parts, and the one result that is built from them and the checkpoint.

Called by the engine at the beginning and end of a run, and by whoever writes its reports again. It decides the exit
code. It knows nothing of layouts, folders held, or how a result is shown.
"""

import platform
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parbatch.docx import OFF, ON
from parbatch.model.figures import ChunkFigures, MetricSummary, Spread
from parbatch.model.messages import Ended
from parbatch.model.outcome import STATUSES
from parbatch.model.problem import Problem
from parbatch.model.result import (
    Counts,
    Documents,
    PhaseReport,
    ProductReport,
    RunResult,
    State,
    Warned,
    Warnings,
    Withdrawn,
    sum_of,
)
from parbatch.reports.failures import held_failures
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.chunk_log import spreads
from parbatch.storage.view import View

# How many warnings the report keeps by name; the others are counted, and `show` has each item's own.
MOST_WARNED = 100
# What an exit code is above, where a signal has ended the run.
_BY_SIGNAL = 128


class Tally:
    """What is counted while items settle: how many, how many not ok, cut off, with python-docx."""

    def __init__(self) -> None:
        self.rendered = 0
        self.failures = 0
        self.cut_off = 0
        self.documents = Documents()

    def take(self, ended: Ended) -> None:
        """Count a settled item."""
        self.rendered += 1
        self.failures += ended.status != "ok"
        self.cut_off += ended.status == "pending"
        if ended.acceleration:
            self.documents += documents(ended)


def documents(ended: Ended) -> Documents:
    """Count one attempt by how python-docx ran in it."""
    how = ended.acceleration
    if how in {"", ON}:
        return Documents(accelerated=int(how == ON))
    return Documents(plain=1, why_plain="" if how == OFF else how)


def counts(view: View | Checkpoint) -> Counts:
    """Items by status as the checkpoint has them now."""
    return counts_of(view.counts_by_group())


def counts_of(by_group: dict[str, dict[str, int]]) -> Counts:
    """Items by status, in all and by group, from those by group."""
    by_status: dict[str, int] = {status: sum(group[status] for group in by_group.values()) for status in STATUSES}
    return Counts(by_status, by_group)


def chunk_figures(checkpoint: Checkpoint, run_id: str) -> ChunkFigures | None:
    """Return what the chunks of a run came to; None where none was written down."""
    count, figures = spreads(checkpoint, run_id)
    return ChunkFigures(count, **{name: Spread(**spread) for name, spread in figures.items()}) if count else None


def warnings_of(view: View) -> Warnings:
    """Return the warnings about items that are ok, the first of them in item order."""
    items = total = 0
    by_type: dict[str, int] = {}
    first: list[Warned] = []
    for item_id, name, text in view.warned():
        problems = msgspec.json.decode(text, type=tuple[Problem, ...])
        items, total = items + 1, total + len(problems)
        for problem in problems:
            by_type[problem.type] = by_type.get(problem.type, 0) + 1
            if len(first) < MOST_WARNED:
                first.append(Warned(id=item_id, name=name, problem=problem))
    return Warnings(items=items, total=total, by_type=by_type, first=first)


def environment(same: Mapping[str, str], acceleration: str) -> dict[str, str]:
    """Return what this machine is, what parent and workers share, and whether python-docx was accelerated."""
    return {"host": socket.gethostname(), "platform": platform.platform(), **same, "acceleration": acceleration}


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to that its checkpoint does not hold; of one part, or of several summed up.

    Without `finished_at` it has not ended, or nobody knows when. `signum` is the signal that ended it, `at_limit` says
    that a limit of its own did, or whoever began it, and `has_failed` that something is not as it should be. `metrics`
    and `withdrawn` are given where they are not those of the checkpoint at hand.
    """

    job: str
    run_id: str
    state: State
    started_at: str
    workers: int
    backend: str
    before: Counts
    environment: dict[str, str]
    finished_at: str | None = None
    duration_s: float | None = None
    rendered: int = 0
    kept: int = 0
    worker_restarts: int = 0
    left_out_by_samples: int = 0
    memory_cap_bytes: int | None = None
    documents: Documents = Documents()
    overview: ProductReport | None = None
    merged: ProductReport | None = None
    shard: str | None = None
    phases: tuple[PhaseReport, ...] = ()
    chunks: ChunkFigures | None = None
    metrics: dict[str, MetricSummary] | None = None
    withdrawn: Withdrawn | None = None
    stopped_by: str | None = None
    signum: int | None = None
    at_limit: bool = False
    has_failed: bool = False

    @classmethod
    def of(cls, record: RunResult) -> "RunFacts":
        """Return the facts of a run from its record; the rest is in its checkpoint."""
        code = record.exit_code or 0
        kept = {"metrics": record.metrics} if record.phases else {"metrics": None}
        told = {"signum": code - _BY_SIGNAL if code > _BY_SIGNAL else None, "at_limit": code == 4}
        return cls(
            **_told_alike(record)
            | kept
            | told
            | {"phases": (*record.phases,), "withdrawn": None, "has_failed": code == 1}
        )


def exit_code(facts: RunFacts) -> int | None:
    """Return what the command ends with; None where the run has not ended, or nobody knows how."""
    if facts.finished_at is None:
        return None
    if facts.signum is not None:
        return _BY_SIGNAL + facts.signum
    if facts.at_limit:
        return 4
    return 1 if facts.has_failed or any(made and made.error is not None for made in _products(facts)) else 0


def build_result(facts: RunFacts, view: View, *, after: Counts | None = None, is_brief: bool = False) -> RunResult:
    """Return what a run came to: its facts, with counts, failures and figures as the checkpoint has them now.

    `after` are the counts, where they are known. With `is_brief`, what takes long to find out is left out: failures,
    metrics, warnings.
    """
    after = after or counts(view)
    total, success, pending = sum(after.by_status.values()), after.by_status["ok"], after.by_status["pending"]
    all_ok = is_brief or total == success
    return RunResult(
        **_told_alike(facts)
        | {
            "phases": [*facts.phases],
            "withdrawn": facts.withdrawn or view.withdrawn(facts.run_id, all_ok=all_ok),
        }
        | (_brief(facts) if is_brief else _in_full(facts, view, after)),
        exit_code=exit_code(facts),
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        by_status=after.by_status,
        after=after,
        out=str(view.root.root),
        unread=view.unread,
    )


def _told_alike(one: RunFacts | RunResult) -> dict[str, Any]:
    """Return what facts and results have in common, by its name."""
    names = [name for name in RunFacts.__struct_fields__ if name in RunResult.__struct_fields__]
    return {name: getattr(one, name) for name in names}


def _brief(facts: RunFacts) -> dict[str, Any]:
    return {"metrics": facts.metrics or {}, "failures": []}


def _in_full(facts: RunFacts, view: View, after: Counts) -> dict[str, Any]:
    """Return what a result says of items one by one."""
    return {
        "metrics": view.metrics(after.by_group) if facts.metrics is None else facts.metrics,
        "failures": held_failures(view),
        "known_to_fail": view.known_to_fail(),
        "warnings": warnings_of(view),
    }


def sum_facts(parts: Sequence[RunFacts]) -> RunFacts:
    """Return what several parts came to together, in order; what can't be summed is that of the one that ended last.

    A part that has not ended is summed too. Of products that which the last part made, or one failed to make, is told.
    """
    newest = max(reversed(parts), key=lambda part: (part.finished_at or "", part.started_at))
    made = sum((part.documents for part in parts), Documents())
    ends = [part.finished_at for part in parts if part.finished_at is not None]
    return msgspec.structs.replace(
        newest,
        started_at=min(part.started_at for part in parts),
        finished_at=max(ends, default=None),
        rendered=sum(part.rendered for part in parts),
        kept=sum(part.kept for part in parts),
        before=sum_of([part.before for part in parts]),
        worker_restarts=sum(part.worker_restarts for part in parts),
        left_out_by_samples=sum(part.left_out_by_samples for part in parts),
        documents=made,
        environment=newest.environment | {"acceleration": made.acceleration},
        overview=_last_made([part.overview for part in parts]),
        merged=_last_made([part.merged for part in parts]),
        at_limit=any(part.at_limit for part in parts),
        has_failed=any(part.has_failed for part in parts),
    )


def _last_made(reports: Sequence[ProductReport | None]) -> ProductReport | None:
    found = [report for report in reports if report is not None]
    failed = [report for report in found if report.error is not None]
    return (failed or found)[-1] if found else None


def within(part: str, facts: RunFacts) -> RunFacts:
    """Return the facts of a part, the paths of its products from the folder of all parts on."""
    overview, merged = (report and report_within(part, report) for report in _products(facts))
    return msgspec.structs.replace(facts, overview=overview, merged=merged)


def report_within(part: str, report: ProductReport) -> ProductReport:
    """Return a product's report, its paths from the folder of all parts on."""
    paths = {name: f"{part}/{path}" for name in ("path", "out_of_date") if (path := getattr(report, name)) is not None}
    return msgspec.structs.replace(report, **paths)


def _products(facts: RunFacts) -> tuple[ProductReport | None, ...]:
    return facts.overview, facts.merged
