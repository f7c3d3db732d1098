"""A backend whose workers are a script and whose clock is a number, and a sink that writes down what it is told."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from parbatch.dispatch.backends.base import Died
from parbatch.dispatch.dispatcher import Dispatcher, Hooks
from parbatch.dispatch.scheduler import ChunkMode, Scheduler
from parbatch.model.item import Task
from parbatch.model.messages import Began, Chunk, ChunkEnded, Ended, Message, Order, Ready, Retiring, Returned, Stop
from tests.dispatch.scheduling import scheduler as scheduler_of
from tests.support import ended

Act = Callable[["FakeBackend", int, Task], Sequence[Message | Died]]


def sound(_: "FakeBackend", __: int, one: Task) -> Sequence[Message | Died]:
    return [ended(one)]


def crashes(_: "FakeBackend", __: int, ___: Task) -> Sequence[Message | Died]:
    return [Died(-11)]


def fails(_: "FakeBackend", __: int, one: Task) -> Sequence[Message | Died]:
    return [ended(one, "failed")]


def hangs(_: "FakeBackend", __: int, ___: Task) -> Sequence[Message | Died]:
    return []


class FakeBackend:
    """A backend without processes: each item does what the script says, and time passes only while it is waited for."""

    def __init__(self, acts: dict[int, list[Act]] | None = None, *, size: int = 0) -> None:
        self.acts = {position: deque(given) for position, given in (acts or {}).items()}
        self.size = size
        self.time = 0.0
        self.queues: dict[int, deque[Chunk]] = {}
        self.hanging: dict[int, list[Task]] = {}
        self.said: list[tuple[int, Message | Died]] = []
        self.ready: set[int] = set()
        self.dumped: list[float] = []
        self.ended: list[float] = []
        self.made: list[tuple[int, int]] = []
        self.on_item: Callable[[Task], None] = lambda _: None
        self.retires_when_ended = False
        self.ends_workers = True

    def send(self, slot: int, order: Order) -> None:
        if isinstance(order, Stop):
            self.queues[slot].clear()
            if slot not in self.hanging:
                self.said.append((slot, Returned()))
        else:
            self.queues.setdefault(slot, deque()).append(order)

    def wait(self, timeout: float | None) -> list[tuple[int, Message | Died]]:
        if not self.said:
            for slot in sorted(self.queues):
                self.work(slot)
        if not self.said:
            assert timeout is not None, "nothing will ever happen"
            self.time += timeout
        said, self.said = self.said, []
        return said

    def work(self, slot: int) -> None:
        """Render the next chunk of a slot, up to where it stops."""
        if slot in self.hanging or not self.queues[slot]:
            return
        chunk = self.queues[slot].popleft()
        if slot not in self.ready:
            self.ready.add(slot)
            self.said.append((slot, Ready(0)))
        self.said.append((slot, Began(chunk.number)))
        for one in chunk.tasks:
            self.made.append((one.position, one.number))
            self.on_item(one)
            acts = self.acts.get(one.position)
            said = (acts.popleft() if acts else sound)(self, slot, one)
            self.said += [(slot, message) for message in said]
            if not said:
                self.hanging[slot] = [one]
                return
            if isinstance(said[-1], Died | Retiring):
                self.queues[slot].clear()
                self.ready.discard(slot)
                return

    def wake(self) -> None:
        pass

    def sizes(self) -> dict[int, int]:
        return dict.fromkeys(self.hanging, self.size)

    def dump_stacks(self, slot: int) -> None:
        assert slot in self.hanging
        self.dumped.append(self.time)

    def end(self, slot: int) -> None:
        self.ended.append(self.time)
        hanging = self.hanging.pop(slot, [])
        self.queues[slot].clear()
        self.ready.discard(slot)
        if self.retires_when_ended and hanging:
            self.retires_when_ended = False
            self.said += [(slot, ended(hanging[0])), (slot, Retiring(1))]
        else:
            self.said.append((slot, Died(-9)))

    def save_captured_output(self, slot: int, destination: str) -> tuple[str, ...]:  # noqa: ARG002 -- as a Backend has it
        return ("stderr",) if destination.endswith(".1") else ()

    def close(self, *, at_once: bool) -> None:
        pass


class MuteBackend(FakeBackend):
    """FakeBackend that say so much when they are started, and no more."""

    def __init__(self, *words: Message) -> None:
        super().__init__()
        self.words = words

    def work(self, slot: int) -> None:
        if slot not in self.hanging and self.queues[slot]:
            self.hanging[slot] = []
            self.ready.add(slot)
            self.said += [(slot, message) for message in self.words]


class Book:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.settled: dict[int, Ended] = {}
        self.tries: list[tuple[int, str]] = []
        self.chunks: list[tuple[int, ChunkEnded]] = []
        self.flushed = 0

    def publish(self, task: Task, ended: Ended) -> Ended:  # noqa: ARG002 -- as a Sink has it
        return ended

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:  # noqa: ARG002 -- as above
        self.tries.append((task.position, ended.status))
        if settled:
            assert task.position not in self.settled
            self.settled[task.position] = ended

    def chunk_ended(self, slot: int, told: ChunkEnded, now: float) -> None:  # noqa: ARG002 -- as above
        self.chunks.append((slot, told))

    def next_deadline(self) -> float | None:
        return None

    def tick(self, now: float) -> None:
        pass

    def flush(self) -> None:
        self.flushed = len(self.tries)

    def statuses(self) -> str:
        return " ".join(self.settled[position].status for position in sorted(self.settled))


def dispatched(
    backend: FakeBackend,
    count: int,
    *,
    slots: int = 1,
    chunk: int = 3,
    timeout: float | None = None,
    memory_cap: int | None = None,
    hooks: Hooks | None = None,
    **more: Any,
) -> tuple[Book, Scheduler, Dispatcher]:
    """Return a dispatcher over such a backend, with its scheduler and its sink; the rest is for the scheduler."""
    book = Book()
    scheduler = scheduler_of(count, slots, chunk, mode=ChunkMode(timeout=timeout), **more)
    dispatcher = Dispatcher(
        scheduler, backend, book, tmp="/nowhere", memory_cap=memory_cap, hooks=hooks, now=lambda: backend.time
    )
    return book, scheduler, dispatcher
