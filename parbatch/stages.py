"""The stages of one run, and what they share: rendering the items, the overview, the report."""

import contextlib
import os
import shutil
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from parbatch import backends, merged, overview
from parbatch import progress as progressing
from parbatch.announcing import announcements
from parbatch.attempt import Settings
from parbatch.backends import Backend
from parbatch.baselines import baseline_file
from parbatch.checkpoint import Checkpoint
from parbatch.chunk_book import ChunkBook, set_held
from parbatch.chunks import AHEAD, ChunkSizer
from parbatch.dispatch import Dispatch, Limits
from parbatch.errors import NothingRunError, ParbatchError, SetupError
from parbatch.folder import Folder
from parbatch.guardian import Guardian
from parbatch.identity import heading, identity
from parbatch.journal import Journal
from parbatch.limits import default_cap
from parbatch.lineup import Bounds, LineUp
from parbatch.listening import Listener
from parbatch.loading import LoadedJob
from parbatch.metrics import summaries
from parbatch.model import MERGE, OVERVIEW, RENDER_CHUNK, Ended, Task
from parbatch.options import Options
from parbatch.plan import BASELINE, Plan, tasks_due
from parbatch.products import Making, is_current, known
from parbatch.reporting import Tally, chunk_figures, counts, environment, failures, warnings_of
from parbatch.reports import write_reports
from parbatch.reports.material import Material
from parbatch.result import Counts, ProductReport, RunResult, State
from parbatch.schedule import Schedule
from parbatch.sessions import forget_record, keep_record
from parbatch.store import write_index
from parbatch.units import format_duration


def new_run_id() -> str:
    """The name of a run that begins now; they are in order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def write_out(result: RunResult, checkpoint: Checkpoint, folder: Folder) -> None:
    """Write the reports; a person is told of one that can't be written."""
    for problem in write_reports(Material(result, checkpoint, folder)).values():
        progressing.show(f"parbatch: {problem}", sys.stderr)


