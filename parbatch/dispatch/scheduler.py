"""Which slot works on which tasks next, what is in flight, and when a run is finished.

A pure state machine, without a process, a file or a clock: the dispatcher tells it what happened and when, and asks
what to do. A crash is data: the item in flight comes out, and is tried once more alone; its chunk-mates go back to the
front. Where the job's code works on a whole chunk at once, all of its items are in flight, and each is tried once more
alone. What may be tried again is `RetryPolicy`'s to say, when to stop `StopRules`', how much goes at once
`ChunkSizer`'s, and what there is to do at all the `TaskQueue`'s.
"""

from collections import deque
from dataclasses import dataclass

from parbatch.dispatch.backlog import Backlog
from parbatch.dispatch.chunk_size import MOST_BYTES_AHEAD, ChunkSizer, within
from parbatch.dispatch.retry_policy import RetryPolicy
from parbatch.dispatch.slot import AssignedChunk, Slot
from parbatch.dispatch.stop_rules import StopRules
from parbatch.dispatch.task_queue import TaskQueue
from parbatch.model.item import Task
from parbatch.model.messages import Chunk, Ended
from parbatch.model.roles import RENDER


@dataclass(frozen=True, slots=True)
class ChunkMode:
    """How chunks are worked on.

    `role` names the job's function. `timeout` in seconds bounds one attempt, or, with `works_on_chunk`, by which all
    items of a chunk are in flight at once, the chunk. `max_entries` bounds the distinct entries that the items of a
    chunk require, where items require any.
    """

    role: str = RENDER
    timeout: float | None = None
    works_on_chunk: bool = False
    max_entries: int | None = None


