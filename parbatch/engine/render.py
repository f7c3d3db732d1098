"""The stage that renders: what is due goes through a schedule and a dispatch to the workers, and into the journal."""

import contextlib
from collections.abc import Callable, Iterator

from parbatch.dispatch.backends import Backend
from parbatch.dispatch.chunk_size import AHEAD, ChunkSizer
from parbatch.dispatch.deadlines import Longest
from parbatch.dispatch.dispatcher import Dispatch, Limits
from parbatch.dispatch.journal import Journal
from parbatch.dispatch.scheduler import Schedule
from parbatch.engine.listening import Listener
from parbatch.engine.session import Setting
from parbatch.model.item import Task
from parbatch.model.messages import Ended
from parbatch.model.roles import RENDER_CHUNK
from parbatch.model.units import format_duration
from parbatch.planning.order import Bounds, LineUp
from parbatch.planning.plan import Plan, tasks_due
from parbatch.reports import progress as progressing
from parbatch.reports.results import Tally
from parbatch.storage.chunk_log import ChunkBook
from parbatch.storage.item_outputs import ItemOutputs
from parbatch.storage.parts import output_elsewhere


class Rendering:
    """The items of a run being rendered, and what that has come to: counts, why it ended early, restarts of workers."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._bounds = Bounds(setting.asked.chunk_size, setting.loaded.job.max_entries)
        self._spent_before = setting.checkpoint.spent_s + (setting.phase_of.spent_s if setting.phase_of else 0.0)
        self.tally = Tally()
        self.stopped_by: str | None = None
        self.restarts = 0
        self.has_begun = False
        self.left_out_by_samples = 0

    def run(self, plan: Plan) -> None:
        """Render everything that is due. Raises SetupError when no worker can start."""
        if not plan.due or self._time_is_up():
            return
        self.has_begun = True
        setting = self._setting
        with self._progress(plan.due) as progress, setting.workers(setting.slots) as backend:
            whole = RENDER_CHUNK in setting.loaded.job.functions
            book = ChunkBook(setting.checkpoint, setting.run_id) if setting.index or whole else None
            outputs = ItemOutputs(
                setting.checkpoint,
                setting.folder,
                setting.run_id,
                keep_stale=setting.asked.keep_stale,
                elsewhere=lambda place: output_elsewhere(setting.folder, place),
            )
            began = None if setting.asked.selection.exact else setting.began
            journal = Journal(outputs, plan.code, backend.wake, setting.log_heading, began=began, chunks=book)
            sink = _Observed(journal, self.tally, progress, setting.listener)
            tasks, count, then = self._tasks(plan, journal)
            schedule = Schedule(
                tasks,
                count,
                setting.slots,
                sizer=self._sizer(),
                attempts=setting.asked.attempts,
                timeout=setting.asked.timeout,
                max_failures=setting.asked.max_failures,
                failures_before=setting.phase_of.failures if setting.phase_of else 0,
                max_same_failure=setting.asked.max_same_failure,
                max_entries=self._bounds.most_entries if setting.index else None,
                then=then,
                backoff=setting.loaded.job.backoff,
                whole=whole,
            )
            if book is not None:
                book.begun = schedule.begun
            try:
                self._dispatch(schedule, backend, sink, progress)
            finally:
                journal.finish()
        if schedule.stopped_by is not None and (schedule.has_more or self.tally.cut_off):
            self.stopped_by = schedule.stopped_by

    @contextlib.contextmanager
    def _progress(self, due: int) -> Iterator[progressing.Progress]:
        """A progress display for this run, or the one of all phases."""
        setting = self._setting
        if setting.phase_of is None or setting.phase_of.progress is None:
            with contextlib.closing(progressing.start(setting.asked.progress, due, setting.stream)) as progress:
                yield progress
        else:
            setting.phase_of.progress.begin(setting.loaded.job.name, due)
            yield setting.phase_of.progress

    def _sizer(self) -> ChunkSizer:
        fresh = self._setting.loaded.job.fresh_worker
        size = 1 if fresh == "attempt" else self._setting.asked.chunk_size
        return ChunkSizer(size, self._setting.slots, ahead=AHEAD if fresh is None else 1)

    def _time_is_up(self) -> bool:
        budget, spent = self._setting.asked.time_budget, self._spent_before
        if budget is None or spent < budget:
            return False
        self.stopped_by = f"the time budget of {format_duration(budget)} was used up before ({format_duration(spent)})"
        return True

    def _tasks(
        self, plan: Plan, journal: Journal
    ) -> tuple[Iterator[Task], int, Callable[[], tuple[Iterator[Task], int]] | None]:
        """What is due, and what follows once that has settled."""
        selection = self._setting.asked.selection
        if not selection.sample_groups:
            return tasks_due(self._setting.checkpoint, selection, self._bounds), plan.due, None
        lineup = LineUp(self._setting.checkpoint, selection, self._bounds)

        def others() -> tuple[Iterator[Task], int]:
            journal.flush()  # so that the checkpoint knows how the samples ended
            self.left_out_by_samples = lineup.leave_out_failed_groups()
            return lineup.others()

        return *lineup.samples(), others

    def _dispatch(
        self, schedule: Schedule, backend: Backend, sink: "_Observed", progress: progressing.Progress
    ) -> None:
        budget = self._setting.asked.time_budget

        def watch(longest: Longest | None) -> None:
            self._setting.look_after()
            progress.waits_for(*(longest or ("", 0.0)))

        dispatch = Dispatch(
            schedule,
            backend,
            sink,
            slots=self._setting.slots,
            tmp=str(self._setting.tmp),
            limits=Limits(self._setting.memory_cap, self._setting.asked.timeout),
            stop_at=None if budget is None else self._setting.began + budget - self._spent_before,
            hold_back=self._setting.listener.hold_back,
            say=progress.say,
            watch=watch,
        )
        try:
            self._setting.listener.interrupts.tell(dispatch)
            dispatch.run()
        finally:
            self.restarts += dispatch.restarts


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
