"""One part of a run, from its plan to its record: prepare ─▶ render ─▶ products ─▶ record.

A part is all of a plain run, a phase, or a shard; which it is, it does not know. Called by `run`, which holds its
folder, with the job and the options for this part.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from parbatch.engine.announcements import announcements
from parbatch.engine.products.make import Products, products_of
from parbatch.engine.render import Rendering
from parbatch.engine.session import RunSession
from parbatch.engine.workshop import Workshop
from parbatch.errors import ParbatchError, SetupError
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.result import Counts, RunEnd, RunResult, State
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.planning.plan import Plan
from parbatch.planning.prepare import open_and_plan
from parbatch.reports import write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import (
    RunFacts,
    build_result,
    chunk_figures,
    counts,
    counts_of,
    environment,
)
from parbatch.reports.run_records import forget_record, keep_record, note_killed_runs
from parbatch.storage.chunk_log import set_held
from parbatch.storage.context_store import write_index
from parbatch.storage.damage import REFUSALS, damage_in_words, explained
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part
from parbatch.storage.opening import discard
from parbatch.storage.product_records import is_current, known
from parbatch.storage.system_errors import in_words, is_damage, is_of_sqlite
from parbatch.storage.withdrawals import carry_out, mark_all_not_ok


@dataclass(frozen=True)
class PartRun:
    """A part that is to be run: its job, its options, and what is made of it besides its items.

    `begun` is called once its plan is made, and written down.
    """

    part: Part
    loaded: LoadedJob
    options: Options
    makes_products: bool = True
    writes_reports: bool = True
    begun: Callable[[], None] = field(default=lambda: None)


def run_part(run: PartRun, session: RunSession) -> RunResult:
    """Do what is due in a part. The caller holds its folder.

    Raises as planning does, with nothing begun; SetupError, and ParbatchError for what broke the run off, with the
    `result` of what was done before. Where no item came to be rendered, a first run leaves no checkpoint.
    """
    folder = run.part.folder
    is_first = not folder.has_checkpoint
    note_killed_runs(folder)
    with session.reporter.reading(run.loaded) as read:
        checkpoint, plan = open_and_plan(folder, read, run.options)
    run.begun()
    try:
        with contextlib.closing(checkpoint), damage_in_words(folder.checkpoint):
            session.reporter.announce(run.part, announcements(run.loaded, plan, accelerate=run.options.accelerate))
            session.budget.spent_s += checkpoint.spent_s
            slots = min(run.options.workers, plan.due)
            return _PartAtWork(run, Workshop(run.loaded, run.options, folder, checkpoint, session, slots=slots)).run(
                plan
            )
    except SetupError as error:
        if is_first and error.before_first_item:
            discard(folder.checkpoint)
        raise


@contextlib.contextmanager
def breaking_off_in_words(
    folder: Folder, done_before: Callable[[str], RunResult | None] = lambda _: None
) -> Iterator[None]:
    """Explain what the system refuses in the middle of a run: what was committed stays, and can be gone on with.

    `done_before` is told why, and gives what was done before, if that can still be found out.
    """
    try:
        yield
    except ParbatchError:
        raise
    except Exception as error:
        damage = explained(error, folder.checkpoint)
        refused = damage is None or (is_of_sqlite(error) and not is_damage(error))
        why = in_words(error, folder.checkpoint) if refused else str(damage).rstrip(".")
        if why is None:
            raise
        told = ParbatchError(
            f"The run broke off: {why}. What was finished before is kept. Mend that, then go on with --resume."
        )
        told.result = done_before(f"The run broke off: {why}")
        raise told from error


class _PartAtWork:
    """A part whose checkpoint is open and planned, and what it has come to so far."""

    def __init__(self, run: PartRun, workshop: Workshop) -> None:
        self._run = run
        self._shop = workshop
        self._session = workshop.session
        self._rendering = Rendering(workshop, run.part)
        self._products = Products(workshop)
        self._planned: Counts = counts(workshop.view)
        self._at_start = self._planned
        self._known_to_fail = 0
        self._broke_off_by: str | None = None

    def run(self, plan: Plan) -> RunResult:
        """Render what is due, make the products, and write down what it came to."""
        with breaking_off_in_words(self._shop.folder, self._done_before), self._session.control.watched():
            if plan.before is not None:
                self._at_start = counts_of(plan.before)
            try:
                with self._shop.open():
                    self._begin()
                    self._render(plan)
                    self._make_products()
                result = self._result()
                self._write_down(result)
            except KeyboardInterrupt as interrupt:
                self._write_down_at_once(interrupt)
                raise
            return result

    def _begin(self) -> None:
        """Write down that there is a run: one that is killed stays `running`, until somebody comes by."""
        shop, options, run_id = self._shop, self._run.options, self._session.run_id
        set_held(shop.checkpoint, {})
        shop.checkpoint.set_run(run_id, "running")
        shop.index = str(write_index(shop.checkpoint, shop.folder) or "")
        now = shop.checkpoint.counts()
        if (
            sum(now.values()) > now["ok"] + now["pending"]
            and not options.keep_stale
            and options.selection.exact is None
        ):
            mark_all_not_ok(shop.checkpoint, shop.folder, run_id)
            carry_out(shop.checkpoint, shop.folder)
        keep_record(self._result("running"), shop.folder)

    def _render(self, plan: Plan) -> None:
        """Render everything that is due."""
        self._known_to_fail = plan.known_to_fail
        try:
            self._rendering.run(plan)
        except SetupError as error:
            shop, has_rendered = self._shop, self._rendering.tally.rendered > 0
            shop.checkpoint.set_run(self._session.run_id, "stopped", RunEnd(stopped_by=str(error)))
            told = SetupError(str(error), before_first_item=not has_rendered)
            if has_rendered:
                self._broke_off_by = str(error)
                told.result = result = self._result("stopped")
                self._write_down(result)
            else:
                forget_record(self._session.run_id, shop.folder)
            raise told from error

    def _make_products(self) -> None:
        """Make the products, unless the run ended early, or what is there is up to date."""
        shop = self._shop
        if not self._run.makes_products:
            return
        for product in products_of(shop.loaded.job):
            if self._state != "finished" or self._run.options.selection.exact is not None:
                return
            if is_current(shop.checkpoint, shop.folder, product):
                self._products.reports[product] = known(shop.checkpoint, product)
            else:
                self._products.make([product])

    def _result(self, state: State | None = None) -> RunResult:
        """Return what has come of it so far; the state is that of now, unless it is given."""
        shop, facts = self._shop, self._facts(state or self._state)
        after = None if self._rendering.has_begun else self._planned
        return build_result(facts, shop.view, after=after, is_brief=facts.state == "running")

    def _facts(self, state: State) -> RunFacts:
        shop, session, rendering = self._shop, self._session, self._rendering
        has_ended = state != "running"
        made = rendering.tally.documents + self._products.documents
        return RunFacts(
            job=shop.loaded.job.name,
            run_id=session.run_id,
            state=state,
            started_at=shop.started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds") if has_ended else None,
            duration_s=round(time.monotonic() - shop.began, 3) if has_ended else None,
            workers=self._run.options.workers,
            backend=self._run.options.backend,
            rendered=rendering.tally.rendered,
            kept=self._planned.by_status["ok"],
            before=self._at_start,
            worker_restarts=rendering.restarts,
            overview=self._products.report(OVERVIEW),
            merged=self._products.report(MERGE),
            environment=environment(shop.identity, made.acceleration if has_ended else "not known yet"),
            stopped_by=self._stopped_by,
            left_out_by_samples=rendering.left_out_by_samples,
            memory_cap_bytes=shop.memory_cap,
            chunks=chunk_figures(shop.checkpoint, session.run_id),
            documents=made,
            shard=self._run.part.shard_name,
            signum=session.control.signum,
            at_limit=self._stopped_by is not None and self._broke_off_by is None,
            has_failed=bool(self._broke_off_by or rendering.tally.failures or self._known_to_fail),
        )

    def _write_down(self, result: RunResult) -> None:
        """Keep a result in the checkpoint and the folder; the reports of one part among several are those of all."""
        shop = self._shop
        shop.checkpoint.set_run(self._session.run_id, result.state, RunEnd.of(result))
        keep_record(result, shop.folder)
        if self._run.writes_reports:
            for problem in write_reports(Material(result, shop.view, shop.folder)).values():
                self._session.reporter.warn(problem)

    def _write_down_at_once(self, interrupt: KeyboardInterrupt) -> None:
        """Write down that a second signal has ended the run, without the reports and what takes long to find out."""
        signum = interrupt.args[0] if interrupt.args else signal.SIGINT
        shop = self._shop
        with contextlib.suppress(*REFUSALS):
            facts = msgspec.structs.replace(
                self._facts("running"),
                state="interrupted",
                signum=signum,
                finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                duration_s=round(time.monotonic() - shop.began, 3),
                stopped_by=None,
            )
            result = build_result(facts, shop.view, is_brief=True)
            shop.checkpoint.set_run(self._session.run_id, "interrupted")
            keep_record(result, shop.folder)

    def _done_before(self, why: str) -> RunResult | None:
        """Return what was done before an error ended the run; None where that is nothing, or can't be read any more."""
        self._broke_off_by = why
        with contextlib.suppress(*REFUSALS, ParbatchError):
            return self._result("stopped") if self._rendering.tally.rendered else None
        return None

    @property
    def _stopped_by(self) -> str | None:
        return self._rendering.stopped_by or self._broke_off_by or self._products.cancelled

    @property
    def _state(self) -> State:
        if self._session.control.signum is not None:
            return "interrupted"
        return "finished" if self._stopped_by is None else "stopped"