@contextlib.contextmanager
def _breaking_off_in_words(folder: Folder) -> Iterator[None]:
    """Explain a disk that is full or gone in the middle of a run: what was committed stays, and can be gone on with."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ParbatchError(
            f"The run broke off: {folder.root} can't be written ({error})."
            " What was finished before is kept. Mend that, then go on with --resume."
        ) from error


@dataclass
class _Clock:
    """When a run began, for people and for measuring."""

    started_at: datetime
    monotonic: float


@dataclass(frozen=True)
class PhaseOf:
    """What a phase has from the run that it is part of: what the others have used up of the limits goes into its own.

    `progress` is None where the phase has nothing to render.
    """

    run_id: str
    progress: progressing.Progress | None
    spent_s: float
    failures: int


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
    ) -> None:
        self._loaded = loaded
        self._asked = asked
        self._folder = folder
        self._checkpoint = checkpoint
        self._clock = _Clock(datetime.now(UTC), time.monotonic())
        self._phase_of = phase_of
        self._run_id = phase_of.run_id if phase_of else new_run_id()
        self._tmp = folder.tmp / self._run_id
        self._identity = identity(loaded)
        self._listener = listener or Listener()
        self._interrupts = self._listener.interrupts
        self._tally = Tally()
        self._before: Counts = counts(checkpoint)
        self._products: dict[str, ProductReport] = {}
        self._stopped_by: str | None = None
        self._restarts = 0
        self._known_to_fail = 0
        self._left_out_by_samples = 0
        self._spent_before = checkpoint.spent_s + (phase_of.spent_s if phase_of else 0.0)
        self._slots = max(1, slots)
        self._memory_cap = asked.memory or default_cap(self._slots)
        self._index = ""
        self._bounds = Bounds(asked.chunk_size, loaded.job.max_entries)
        self.stream = sys.stderr if asked.json else sys.stdout

    def run(self, plan: Plan) -> RunResult:
        """All stages of a run that is planned."""
        with _breaking_off_in_words(self._folder), self._interrupts.watched():
            with self.working_folder():
                self.begin()
                self.render_items(plan)
                self.make_products()
            result = self.result()
            self.write_down(result)
            return result

    def only_products(self, products: Iterable[str]) -> dict[str, ProductReport]:
        """These products, made anew, and nothing else. A failure, or an interruption, is a report."""
        with _breaking_off_in_words(self._folder), self._interrupts.watched(), self.working_folder():
            for product in products:
                self._make_product(product)
            return self._products

    def show(self, text: str) -> None:
        """Print a text for people, in what characters their terminal has."""
        progressing.show(text, self.stream)

    def announce(self, plan: Plan) -> None:
        """Say what is going to happen, where it is not plain."""
        for line in announcements(self._loaded, plan, accelerate=self._asked.accelerate):
            self.show(line)

    @contextlib.contextmanager
    def working_folder(self) -> Iterator[None]:
        """The run's own temporary folder; what killed runs left in theirs goes too."""
        for leftover in self._folder.tmp.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        self._tmp.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(self._tmp, ignore_errors=True)

    def begin(self) -> None:
        """Write down that there is a run: one that is killed stays `running`, until somebody comes by."""
        set_held(self._checkpoint, {})
        self._checkpoint.set_run(self._run_id, "running")
        self._index = str(write_index(self._checkpoint, self._folder) or "")
        keep_record(self.result("running"), self._folder)

    def render_items(self, plan: Plan) -> None:
        """Render everything that is due."""
        self._known_to_fail = plan.known_to_fail
        if not plan.due or self._time_is_up():
            return
        with self._progress(plan.due) as progress, self._backend(self._slots) as backend:
            whole = RENDER_CHUNK in self._loaded.job.functions
            book = ChunkBook(self._checkpoint, self._run_id) if self._index or whole else None
            journal = Journal(
                self._checkpoint,
                self._folder,
                self._run_id,
                plan.code,
                backend.wake,
                heading(self._identity, self._run_id, str(self._folder.root)),
                began=None if self._asked.selection.exact else self._clock.monotonic,
                chunks=book,
            )
            sink = _Observed(journal, self._tally, progress, self._listener)
            tasks, count, then = self._tasks(plan, journal)
            schedule = Schedule(
                tasks,
                count,
                self._slots,
                sizer=self._sizer(),
                attempts=self._asked.attempts,
                timeout=self._asked.timeout,
                max_failures=self._asked.max_failures,
                failures_before=self._phase_of.failures if self._phase_of else 0,
                max_same_failure=self._asked.max_same_failure,
                max_entries=self._bounds.most_entries if self._index else None,
                then=then,
                backoff=self._loaded.job.backoff,
                whole=whole,
            )
            if book is not None:
                book.begun = schedule.begun
            try:
                self._dispatch(schedule, backend, sink, progress.say)
            finally:
                journal.finish()
        if schedule.stopped_by is not None and (schedule.has_more or self._tally.cut_off):
            self._stopped_by = schedule.stopped_by

    @contextlib.contextmanager
    def _progress(self, due: int) -> Iterator[progressing.Progress]:
        """A progress display for this run, or the one of all phases."""
        if self._phase_of is None or self._phase_of.progress is None:
            with contextlib.closing(progressing.start(self._asked.progress, due, self.stream)) as progress:
                yield progress
        else:
            self._phase_of.progress.begin(self._loaded.job.name, due)
            yield self._phase_of.progress

    def _sizer(self) -> ChunkSizer:
        fresh = self._loaded.job.fresh_worker
        size = 1 if fresh == "attempt" else self._asked.chunk_size
        return ChunkSizer(size, self._slots, ahead=AHEAD if fresh is None else 1)

    def _time_is_up(self) -> bool:
        budget, spent = self._asked.time_budget, self._spent_before
        if budget is None or spent < budget:
            return False
        self._stopped_by = f"the time budget of {format_duration(budget)} was used up before ({format_duration(spent)})"
        return True

    def _tasks(
        self, plan: Plan, journal: Journal
    ) -> tuple[Iterator[Task], int, Callable[[], tuple[Iterator[Task], int]] | None]:
        """What is due, and what follows once that has settled."""
        selection = self._asked.selection
        if not selection.sample_groups:
            return tasks_due(self._checkpoint, selection, self._bounds), plan.due, None
        lineup = LineUp(self._checkpoint, selection, self._bounds)

        def others() -> tuple[Iterator[Task], int]:
            journal.flush()  # so that the checkpoint knows how the samples ended
            self._left_out_by_samples = lineup.leave_out_failed_groups()
            return lineup.others()

        return *lineup.samples(), others

    def _dispatch(self, schedule: Schedule, backend: Backend, sink: "_Observed", say: Callable[[str], None]) -> None:
        budget = self._asked.time_budget
        dispatch = Dispatch(
            schedule,
            backend,
            sink,
            slots=self._slots,
            tmp=str(self._tmp),
            limits=Limits(self._memory_cap, self._asked.timeout),
            stop_at=None if budget is None else self._clock.monotonic + budget - self._spent_before,
            hold_back=self._listener.hold_back,
            say=say,
        )
        try:
            self._interrupts.tell(dispatch)
            dispatch.run()
        except SetupError as error:
            error.exit_code = 1 if self._tally.rendered else NothingRunError.exit_code
            self._checkpoint.set_run(self._run_id, "stopped")
            if self._tally.rendered:
                self._stopped_by = str(error)
                keep_record(self.result("stopped"), self._folder)
            else:
                forget_record(self._run_id, self._folder)
            raise
        finally:
            self._restarts += dispatch.restarts

    def make_products(self) -> None:
        """Merge the results and make the overview, unless the run ended early, or what is there is up to date.

        Of shards, all are joined first.
        """
        job = self._loaded.job
        wanted = {MERGE: job.merging is not None, OVERVIEW: OVERVIEW in job.functions}
        if self._folder.shard is not None:
            return
        for product in (product for product, is_wanted in wanted.items() if is_wanted):
            if self._state() != "finished" or self._asked.selection.exact is not None:
                return
            if is_current(self._checkpoint, self._folder, product):
                self._products[product] = known(self._checkpoint, product)
            else:
                self._make_product(product)

    def _make_product(self, product: str) -> None:
        making = Making(
            self._folder,
            lambda: self._backend(1),
            tmp=str(self._tmp),
            memory_cap=self._memory_cap,
            on_dispatch=self._interrupts.tell,
            log_heading=heading(self._identity, self._run_id, str(self._folder.root)),
        )
        try:
            self._products[product] = (
                merged.make(self._checkpoint, self._loaded.job, making)
                if product == MERGE
                else overview.make(self._checkpoint, making)
            )
        except SetupError as error:
            self._products[product] = ProductReport(error=str(error))
        if self._products[product].error is not None:
            self._stopped_by = self._stopped_by or self._interrupts.cancelled

    def result(self, state: State | None = None) -> RunResult:
        """What has come of it so far; the state is that of now, unless it is said."""
        state = state or self._state()
        after = counts(self._checkpoint)
        total, success, pending = sum(after.by_status.values()), after.by_status["ok"], after.by_status["pending"]
        has_ended = state != "running"
        failed = list(failures(self._checkpoint, self._folder)) if has_ended else []
        return RunResult(
            job=self._loaded.job.name,
            run_id=self._run_id,
            state=state,
            exit_code=self.exit_code if has_ended else None,
            started_at=self._clock.started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds") if has_ended else None,
            duration_s=round(time.monotonic() - self._clock.monotonic, 3) if has_ended else None,
            workers=self._asked.workers,
            backend=self._asked.backend,
            total=total,
            success=success,
            errors=total - success - pending,
            pending=pending,
            rendered=self._tally.rendered,
            kept=self._before.by_status["ok"],
            by_status=after.by_status,
            before=self._before,
            after=after,
            worker_restarts=self._restarts,
            overview=self._products.get(OVERVIEW),
            merged=self._products.get(MERGE),
            warnings=warnings_of(self._checkpoint),
            environment=environment(self._identity),
            metrics=summaries(self._checkpoint, after.by_group),
            failures=failed,
            out=str(self._folder.root),
            stopped_by=self._stopped_by,
            known_to_fail=sum(failure.known_to_fail for failure in failed),
            left_out_by_samples=self._left_out_by_samples,
            memory_cap_bytes=self._memory_cap,
            chunks=chunk_figures(self._checkpoint, self._run_id),
            shard=None if self._folder.shard is None else str(self._folder.shard),
        )

    def write_down(self, result: RunResult) -> None:
        """Keep a result in the checkpoint and the folder; the reports of a phase are those of its whole run."""
        self._checkpoint.set_run(self._run_id, result.state)
        keep_record(result, self._folder)
        if self._phase_of is None:
            write_out(result, self._checkpoint, self._folder)

    @property
    def new_failures(self) -> int:
        """How many items were tried and are not ok."""
        return self._tally.failures

    @property
    def came_to_nothing(self) -> bool:
        """Whether items were ok, and none of them left a file or a result: most likely a forgotten return."""
        return bool(self._tally.empty) and self._tally.empty == self._tally.rendered - self._tally.failures

    @property
    def exit_code(self) -> int:
        """What the command ends with, after what has happened so far."""
        if self._interrupts.signum is not None:
            return 128 + self._interrupts.signum
        if self._stopped_by is not None:
            return 4
        product_failed = any(product.error is not None for product in self._products.values())
        return 1 if self._tally.failures or self._known_to_fail or product_failed else 0

    # --- inside

    @contextlib.contextmanager
    def _backend(self, slots: int) -> Iterator[Backend]:
        """A backend of so many slots, and a guardian beside it in case this process is killed."""
        key = self._baseline_key()
        settings = Settings(
            job=self._loaded.ref,
            base=str(self._loaded.base),
            tmp=str(self._tmp),
            capture_prefix=f"{self._tmp}/slot-",
            memory_cap=self._memory_cap,
            timeout=self._asked.timeout,
            accelerate=self._asked.accelerate,
            job_file=str(self._loaded.file or ""),
            context=self._index,
            identity=self._identity,
            baseline_key=key,
            baseline_file=str(baseline_file(self._folder.baselines, key)) if key else "",
        )
        mark = f"{self._run_id}-{os.getpid()}"
        with Guardian(mark):
            backend = backends.start(self._asked.backend, settings, mark, slots)
            in_order = False
            try:
                yield backend
                in_order = True
            finally:
                backend.close(at_once=not in_order)

    def _baseline_key(self) -> str:
        """The key that the items were planned with; empty for a job without a baseline."""
        job = self._loaded.job
        if "baseline" not in job.functions:
            return ""
        return self._checkpoint.files().get(BASELINE) or job.baseline_key() or ""

    def _state(self) -> State:
        if self._interrupts.signum is not None:
            return "interrupted"
        return "finished" if self._stopped_by is None else "stopped"


class _Observed:
    """The journal, with the tally, the progress display and the listener told of what it records."""

    def __init__(self, journal: Journal, tally: Tally, progress: progressing.Progress, listener: Listener) -> None:
        self.publish = journal.publish
        self.next_deadline = journal.next_deadline
        self.tick = journal.tick
        self.chunk_ended = journal.chunk_ended
        self._journal = journal
        self._tally = tally
        self._progress = progress
        self._listener = listener

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """See Sink."""
        self._journal.record(task, ended, settled=settled, now=now)
        if settled:
            self._tally.take(ended)
            self._progress.settled(task, ended)
            self._listener.settled(task, ended)
