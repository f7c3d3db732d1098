"""The stages of one run: rendering the items, merging and the overview, the report."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from parbatch.engine.announcements import announcements
from parbatch.engine.control import Interrupts
from parbatch.engine.listening import Listener
from parbatch.engine.products import merge as merged
from parbatch.engine.products import overview
from parbatch.engine.products.product import Making
from parbatch.engine.render import Rendering
from parbatch.engine.session import PhaseOf, Setting
from parbatch.errors import ParbatchError, SetupError
from parbatch.model import terminal
from parbatch.model.loading import LoadedJob
from parbatch.model.messages import Ended
from parbatch.model.options import Options
from parbatch.model.result import Counts, Documents, ProductReport, RunEnd, RunResult, State
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.planning.plan import Plan
from parbatch.reports import write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import (
    RunFacts,
    build_result,
    chunk_figures,
    counts,
    counts_of,
    documents,
    environment,
    exit_code,
)
from parbatch.reports.run_records import forget_record, keep_record
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.chunk_log import set_held
from parbatch.storage.context_store import write_index
from parbatch.storage.damage import REFUSALS, explained
from parbatch.storage.folder import Folder
from parbatch.storage.product_records import is_current, known, older
from parbatch.storage.recovery import recover
from parbatch.storage.system_errors import in_words, is_damage, is_of_sqlite
from parbatch.storage.view import View
from parbatch.storage.withdrawals import carry_out, mark_all_not_ok


def write_out(result: RunResult, view: View, folder: Folder) -> None:
    """Write the reports; a person is told of one that can't be written."""
    for problem in write_reports(Material(result, view, folder)).values():
        terminal.show(f"parbatch: {problem}", sys.stderr)