class Scheduler:
    """The state of all work of one kind: tasks in the queue, due again, in `slots` slots, and settled."""

    def __init__(
        self,
        queue: TaskQueue,
        slots: int,
        sizer: ChunkSizer,
        retry: RetryPolicy | None = None,
        stops: StopRules | None = None,
        mode: ChunkMode | None = None,
    ) -> None:
        self._queue = queue
        self._slots = [Slot() for _ in range(slots)]
        self._sizer = sizer
        self._retry = retry or RetryPolicy()
        self._stops = stops or StopRules()
        self._mode = mode or ChunkMode()
        self._backlog = Backlog()
        self._chunks_made = 0

    # --- asked by the dispatcher

    @property
    def slots(self) -> range:
        """Return the numbers of the slots."""
        return range(len(self._slots))

    @property
    def timeout(self) -> float | None:
        """Return how many seconds an attempt may take, if that is bounded."""
        return self._mode.timeout

    @property
    def stopped_by(self) -> str | None:
        """Return why nothing more is handed out, if so."""
        return self._stops.reason

    @property
    def finished(self) -> bool:
        """Return whether nothing is in flight and nothing more will be handed out."""
        return not self.busy and (self.stopped_by is not None or not self.has_more)

    @property
    def has_more(self) -> bool:
        """Return whether there are tasks that are not handed out, or could be."""
        return bool(self.waiting) or self._queue.has_next_stage

    @property
    def waiting(self) -> int:
        """Return how many tasks are not handed out."""
        return self._queue.left + len(self._backlog)

    @property
    def busy(self) -> bool:
        """Return whether any slot has work."""
        return any(slot.chunks for slot in self._slots)

    @property
    def stage_is_over(self) -> bool:
        """Return whether all tasks of a stage have settled and another one is to begin."""
        return self._queue.has_next_stage and self.stopped_by is None and not self.waiting and not self.busy

    def has_work(self, number: int) -> bool:
        """Return whether a slot has a chunk, begun or not."""
        return bool(self._slots[number].chunks)

    def hand_out(self, number: int, now: float = 0.0) -> Chunk | None:
        """Return the next chunk for a slot, or None when it has enough or nothing is to be had."""
        self._backlog.release(now)
        slot = self._slots[number]
        if self._stops.reason is not None or slot.has_suspect:
            return None
        if self._backlog.has_suspects:
            if slot.chunks:
                return None
            suspect = self._backlog.take_suspect()
            return self._assign(slot, [suspect], suspect.size, is_alone=True)
        if not self._available or len(slot.chunks) >= self._room() or slot.size >= MOST_BYTES_AHEAD:
            return None
        tasks, size = self._take(self._sizer.next(self._available))
        return self._assign(slot, tasks, size, is_alone=False) if tasks else None

    def begun(self) -> list[Chunk]:
        """Return the chunks that workers are at: those whose entries are held."""
        return [assigned.chunk for slot in self._slots for assigned in slot.chunks if assigned.is_begun]

    def in_flight(self, number: int) -> list[Task]:
        """Return the tasks that a slot's worker is at: one, none, or several where its code works on a whole chunk."""
        return self._slots[number].in_flight()

    def find(self, number: int, position: int) -> Task | None:
        """Return the task in flight in a slot that is at this position, if one is."""
        chunks = self._slots[number].chunks
        return chunks[0].find(position) if chunks else None

    def is_next(self, number: int, chunk: int) -> bool:
        """Return whether a slot's worker can begin this chunk now."""
        chunks = self._slots[number].chunks
        return bool(chunks) and not chunks[0].is_begun and chunks[0].chunk.number == chunk

    def attempt(self, number: int) -> Task | Chunk | None:
        """Return what a slot's worker is at: a task, a chunk if it is at all that is left of it, or None."""
        return self._slots[number].attempt()

    def deadline(self, number: int) -> float | None:
        """Return when the attempt in flight in a slot has used up its time, on the dispatcher's clock."""
        slot = self._slots[number]
        return None if self._mode.timeout is None or slot.current is None else slot.since + self._mode.timeout

    def since(self, number: int) -> float:
        """Return when the attempt in flight in a slot began, on the dispatcher's clock."""
        return self._slots[number].since

    @property
    def next_due(self) -> float | None:
        """Return when the next of the items that wait between attempts is due, on the dispatcher's clock."""
        return self._backlog.next_due if self.stopped_by is None else None

    @property
    def budget_ends(self) -> float | None:
        """Return when the time budget is used up, on the dispatcher's clock, if that would stop the run."""
        return self._stops.deadline

    # --- told by the dispatcher

    def begin_next_stage(self) -> bool:
        """Go on to the next stage of the queue. Return whether there was one."""
        return self._queue.next_stage()

    def began(self, number: int, now: float) -> None:
        """Note that a slot's worker is at the first task of its next chunk."""
        slot = self._slots[number]
        slot.chunks[0].is_begun = True
        slot.since = now

    def rendered(self, number: int, now: float, *, is_last: bool = False) -> None:
        """Note that the task that a slot's worker was at waits for the validation of its chunk.

        It is the last where a stop has cut the chunk short: what is left of that goes back.
        """
        slot = self._slots[number]
        assigned = slot.chunks[0]
        assigned.rendered += 1
        slot.since = now
        if is_last:
            self._backlog.give_back(assigned.cut())

    def ended(self, number: int, ended: Ended, now: float) -> tuple[Task, bool]:
        """Note that an attempt has ended. Return its task, and whether the item is settled (else it is tried again)."""
        slot = self._slots[number]
        assigned = slot.chunks[0]
        task = assigned.remove(ended)
        if not assigned.works_on_chunk:
            slot.since = now
        if not assigned.left:
            slot.chunks.popleft()
        self._sizer.observe(ended.duration_s)
        if ended.status == "ok":
            self._stops.count_ok()
            return task, True
        self._stops.count_failed(ended.fingerprint, assigned.chunk.number, had_company=assigned.had_company)
        return task, self._settle(task, ended, now, had_company=assigned.had_company)

    def died(self, number: int) -> None:
        """Note that a slot's worker is no more; call `ended` first for the task in flight, if there was one."""
        suspects, others = self._slots[number].clear()
        self._backlog.give_back_suspects(suspects)
        self._backlog.give_back(others)

    returned = died

    def stop(self, reason: str) -> None:
        """Hand out nothing more; the first reason stays."""
        self._stops.stop(reason)

    def check_budget(self, now: float) -> None:
        """Hand out nothing more if the time budget is used up."""
        self._stops.check_time(now)

    # --- inside

    @property
    def _available(self) -> int:
        """Return how many tasks any slot could take on now."""
        return self._queue.left + self._backlog.ready

    def _take(self, most: int) -> tuple[list[Task], int]:
        """Take the tasks of a chunk: first those that have been handed out before. Return them and their bytes."""
        tasks, size = self._backlog.take(most)
        spoils_fresh = self._mode.works_on_chunk and any(task.number > 1 for task in tasks)
        wanted = 0 if spoils_fresh or self._backlog.is_heavy else most - len(tasks)
        fresh, size = self._queue.take(wanted, size)
        tasks += fresh
        if self._mode.max_entries is not None:
            tasks, beyond = within(tasks, self._mode.max_entries)
            self._backlog.give_back(beyond)
            size -= sum(task.size for task in beyond)
        return tasks, size

    def _assign(self, slot: Slot, tasks: list[Task], size: int, *, is_alone: bool) -> Chunk:
        self._chunks_made += 1
        chunk = Chunk(self._chunks_made, tasks, self._mode.role)
        slot.chunks.append(AssignedChunk(chunk, deque(tasks), size, is_alone, self._mode.works_on_chunk))
        return chunk

    def _room(self) -> int:
        """Return how many chunks a slot may hold: near the end one, so that no work waits while a slot is idle."""
        assigned = sum(len(slot.chunks) for slot in self._slots)
        left = self._available
        is_near_end = left <= self._sizer.next(left) * (2 * len(self._slots) - assigned)
        return 1 if is_near_end else self._sizer.chunks_ahead()

    def _settle(self, task: Task, ended: Ended, now: float, *, had_company: bool) -> bool:
        """Do what becomes of an item after an attempt that was not ok. Return whether it is settled."""
        verdict = self._retry.judge(
            task, ended.status, had_company=had_company, works_on_chunks=self._mode.works_on_chunk
        )
        if verdict == "settled":
            self._stops.count_settled()
            return True
        task = task.again(ended.feedback)
        if verdict == "alone":
            self._backlog.add_suspect(task)
        elif self._retry.backoff is None:
            self._backlog.add([task])
        else:
            self._backlog.put_off(task, now + self._retry.delay(task.number))
        return False
