"""The end of a run of several parts, and the reports of a folder anew: one result of all, and the reports of that.

`finish` is called by `run`, once the last part is done; `refresh` by `parbatch report`, and after one item was rendered
in its own part. What a part's outcomes are, the view tells; what a run has counted, the records of its parts.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from parbatch.engine.all_parts import result_of_all
from parbatch.engine.session import RunSession
from parbatch.errors import FolderError
from parbatch.model.result import Counts, PhaseReport, RunResult, State, sum_of
from parbatch.reports import REPORTS, write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import RunFacts, build_result, counts, sum_facts, within
from parbatch.reports.run_records import keep_record, newest_record, note_killed_runs, note_killed_runs_in_passing
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Layout, Part, check_meant, read_layout
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_existing
from parbatch.storage.product_records import made_before
from parbatch.storage.reader import reading
from parbatch.storage.view import View, open_view, view_of


def finish(layout: Layout, done: Mapping[str, RunResult], session: RunSession, stopped_by: str | None) -> RunResult:
    """Write down what the parts came to together: those that are `done` now, at least one, and the others as they are.

    The caller holds the folder of all. Returns the result of all.
    """
    now = {}
    for part in layout.begun():
        with reading(part.folder) as checkpoint:
            now[part.name] = counts(View.of(checkpoint, part.folder))
    facts = _facts_of_all(layout.parts, done, now, session, stopped_by)
    with open_view(layout.begun(), layout.root) as view:
        result = build_result(facts, view)
        keep_record(result, layout.root)
        for problem in write_reports(Material(result, view, layout.root)).values():
            session.reporter.warn(problem)
    return result


def _facts_of_all(
    parts: tuple[Part, ...],
    done: Mapping[str, RunResult],
    now: Mapping[str, Counts],
    session: RunSession,
    stopped_by: str | None,
) -> RunFacts:
    facts = {name: within(name, RunFacts.of(result)) for name, result in done.items()}
    others = [one for name, one in now.items() if name not in facts]
    summed = sum_facts([*facts.values()])
    state: State = "finished" if stopped_by is None else "stopped"
    metrics = {f"{name}/{key}": one for name, result in done.items() for key, one in result.metrics.items()}
    return msgspec.structs.replace(
        summed,
        job=parts[-1].name,
        state="interrupted" if session.control.signum is not None else state,
        signum=session.control.signum,
        has_failed=summed.has_failed or stopped_by is not None,
        started_at=session.started_at.isoformat(timespec="milliseconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        duration_s=round(time.monotonic() - session.began, 3),
        kept=summed.kept + sum(one.by_status["ok"] for one in others),
        before=sum_of([(facts[name].before if name in facts else one) for name, one in now.items()]),
        stopped_by=stopped_by,
        metrics=metrics,
        phases=tuple(_report_of(part, done.get(part.name), now.get(part.name)) for part in parts),
    )


def _report_of(part: Part, result: RunResult | None, now: Counts | None) -> PhaseReport:
    by_status = now.by_status if now else {}
    total, success, pending = sum(by_status.values()), by_status.get("ok", 0), by_status.get("pending", 0)
    return PhaseReport(
        name=part.name,
        state=result.state if result else "not begun",
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        rendered=result.rendered if result else 0,
        duration_s=(result and result.duration_s) or 0.0,
    )


class Refreshed(NamedTuple):
    """Which reports were written, and what a person should know about them."""

    written: list[str]
    notes: list[str]


def refresh(folder: Folder) -> Refreshed:
    """Write the reports from what the checkpoints hold now, and from the newest record of each run.

    Raises FolderError where there is none, FolderHeldError during a run, CheckpointError for a damaged checkpoint.
    """
    layout = read_layout(folder)
    if layout is not None and layout.is_split:
        return _refresh_all(layout)
    check_meant(folder)
    if layout is None or not (layout.is_run_as_one or layout.begun()):
        raise FolderError(f"{folder.root} holds no run of parbatch. Name the job, or the folder with --out.")
    with hold(folder):
        note_killed_runs(folder)
        with damage_in_words(folder.checkpoint), _opened(folder, is_one=not layout.is_run_as_one) as view:
            record = newest_record(view, folder)
            problems = write_reports(Material(build_result(RunFacts.of(record), view), view, folder))
            last = view.last_run()
    notes = [*problems.values()]
    if last and last[0] != record.run_id:
        notes.append(
            f"The last run ({last[0]}) was cut off and left no record. The counts and failures are those of the"
            f" checkpoint now; times and worker figures are of the run before ({record.run_id})."
        )
    elif record.state == "killed":
        notes.append(f"The last run ({record.run_id}) was killed: when it ended, and its worker figures, nobody knows.")
    return Refreshed([name for name in REPORTS if name not in problems], notes)


def _refresh_all(layout: Layout) -> Refreshed:
    """Write the reports of all parts that have begun, each run by itself."""
    note_killed_runs_in_passing(layout.root)
    with hold(layout.root) as held:
        held.keep()
        with open_view(layout.begun(), layout.root) as view:
            before = made_before(layout.root)
            result = result_of_all(layout, view, before.products, before.documents)
            problems = write_reports(Material(result, view, layout.root))
    notes = [*problems.values()]
    if result.state != "finished":
        notes.append(f"Not everything is in it yet: {result.stopped_by}.")
    return Refreshed([name for name in REPORTS if name not in problems], notes)


@contextlib.contextmanager
def _opened(folder: Folder, *, is_one: bool) -> Iterator[View]:
    """Open a view of a folder that is held; a checkpoint of an earlier version gets the present format."""
    if not is_one:
        with view_of(folder) as view:
            yield view
        return
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        yield View.of(checkpoint, folder)
