"""Schedulers for the tests, and what happens to what they hand out, as the dispatcher tells it."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from parbatch.dispatch.chunk_size import ChunkSizer
from parbatch.dispatch.retry_policy import RetryPolicy
from parbatch.dispatch.scheduler import ChunkMode, Scheduler
from parbatch.dispatch.stop_rules import StopRules
from parbatch.dispatch.task_queue import Stage, StagedQueue
from parbatch.model.item import Task
from parbatch.model.outcome import Status
from tests.support import ended, task

PLAIN = ChunkMode()
NO_STOPS: dict[str, int] = {}


def scheduler(
    count: int,
    slots: int = 1,
    chunk: int | None = 1,
    *,
    tasks: Iterable[Task] | None = None,
    later: tuple[Stage, ...] = (),
    attempts: int = 1,
    backoff: float | None = None,
    stops: dict[str, int] = NO_STOPS,
    mode: ChunkMode = PLAIN,
) -> Scheduler:
    """Return a scheduler of so many tasks, those given or plain ones, and of what comes later."""
    queue = StagedQueue(iter(map(task, range(count)) if tasks is None else tasks), count, *later)
    sizer = ChunkSizer(chunk, slots)
    return Scheduler(queue, slots, sizer, RetryPolicy(attempts, backoff), StopRules(**stops), mode)


def wide(count: int, size: int) -> Iterator[Task]:
    """Yield tasks that carry so many bytes each."""
    data = msgspec.Raw(b'"%s"' % (b"x" * size))
    return (replace(task(number), data=data) for number in range(count))


def handed(made: Scheduler, slot: int = 0) -> list[int]:
    """Return the positions in the chunk that a slot gets; none when it gets no chunk."""
    chunk = made.hand_out(slot)
    return [] if chunk is None else [given.position for given in chunk.tasks]


def crash(made: Scheduler, slot: int = 0) -> bool:
    """Have the worker die in the middle of an item. Return whether the item is settled."""
    (victim,) = made.in_flight(slot)
    _, settled = made.ended(slot, ended(victim, "crashed"), 0.0)
    made.died(slot)
    return settled


def end(made: Scheduler, status: Status = "ok", slot: int = 0, now: float = 0.0) -> bool:
    """End the attempt in flight. Return whether the item is settled."""
    (in_flight,) = made.in_flight(slot)
    return made.ended(slot, ended(in_flight, status), now)[1]


def fail(made: Scheduler, fingerprint: str, slot: int = 0) -> None:
    """Have the attempt in flight fail with this fingerprint."""
    (in_flight,) = made.in_flight(slot)
    made.ended(slot, ended(in_flight, "failed", fingerprint=fingerprint), 0.0)


def stop_of(made: Scheduler) -> str | None:
    """Return why it has stopped, for the type checker anew each time."""
    return made.stopped_by
