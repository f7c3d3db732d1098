"""From what each phase came to, to the result of the whole run."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from parbatch.model.result import Counts, Documents, PhaseReport, ProductReport, RunResult, State, sum_of
from parbatch.model.selection import Selection
from parbatch.reports.results import counts, held_failures, warnings_of
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.filters import known_to_fail
from parbatch.storage.folder import Folder
from parbatch.storage.withdrawals import withdrawn_in


def sum_up(
    names: Sequence[str],
    results: Mapping[str, RunResult],
    counts_now: Mapping[str, Counts],
    joined: Checkpoint,
    root: Folder,
    *,
    began: tuple[datetime, float],
    signum: int | None,
    stopped_by: str | None,
) -> RunResult:
    """One result in place of those of the phases that were done: `results`, in order, at least one.

    `counts_now` has the counts of each phase that has a checkpoint, `joined` is all of them as one, `began`
    the time and the monotonic time at which the run began.
    """
    newest = [*results.values()][-1]
    after = counts(joined)
    total, success, pending = sum(after.by_status.values()), after.by_status["ok"], after.by_status["pending"]
    # Of each phase when its turn came; those that the run did not get to are as they were.
    before = sum_of([results[name].before if name in results else now for name, now in counts_now.items()])
    failed = held_failures(joined, root)
    made = sum((result.documents for result in results.values()), Documents())
    state: State = "interrupted" if signum is not None else "stopped" if stopped_by is not None else "finished"
    return msgspec.structs.replace(
        newest,
        job=names[-1],
        state=state,
        exit_code=_exit_code(results, signum, stopped_by),
        started_at=began[0].isoformat(timespec="milliseconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        duration_s=round(time.monotonic() - began[1], 3),
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        rendered=sum(result.rendered for result in results.values()),
        kept=sum(results[name].kept if name in results else now.by_status["ok"] for name, now in counts_now.items()),
        by_status=after.by_status,
        before=before,
        after=after,
        worker_restarts=sum(result.worker_restarts for result in results.values()),
        overview=_product((name, result.overview) for name, result in results.items()),
        merged=_product((name, result.merged) for name, result in results.items()),
        metrics={f"{name}/{key}": value for name, result in results.items() for key, value in result.metrics.items()},
        failures=failed,
        out=str(root.root),
        unread=joined.unread,
        stopped_by=stopped_by,
        warnings=warnings_of(joined),
        withdrawn=withdrawn_in(joined, newest.run_id),
        known_to_fail=known_to_fail(joined, Selection()),
        documents=made,
        environment=newest.environment | {"acceleration": made.acceleration},
        phases=[_phase(name, results.get(name), counts_now.get(name)) for name in names],
    )


def _exit_code(results: Mapping[str, RunResult], signum: int | None, stopped_by: str | None) -> int:
    """That of the phase at which the run stopped, and 1 where one could not begin; else whether all went well."""
    if signum is not None:
        return 128 + signum
    codes = [result.exit_code or 0 for result in results.values()]
    return max(*codes, 0 if stopped_by is None else 1)


def _product(made: Iterable[tuple[str, ProductReport | None]]) -> ProductReport | None:
    """What the last phase made, or one that failed to; its path starts from the folder of all."""
    found = [(name, report) for name, report in made if report is not None]
    failed = [one for one in found if one[1].error is not None]
    return within(*(failed or found)[-1]) if found else None


def within(phase: str, report: ProductReport) -> ProductReport:
    """The same, its path from the folder of all phases on."""
    paths = {name: f"{phase}/{path}" for name in ("path", "out_of_date") if (path := getattr(report, name)) is not None}
    return msgspec.structs.replace(report, **paths)


def _phase(name: str, result: RunResult | None, now: Counts | None) -> PhaseReport:
    by_status = now.by_status if now else {}
    total, success, pending = sum(by_status.values()), by_status.get("ok", 0), by_status.get("pending", 0)
    return PhaseReport(
        name=name,
        state=result.state if result else "not begun",
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        rendered=result.rendered if result else 0,
        duration_s=(result and result.duration_s) or 0.0,
    )
