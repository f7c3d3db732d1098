"""What goes where next, who is in flight, who is suspect, and when to stop. No process, no clock of its own.

A pure state machine: the coordinator tells it what happened and when, and asks what to do. A crash is data: the item in
flight comes out, and is tried once more alone; its chunk-mates go back to the front of the queue.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from parbatch.chunks import ChunkSizer, within
from parbatch.model import RENDER, Chunk, Ended, Task
from parbatch.units import counted


@dataclass(slots=True)
class _InHand:
    """A chunk that a slot has: which task is next, and whether the worker has begun it."""

    chunk: Chunk
    alone: bool
    next: int = 0
    begun: bool = False

    def current(self) -> Task:
        return self.chunk.tasks[self.next]

    def rest(self) -> list[Task]:
        return self.chunk.tasks[self.next :]


@dataclass(slots=True)
class _Slot:
    chunks: deque[_InHand] = field(default_factory=deque)
    since: float = 0.0


class Schedule:
    """The state of all work of one kind: fresh tasks from `source`, due again, in the slots, and settled.

    `total` is how many tasks the source has; `attempts` how often an item is tried; `timeout` in seconds bounds one
    attempt; `max_failures` stops handing out once so many items have settled as not ok, and
    `max_same_failure` once so many attempts in a row, in the order in which they end, had the same fingerprint.
    `max_entries` bounds the distinct entries that the items of a chunk require, where items require any.
    `then` gives further tasks, and how many, once all before them have settled.
    """

    def __init__(
        self,
        source: Iterator[Task],
        total: int,
        slots: int,
        *,
        sizer: ChunkSizer,
        attempts: int = 1,
        timeout: float | None = None,
        max_failures: int | None = None,
        max_same_failure: int | None = None,
        max_entries: int | None = None,
        role: str = RENDER,
        then: Callable[[], tuple[Iterator[Task], int]] | None = None,
    ) -> None:
        self._source = source
        self._left = total
        self._slots = [_Slot() for _ in range(slots)]
        self._sizer = sizer
        self._attempts = attempts
        self._timeout = timeout
        self._max_failures = max_failures
        self._max_same_failure = max_same_failure
        self._max_entries = max_entries
        self._role = role
        self._then = then
        self._back: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._chunks_made = 0
        self._failures = 0
        self._settled = 0
        self._last_fingerprint = ""
        self._alike = 0
        self.stopped_by: str | None = None

    # --- asked by the coordinator

    @property
    def finished(self) -> bool:
        """Whether nothing is in flight and nothing more will be handed out."""
        return not self.busy and (self.stopped_by is not None or not self.has_more)

    @property
    def has_more(self) -> bool:
        """Whether there are tasks that are not handed out, or could be."""
        return bool(self.waiting) or self._then is not None

    @property
    def waiting(self) -> int:
        """How many tasks are not handed out."""
        return self._left + len(self._back) + len(self._suspects)

    @property
    def busy(self) -> bool:
        """Whether any slot has work."""
        return any(slot.chunks for slot in self._slots)

    def has_work(self, number: int) -> bool:
        """Whether a slot has a chunk, begun or not."""
        return bool(self._slots[number].chunks)

    def hand_out(self, number: int) -> Chunk | None:
        """The next chunk for a slot, or None when it has enough or nothing is to be had."""
        slot = self._slots[number]
        if self.stopped_by is not None or any(held.alone for held in slot.chunks):
            return None
        if self._then is not None and not self.waiting and not self.busy:
            (self._source, self._left), self._then = self._then(), None
        if self._suspects:
            return None if slot.chunks else self._give(slot, [self._suspects.popleft()], alone=True)
        if not self.waiting or len(slot.chunks) >= self._room():
            return None
        size = self._sizer.next(self.waiting)
        tasks = [self._back.popleft() for _ in range(min(size, len(self._back)))]
        wanted = size - len(tasks)
        fresh = list(islice(self._source, wanted))
        self._left = self._left - wanted if len(fresh) == wanted else 0
        tasks += fresh
        if self._max_entries is not None:
            tasks, beyond = within(tasks, self._max_entries)
            self._back.extendleft(reversed(beyond))
        return self._give(slot, tasks, alone=False) if tasks else None

    def begun(self) -> list[Chunk]:
        """The chunks that workers are at: those whose entries are held."""
        return [held.chunk for slot in self._slots for held in slot.chunks if held.begun]

    def in_flight(self, number: int) -> Task | None:
        """The task that a slot's worker is at, if it is at one."""
        chunks = self._slots[number].chunks
        return chunks[0].current() if chunks and chunks[0].begun else None

    def deadline(self, number: int) -> float | None:
        """When the attempt in flight in a slot has used up its time, on the coordinator's clock."""
        if self._timeout is None or self.in_flight(number) is None:
            return None
        return self._slots[number].since + self._timeout

    def since(self, number: int) -> float:
        """When the attempt in flight in a slot began, on the coordinator's clock."""
        return self._slots[number].since

    # --- told by the coordinator

    def began(self, number: int, now: float) -> None:
        """A slot's worker is at the first task of its next chunk."""
        slot = self._slots[number]
        slot.chunks[0].begun = True
        slot.since = now

    def ended(self, number: int, ended: Ended, now: float) -> tuple[Task, bool]:
        """An attempt has ended. Returns its task, and whether the item is settled (else it is tried again)."""
        slot = self._slots[number]
        held = slot.chunks[0]
        task = held.current()
        if (task.position, task.number) != (ended.position, ended.number):
            raise AssertionError(f"slot {number} reports {ended.position}, but {task.position} is in flight")
        held.next += 1
        slot.since = now
        if held.next == len(held.chunk.tasks):
            slot.chunks.popleft()
        self._sizer.observe(ended.duration_s)
        self._compare(ended)
        return task, self._settle(task, ended)

    def died(self, number: int) -> None:
        """A slot's worker is no more; call `ended` first for the task in flight, if there was one."""
        slot = self._slots[number]
        rest = [task for held in slot.chunks for task in held.rest()]
        alone = [task for held in slot.chunks if held.alone for task in held.rest()]
        slot.chunks.clear()
        self._suspects.extendleft(reversed(alone))
        self._back.extendleft(task for task in reversed(rest) if task not in alone)

    returned = died

    def stop(self, reason: str) -> None:
        """Hand out nothing more; the first reason stays."""
        self.stopped_by = self.stopped_by or reason

    # --- inside

    def _give(self, slot: _Slot, tasks: list[Task], *, alone: bool) -> Chunk:
        self._chunks_made += 1
        chunk = Chunk(self._chunks_made, tasks, self._role)
        slot.chunks.append(_InHand(chunk, alone))
        return chunk

    def _room(self) -> int:
        """How many chunks a slot may hold: near the end one, so that no work waits while a slot is idle."""
        held = sum(len(slot.chunks) for slot in self._slots)
        near_end = self.waiting <= self._sizer.next(self.waiting) * (2 * len(self._slots) - held)
        return 1 if near_end else self._sizer.chunks_ahead()

    def _compare(self, ended: Ended) -> None:
        """Count failures alike in a row: they speak of a broken environment, not of so many broken items."""
        if ended.status == "ok":
            self._alike = 0
            return
        self._alike = self._alike + 1 if ended.fingerprint == self._last_fingerprint else 1
        self._last_fingerprint = ended.fingerprint
        if self._max_same_failure is not None and self._alike >= self._max_same_failure:
            in_a_row = counted(self._alike, "attempt")
            self.stop(f"{in_a_row} in a row failed alike (--max-same-failure {self._max_same_failure})")

    def _settle(self, task: Task, ended: Ended) -> bool:
        tries = max(self._attempts, 2) if ended.status == "crashed" else self._attempts
        if ended.status != "ok" and task.number < tries:
            (self._suspects if ended.status == "crashed" else self._back).append(task.again())
            return False
        self._settled += 1
        if ended.status != "ok":
            self._failures += 1
            if self._max_failures is not None and self._failures >= self._max_failures:
                self.stop(f"{counted(self._failures, 'failure')} (--max-failures {self._max_failures})")
        return True