@contextlib.contextmanager
def _breaking_off_in_words(
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


class Stages:
    """The stages of one run, or of one phase of it, and what they share."""

    def __init__(
        self,
        loaded: LoadedJob,
        asked: Options,
        folder: Folder,
        checkpoint: Checkpoint,
        *,
        slots: int = 1,
        phase_of: PhaseOf | None = None,
        listener: Listener | None = None,
        view: View | None = None,
    ) -> None:
        self._setting = Setting(loaded, asked, folder, checkpoint, max(1, slots), phase_of, listener or Listener())
        self._rendering = Rendering(self._setting)
        self._view = view or View.of(checkpoint, folder)
        self._planned: Counts = counts(self._view)
        self._at_start = self._planned
        self._products: dict[str, ProductReport] = {}
        self._in_products = Documents()
        self._known_to_fail = 0
        self._ended_by: str | None = None
        self._broke_off = False  # by an error, not by a limit

    @property
    def _interrupts(self) -> Interrupts:
        return self._setting.listener.interrupts

    @property
    def _stopped_by(self) -> str | None:
        return self._rendering.stopped_by or self._ended_by

    def run(self, plan: Plan) -> RunResult:
        """All stages of a run that is planned."""
        with _breaking_off_in_words(self._setting.folder, self._done_before), self._interrupts.watched():
            if plan.before is not None:
                self._at_start = counts_of(plan.before)
            try:
                with self.working_folder():
                    self.begin()
                    self.render_items(plan)
                    self.make_products()
                result = self.result()
                self.write_down(result)
            except KeyboardInterrupt as interrupt:
                self._write_down_at_once(interrupt)
                raise
            return result

    def only_products(
        self, products: Iterable[str], then: Callable[[dict[str, ProductReport]], None] = lambda _: None
    ) -> dict[str, ProductReport]:
        """These products, made anew, and nothing else. A failure, or an interruption, is a report.

        `then` writes down what was made: once the temporary folder is gone, nothing else tells whose the files are.
        """
        with _breaking_off_in_words(self._setting.folder), self._interrupts.watched(), self.working_folder():
            for product in products:
                self._make_product(product)
            then(self._products)
            return self._products

    def show(self, text: str) -> None:
        """Print a text for people, in what characters their terminal has."""
        terminal.show(text, self._setting.stream)

    def announce(self, plan: Plan) -> None:
        """Say what is going to happen, where it is not plain."""
        for line in announcements(self._setting.loaded, plan, accelerate=self._setting.asked.accelerate):
            self.show(line)

    @contextlib.contextmanager
    def working_folder(self) -> Iterator[None]:
        """The run's own temporary folder; what killed runs left half done is taken back first."""
        setting = self._setting
        recover(setting.checkpoint, setting.folder)
        setting.folder.tree.make_folder(setting.tmp)
        try:
            yield
        except BaseException:
            # The first error is the one to tell; what stays in the folder is the next run's to look at.
            with contextlib.suppress(*REFUSALS):
                recover(setting.checkpoint, setting.folder)
            raise
        recover(setting.checkpoint, setting.folder)

    def begin(self) -> None:
        """Write down that there is a run: one that is killed stays `running`, until somebody comes by."""
        set_held(self._setting.checkpoint, {})
        self._setting.checkpoint.set_run(self._setting.run_id, "running")
        self._setting.index = str(write_index(self._setting.checkpoint, self._setting.folder) or "")
        asked = self._setting.asked
        now = self._setting.checkpoint.counts()
        if sum(now.values()) > now["ok"] + now["pending"] and not asked.keep_stale and asked.selection.exact is None:
            mark_all_not_ok(self._setting.checkpoint, self._setting.folder, self._setting.run_id)
            carry_out(self._setting.checkpoint, self._setting.folder)
        keep_record(self.result("running"), self._setting.folder)

    def render_items(self, plan: Plan) -> None:
        """Render everything that is due."""
        self._known_to_fail = plan.known_to_fail
        try:
            self._rendering.run(plan)
        except SetupError as error:
            setting, has_rendered = self._setting, self._rendering.tally.rendered > 0
            setting.checkpoint.set_run(setting.run_id, "stopped", RunEnd(stopped_by=str(error)))
            told = SetupError(str(error), before_first_item=not has_rendered)
            if has_rendered:
                self._ended_by = str(error)
                self._broke_off = True
                told.result = result = self.result("stopped")
                self.write_down(result)
            else:
                forget_record(setting.run_id, setting.folder)
            raise told from error

    def make_products(self) -> None:
        """Merge the results and make the overview, unless the run ended early, or what is there is up to date.

        Of shards, all are joined first.
        """
        job = self._setting.loaded.job
        wanted = {MERGE: job.merging is not None, OVERVIEW: OVERVIEW in job.functions}
        if self._setting.asked.shard is not None:
            return
        for product in (product for product, is_wanted in wanted.items() if is_wanted):
            if self._state() != "finished" or self._setting.asked.selection.exact is not None:
                return
            if is_current(self._setting.checkpoint, self._setting.folder, product):
                self._products[product] = known(self._setting.checkpoint, product)
            else:
                self._make_product(product)

    def _make_product(self, product: str) -> None:
        making = Making(
            self._setting.folder,
            self._view,
            lambda: self._setting.workers(1),
            tmp=str(self._setting.tmp),
            memory_cap=self._setting.memory_cap,
            timeout=self._setting.asked.timeout,
            on_dispatch=self._interrupts.tell,
            log_heading=self._setting.log_heading,
            on_end=self._count_documents,
        )
        try:
            self._products[product] = (
                merged.make(self._setting.checkpoint, self._setting.loaded.job, making)
                if product == MERGE
                else overview.make(self._setting.checkpoint, making)
            )
        except SetupError as error:
            self._products[product] = ProductReport(error=str(error))
        if self._products[product].error is not None:
            self._ended_by = self._ended_by or self._interrupts.cancelled

    def result(self, state: State | None = None) -> RunResult:
        """What has come of it so far; the state is that of now, unless it is said."""
        facts = self.facts(state)
        after = None if self._rendering.has_begun else self._planned
        return build_result(facts, self._view, after=after, is_brief=facts.state == "running")

    def facts(self, state: State | None = None) -> RunFacts:
        """What it has come to so far, but for what the checkpoint holds."""
        setting, rendering, state = self._setting, self._rendering, state or self._state()
        has_ended = state != "running"
        return RunFacts(
            job=setting.loaded.job.name,
            run_id=setting.run_id,
            state=state,
            started_at=setting.started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds") if has_ended else None,
            duration_s=round(time.monotonic() - setting.began, 3) if has_ended else None,
            workers=setting.asked.workers,
            backend=setting.asked.backend,
            rendered=rendering.tally.rendered,
            kept=self._planned.by_status["ok"],
            before=self._at_start,
            worker_restarts=rendering.restarts,
            overview=self._product(OVERVIEW),
            merged=self._product(MERGE),
            environment=environment(setting.identity, self.documents.acceleration if has_ended else "not known yet"),
            stopped_by=self._stopped_by,
            left_out_by_samples=rendering.left_out_by_samples,
            memory_cap_bytes=setting.memory_cap,
            chunks=chunk_figures(setting.checkpoint, setting.run_id),
            documents=self.documents,
            shard=None if setting.asked.shard is None else str(setting.asked.shard),
            signum=self._interrupts.signum,
            at_limit=self._stopped_by is not None and not self._broke_off,
            has_failed=bool(self._broke_off or rendering.tally.failures or self._known_to_fail),
        )

    def _product(self, product: str) -> ProductReport | None:
        """What became of a product; where none was made, an older one that is still there is named."""
        setting, made = self._setting, self._products.get(product)
        if made is not None and made.error is None:
            return made
        return older(setting.checkpoint, setting.folder, product, made)

    def write_down(self, result: RunResult) -> None:
        """Keep a result in the checkpoint and the folder; the reports of a phase are those of its whole run."""
        self._setting.checkpoint.set_run(self._setting.run_id, result.state, RunEnd.of(result))
        keep_record(result, self._setting.folder)
        if self._setting.phase_of is None:
            write_out(result, self._view, self._setting.folder)

    @property
    def new_failures(self) -> int:
        """How many items were tried and are not ok."""
        return self._rendering.tally.failures

    @property
    def documents(self) -> Documents:
        """What was made with python-docx so far, accelerated or not."""
        return self._rendering.tally.documents + self._in_products

    @property
    def came_to_nothing(self) -> bool:
        """Whether items were ok, and none of them left a file or a result: most likely a forgotten return."""
        tally = self._rendering.tally
        return bool(tally.empty) and tally.empty == tally.rendered - tally.failures

    @property
    def exit_code(self) -> int:
        """What the command ends with, after what has happened so far."""
        return exit_code(self.facts()) or 0

    # --- inside

    def _done_before(self, why: str) -> RunResult | None:
        """What was done before an error ended the run; None where that is nothing, or can't be read any more."""
        self._ended_by, self._broke_off = why, True
        with contextlib.suppress(*REFUSALS, ParbatchError):
            return self.result("stopped") if self._rendering.tally.rendered else None
        return None

    def _count_documents(self, ended: Ended) -> None:
        self._in_products += documents(ended)

    def _write_down_at_once(self, interrupt: KeyboardInterrupt) -> None:
        """Write down that a second signal has ended the run, without the reports and what takes long to find out."""
        signum = interrupt.args[0] if interrupt.args else signal.SIGINT
        with contextlib.suppress(*REFUSALS):
            facts = msgspec.structs.replace(
                self.facts("running"),
                state="interrupted",
                signum=signum,
                finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                duration_s=round(time.monotonic() - self._setting.began, 3),
                stopped_by=None,
            )
            result = build_result(facts, self._view, is_brief=True)
            self._setting.checkpoint.set_run(self._setting.run_id, "interrupted")
            keep_record(result, self._setting.folder)

    def _state(self) -> State:
        if self._interrupts.signum is not None:
            return "interrupted"
        return "finished" if self._stopped_by is None else "stopped"
