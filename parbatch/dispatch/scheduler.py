"""What goes where next, who is in flight, who is suspect, and when to stop. No process, no clock of its own.

A pure state machine: the coordinator tells it what happened and when, and asks what to do. A crash is data: the item in
flight comes out, and is tried once more alone; its chunk-mates go back to the front of the queue. Where the job's code
works on a whole chunk at once, all of its items are in flight, and each is tried once more alone.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from parbatch.dispatch.chunk_size import MOST_BYTES, MOST_BYTES_AHEAD, MOST_BYTES_PUT_OFF, ChunkSizer, take, within
from parbatch.model.item import Task
from parbatch.model.messages import Chunk, Ended
from parbatch.model.roles import RENDER
from parbatch.model.units import counted

# What befalls all that is in flight in a worker at once, so that each item alone has to show whose fault it is.
_ENDS_ALL = frozenset({"crashed", "timeout", "memory"})


@dataclass(slots=True)
class _InHand:
    """A chunk that a slot has: the tasks of it that have not ended, and how many of these wait for its validation.

    `together` says that several of them were in flight at once; `size` is the bytes of all its tasks.
    """

    chunk: Chunk
    left: deque[Task]
    alone: bool
    whole: bool
    size: int
    begun: bool = False
    rendered: int = 0
    together: bool = False

    @property
    def at_once(self) -> bool:
        """Whether the worker is at all that is left."""
        return self.whole or self.rendered == len(self.left)

    def in_flight(self) -> list[Task]:
        if not self.begun:
            return []
        return list(self.left) if self.at_once else [self.left[self.rendered]]

    def find(self, position: int) -> Task | None:
        """The task in flight that is at this position, if one is."""
        if not self.begun:
            return None
        if self.rendered < len(self.left) and self.left[self.rendered].position == position:  # nearly always
            return self.left[self.rendered]
        return next((task for task in self.left if task.position == position), None) if self.at_once else None

    def take(self, ended: Ended) -> Task:
        if self.begun and not self.whole and self.rendered < len(self.left):  # nearly always: one after another
            task = self.left[self.rendered]
            if task.position == ended.position and task.number == ended.number:
                del self.left[self.rendered]
                return task
        return self._take_any(ended)

    def _take_any(self, ended: Ended) -> Task:
        task = self.find(ended.position)
        if task is None or task.number != ended.number:
            raise AssertionError(f"the end of {ended.position} is reported, and it is not in flight")
        if self.at_once:
            self.together = self.together or len(self.left) > 1
            self.left.remove(task)
            self.rendered -= self.rendered > 0
        else:
            del self.left[self.rendered]
        return task

    def cut(self) -> list[Task]:
        """Take out what is not rendered: it will not be in this chunk."""
        rest = list(self.left)[self.rendered :]
        self.left = deque(islice(self.left, self.rendered))
        return rest


@dataclass(slots=True)
class _Slot:
    chunks: deque[_InHand] = field(default_factory=deque)
    since: float = 0.0

    @property
    def size(self) -> int:
        """The bytes of all that it has."""
        return sum(held.size for held in self.chunks)


class Schedule:
    """The state of all work of one kind: fresh tasks from `source`, due again, in the slots, and settled.

    `total` is how many tasks the source has; `attempts` how often an item is tried; `timeout` in seconds bounds one
    attempt; `max_failures` stops handing out once so many items have settled as not ok, `failures_before` counted, and
    `max_same_failure` once so many attempts in a row, in the order in which they end, had the same fingerprint.
    `max_entries` bounds the distinct entries that the items of a chunk require, where items require any.
    `then` gives further tasks, and how many, once all before them have settled. `backoff` is how many seconds an item
    waits before its second attempt, twice that before its third, and so on; a slot does other work meanwhile. With
    `whole`, all items of a chunk are in flight at once, and `timeout` bounds the chunk.
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
        failures_before: int = 0,
        max_same_failure: int | None = None,
        max_entries: int | None = None,
        role: str = RENDER,
        then: Callable[[], tuple[Iterator[Task], int]] | None = None,
        backoff: float | None = None,
        whole: bool = False,
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
        self._backoff = backoff
        self._whole = whole
        self._later: list[tuple[float, int, Task]] = []  # a heap: when each is due, and a number that keeps their order
        self._put_off = 0
        self._bytes_put_off = 0
        self._chunks_made = 0
        self._failures = failures_before
        self._settled = 0
        self._last_fingerprint = ""
        self._alike = 0
        self._failed_last: _InHand | None = None
        self.stopped_by: str | None = None
        self._stop_for_failures(failures_before)

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
        return self._to_be_had + len(self._suspects) + len(self._later)

    @property
    def _to_be_had(self) -> int:
        """How many of them any slot could take on now."""
        return self._left + len(self._back)

    @property
    def busy(self) -> bool:
        """Whether any slot has work."""
        return any(slot.chunks for slot in self._slots)

    def has_work(self, number: int) -> bool:
        """Whether a slot has a chunk, begun or not."""
        return bool(self._slots[number].chunks)

    def hand_out(self, number: int, now: float = 0.0) -> Chunk | None:
        """The next chunk for a slot, or None when it has enough or nothing is to be had."""
        while self._later and self._later[0][0] <= now:
            task = heapq.heappop(self._later)[2]
            self._bytes_put_off -= task.size
            self._back.append(task)
        slot = self._slots[number]
        if self.stopped_by is not None or any(held.alone for held in slot.chunks):
            return None
        if self._then is not None and not self.waiting and not self.busy:
            (self._source, self._left), self._then = self._then(), None
        if self._suspects:
            if slot.chunks:
                return None
            suspect = self._suspects.popleft()
            return self._give(slot, [suspect], suspect.size, alone=True)
        if not self._to_be_had or len(slot.chunks) >= self._room() or slot.size >= MOST_BYTES_AHEAD:
            return None
        size = self._sizer.next(self._to_be_had)
        tasks, filled = take(iter(self._back.popleft, None), min(size, len(self._back)))
        tried_again = self._whole and any(task.number > 1 for task in tasks)  # such a task spoils no fresh chunk
        wanted = 0 if tried_again or self._bytes_put_off >= MOST_BYTES_PUT_OFF else size - len(tasks)
        fresh, filled = take(self._source, wanted, filled)
        has_ended = len(fresh) < wanted and filled < MOST_BYTES
        self._left = 0 if has_ended else self._left - len(fresh)
        tasks += fresh
        if self._max_entries is not None:
            tasks, beyond = within(tasks, self._max_entries)
            self._back.extendleft(reversed(beyond))
            filled -= sum(task.size for task in beyond)
        return self._give(slot, tasks, filled, alone=False) if tasks else None

    def begun(self) -> list[Chunk]:
        """The chunks that workers are at: those whose entries are held."""
        return [held.chunk for slot in self._slots for held in slot.chunks if held.begun]

    def in_flight(self, number: int) -> list[Task]:
        """The tasks that a slot's worker is at: one, or several where its code works on the whole chunk, or none."""
        chunks = self._slots[number].chunks
        return chunks[0].in_flight() if chunks else []

    def find(self, number: int, position: int) -> Task | None:
        """The task in flight in a slot that is at this position, if one is."""
        chunks = self._slots[number].chunks
        return chunks[0].find(position) if chunks else None

    def is_next(self, number: int, chunk: int) -> bool:
        """Whether a slot's worker can begin this chunk now."""
        chunks = self._slots[number].chunks
        return bool(chunks) and not chunks[0].begun and chunks[0].chunk.number == chunk

    def attempt(self, number: int) -> Task | Chunk | None:
        """What a slot's worker is at: a task, a chunk if it is at all that is left of it, or None."""
        chunks = self._slots[number].chunks
        if not chunks or not chunks[0].begun:
            return None
        held = chunks[0]
        return held.chunk if held.at_once else held.left[held.rendered]

    def deadline(self, number: int) -> float | None:
        """When the attempt in flight in a slot has used up its time, on the coordinator's clock."""
        if self._timeout is None or self.attempt(number) is None:
            return None
        return self._slots[number].since + self._timeout

    def since(self, number: int) -> float:
        """When the attempt in flight in a slot began, on the coordinator's clock."""
        return self._slots[number].since

    @property
    def next_due(self) -> float | None:
        """When the next of the items that wait between attempts is due, on the coordinator's clock."""
        return self._later[0][0] if self._later and self.stopped_by is None else None

    # --- told by the coordinator

    def began(self, number: int, now: float) -> None:
        """A slot's worker is at the first task of its next chunk."""
        slot = self._slots[number]
        slot.chunks[0].begun = True
        slot.since = now

    def rendered(self, number: int, now: float, *, is_last: bool = False) -> None:
        """The task that a slot's worker was at waits for the validation of its chunk.

        It is the last where a stop has cut the chunk short: what is left of that goes back.
        """
        slot = self._slots[number]
        held = slot.chunks[0]
        held.rendered += 1
        slot.since = now
        if is_last:
            self._back.extendleft(reversed(held.cut()))

    def ended(self, number: int, ended: Ended, now: float) -> tuple[Task, bool]:
        """An attempt has ended. Returns its task, and whether the item is settled (else it is tried again)."""
        slot = self._slots[number]
        held = slot.chunks[0]
        task = held.take(ended)
        if not held.whole:
            slot.since = now
        if not held.left:
            slot.chunks.popleft()
        self._sizer.observe(ended.duration_s)
        self._compare(ended, held)
        return task, self._settle(task, ended, now, together=held.together)

    def died(self, number: int) -> None:
        """A slot's worker is no more; call `ended` first for the task in flight, if there was one."""
        slot = self._slots[number]
        rest = [task for held in slot.chunks for task in held.left]
        alone = [task for held in slot.chunks if held.alone for task in held.left]
        slot.chunks.clear()
        self._suspects.extendleft(reversed(alone))
        self._back.extendleft(task for task in reversed(rest) if task not in alone)

    returned = died

    def stop(self, reason: str) -> None:
        """Hand out nothing more; the first reason stays."""
        self.stopped_by = self.stopped_by or reason

    # --- inside

    def _give(self, slot: _Slot, tasks: list[Task], size: int, *, alone: bool) -> Chunk:
        self._chunks_made += 1
        chunk = Chunk(self._chunks_made, tasks, self._role)
        slot.chunks.append(_InHand(chunk, deque(tasks), alone, self._whole, size))
        return chunk

    def _room(self) -> int:
        """How many chunks a slot may hold: near the end one, so that no work waits while a slot is idle."""
        held = sum(len(slot.chunks) for slot in self._slots)
        left = self._to_be_had
        near_end = left <= self._sizer.next(left) * (2 * len(self._slots) - held)
        return 1 if near_end else self._sizer.chunks_ahead()

    def _compare(self, ended: Ended, held: _InHand) -> None:
        """Count failures alike in a row: they speak of a broken environment, not of so many broken items.

        What several items of a chunk fail for together is one failure.
        """
        if ended.status == "ok":
            self._alike = 0
            return
        if held.together and held is self._failed_last and ended.fingerprint == self._last_fingerprint:
            return
        self._failed_last = held
        self._alike = self._alike + 1 if ended.fingerprint == self._last_fingerprint else 1
        self._last_fingerprint = ended.fingerprint
        if self._max_same_failure is not None and self._alike >= self._max_same_failure:
            in_a_row = counted(self._alike, "attempt")
            self.stop(f"{in_a_row} in a row failed alike (--max-same-failure {self._max_same_failure})")

    def _settle(self, task: Task, ended: Ended, now: float, *, together: bool) -> bool:
        is_one_of_many = together and ended.status in _ENDS_ALL  # however often it was tried, it has not had its say
        is_suspect = is_one_of_many or ended.status == "crashed"
        tries = max(self._attempts, 2) if is_suspect else self._attempts
        if ended.status != "ok" and (is_one_of_many or task.number < tries):
            # An item that failed in whole chunks, perhaps for another one's sake, has its last attempt alone.
            is_last_together = self._whole and together and task.number + 1 == tries
            self._try_again(task.again(ended.feedback), is_suspect=is_suspect or is_last_together, now=now)
            return False
        self._settled += 1
        if ended.status != "ok":
            self._failures += 1
            self._stop_for_failures(self._failures)
        return True

    def _stop_for_failures(self, count: int) -> None:
        if self._max_failures is not None and count >= self._max_failures:
            limit = counted(self._max_failures, "failure")
            self.stop(f"the limit of {limit} was reached (--max-failures {self._max_failures})")

    def _try_again(self, task: Task, *, is_suspect: bool, now: float) -> None:
        if is_suspect:
            self._suspects.append(task)
        elif self._backoff is None:
            self._back.append(task)
        else:
            self._put_off += 1
            self._bytes_put_off += task.size
            heapq.heappush(self._later, (now + self._backoff * 2 ** (task.number - 2), self._put_off, task))
