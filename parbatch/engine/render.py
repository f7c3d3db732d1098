"""The stage that renders: what is due goes through a scheduler and a dispatcher to workers, and into the journal."""

import contextlib
from collections.abc import Iterator

from parbatch.dispatch.backends.base import Backend
from parbatch.dispatch.chunk_size import AHEAD, ChunkSizer
from parbatch.dispatch.dispatcher import Dispatcher, Hooks
from parbatch.dispatch.journal import Journal
from parbatch.dispatch.retry_policy import RetryPolicy
from parbatch.dispatch.scheduler import ChunkMode, Scheduler
from parbatch.dispatch.stop_rules import StopRules
from parbatch.dispatch.task_queue import StagedQueue
from parbatch.dispatch.worker_waits import Longest
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
from parbatch.storage.chunk_log import ChunkLog
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
            scheduler = self._scheduler(plan, works_on_chunk=whole)
            logs_chunks = bool(setting.index) or whole
            chunks = ChunkLog(setting.checkpoint, setting.run_id, scheduler.begun) if logs_chunks else None
            outputs = ItemOutputs(
                setting.checkpoint,
                setting.folder,
                setting.run_id,
                keep_stale=setting.asked.keep_stale,
                elsewhere=lambda place: output_elsewhere(setting.folder, place),
            )
            began = None if setting.asked.selection.exact else setting.began
            journal = Journal(outputs, plan.code, backend.wake, setting.log_heading, began=began, chunks=chunks)
            sink = _Observed(journal, self.tally, progress, setting.listener)
            try:
                self._dispatch(scheduler, backend, sink, progress)
            finally:
                journal.finish()
        if scheduler.stopped_by is not None and (scheduler.has_more or self.tally.cut_off):
            self.stopped_by = scheduler.stopped_by

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

    def _scheduler(self, plan: Plan, *, works_on_chunk: bool) -> Scheduler:
        setting, budget = self._setting, self._setting.asked.time_budget
        return Scheduler(
            self._queue(plan),
            setting.slots,
            self._sizer(),
            RetryPolicy(setting.asked.attempts, setting.loaded.job.backoff),
            StopRules(
                max_failures=setting.asked.max_failures,
                failures_before=setting.phase_of.failures if setting.phase_of else 0,
                max_same_failure=setting.asked.max_same_failure,
                stop_at=None if budget is None else setting.began + budget - self._spent_before,
            ),
            ChunkMode(
                timeout=setting.asked.timeout,
                works_on_chunk=works_on_chunk,
                max_entries=self._bounds.most_entries if setting.index else None,
            ),
        )

    def _queue(self, plan: Plan) -> StagedQueue:
        """Return what is due: the samples first, and what follows once these have settled."""
        selection = self._setting.asked.selection
        if not selection.sample_groups:
            return StagedQueue(tasks_due(self._setting.checkpoint, selection, self._bounds), plan.due)
        lineup = LineUp(self._setting.checkpoint, selection, self._bounds)

        def others() -> tuple[Iterator[Task], int]:
            self.left_out_by_samples = lineup.leave_out_failed_groups()
            return lineup.others()

        return StagedQueue(*lineup.samples(), others)

    def _dispatch(
        self, scheduler: Scheduler, backend: Backend, sink: "_Observed", progress: progressing.Progress
    ) -> None:
        def watch(longest: Longest | None) -> None:
            self._setting.look_after()
            progress.waits_for(*(longest or ("", 0.0)))

        dispatch = Dispatcher(
            scheduler,
            backend,
            sink,
            tmp=str(self._setting.tmp),
            memory_cap=self._setting.memory_cap,
            hooks=Hooks(self._setting.listener.hold_back, progress.say, watch),
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
        self.flush = journal.flush
        self._journal = journal
        self._tally = tally
        self._progress = progress
        self._listener = listener

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """See OutcomeSink."""
        self._journal.record(task, ended, settled=settled, now=now)
        if settled:
            self._tally.take(ended)
            self._progress.settled(task, ended)
            self._listener.settled(task, ended)
