"""The stage that renders: what is due goes through a scheduler and a dispatcher to workers, and into the journal.

Called by `part`, once what is due is planned. It knows one part: its workshop, and the budget that parts share.
"""

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
from parbatch.engine.workshop import Workshop
from parbatch.model.item import Task
from parbatch.model.messages import Ended
from parbatch.model.roles import RENDER_CHUNK
from parbatch.planning.order import Bounds, LineUp
from parbatch.planning.plan import Plan, tasks_due
from parbatch.reports.results import Tally
from parbatch.storage.chunk_log import ChunkLog
from parbatch.storage.item_outputs import ItemOutputs
from parbatch.storage.layout import Part
from parbatch.storage.parts import output_elsewhere


class Rendering:
    """The items of a part being rendered, and what that has come to: counts, why it ended early, restarted workers."""

    def __init__(self, workshop: Workshop, part: Part) -> None:
        self._workshop = workshop
        self._part = part
        self._bounds = Bounds(workshop.options.chunk_size, workshop.loaded.job.max_entries)
        self.tally = Tally()
        self.stopped_by: str | None = None
        self.restarts = 0
        self.has_begun = False
        self.left_out_by_samples = 0

    def run(self, plan: Plan) -> None:
        """Render everything that is due. Raises SetupError when no worker can start."""
        shop, budget = self._workshop, self._workshop.session.budget
        if not plan.due:
            return
        if budget.used_up is not None:
            self.stopped_by = budget.used_up
            return
        self.has_begun = True
        shop.session.reporter.begin(self._part, plan.due)
        with shop.workers(shop.slots) as backend:
            whole = RENDER_CHUNK in shop.loaded.job.functions
            scheduler = self._scheduler(plan, works_on_chunk=whole)
            logs_chunks = bool(shop.index) or whole
            chunks = ChunkLog(shop.checkpoint, shop.session.run_id, scheduler.begun) if logs_chunks else None
            journal = self._journal(plan, backend, chunks)
            try:
                self._dispatch(scheduler, backend, journal)
            finally:
                journal.finish()
                budget.failures += self.tally.failures
        if scheduler.stopped_by is not None and (scheduler.has_more or self.tally.cut_off):
            self.stopped_by = scheduler.stopped_by

    def _journal(self, plan: Plan, backend: Backend, chunks: ChunkLog | None) -> Journal:
        shop = self._workshop
        outputs = ItemOutputs(
            shop.checkpoint,
            shop.folder,
            shop.session.run_id,
            keep_stale=shop.options.keep_stale,
            elsewhere=lambda place: output_elsewhere(shop.folder, place),
        )
        began = None if shop.options.selection.exact else shop.began
        return Journal(outputs, plan.code, backend.wake, shop.log_heading, began=began, chunks=chunks)

    def _sizer(self) -> ChunkSizer:
        fresh = self._workshop.loaded.job.fresh_worker
        size = 1 if fresh == "attempt" else self._workshop.options.chunk_size
        return ChunkSizer(size, self._workshop.slots, ahead=AHEAD if fresh is None else 1)

    def _scheduler(self, plan: Plan, *, works_on_chunk: bool) -> Scheduler:
        shop, options, budget = self._workshop, self._workshop.options, self._workshop.session.budget
        return Scheduler(
            self._queue(plan),
            shop.slots,
            self._sizer(),
            RetryPolicy(options.attempts, shop.loaded.job.backoff),
            StopRules(
                max_failures=options.max_failures,
                failures_before=budget.failures,
                max_same_failure=options.max_same_failure,
                stop_at=budget.stop_at(shop.began),
            ),
            ChunkMode(
                timeout=options.timeout,
                works_on_chunk=works_on_chunk,
                max_entries=self._bounds.most_entries if shop.index else None,
            ),
        )

    def _queue(self, plan: Plan) -> StagedQueue:
        """Return what is due: the samples first, and what follows once these have settled."""
        checkpoint, selection = self._workshop.checkpoint, self._workshop.options.selection
        if not selection.sample_groups:
            return StagedQueue(tasks_due(checkpoint, selection, self._bounds), plan.due)
        lineup = LineUp(checkpoint, selection, self._bounds)

        def others() -> tuple[Iterator[Task], int]:
            self.left_out_by_samples = lineup.leave_out_failed_groups()
            return lineup.others()

        return StagedQueue(*lineup.samples(), others)

    def _dispatch(self, scheduler: Scheduler, backend: Backend, journal: Journal) -> None:
        shop, session = self._workshop, self._workshop.session

        def watch(longest: Longest | None) -> None:
            shop.look_after()
            session.reporter.waits_for(*(longest or ("", 0.0)))

        def settled(task: Task, ended: Ended) -> None:
            self.tally.take(ended)
            session.reporter.settled(task, ended)

        dispatch = Dispatcher(
            scheduler,
            backend,
            journal,
            tmp=str(shop.tmp),
            memory_cap=shop.memory_cap,
            hooks=Hooks(session.control.hold_back, session.reporter.say, watch, settled),
        )
        try:
            session.control.tell(dispatch)
            dispatch.run()
        finally:
            self.restarts += dispatch.restarts
