"""The coordinator, over a backend whose workers are a script and whose clock is a number."""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from parbatch.dispatch.backends import Died
from parbatch.dispatch.chunk_size import ChunkSizer
from parbatch.dispatch.deadlines import SILENCE_S, TELL_AFTER_S, Longest, Waits
from parbatch.dispatch.dispatcher import GRACE_S, MOST_STILLBORN, WATCH_S, Dispatch, Limits
from parbatch.dispatch.scheduler import Schedule
from parbatch.errors import SetupError
from parbatch.model.item import Task
from parbatch.model.messages import (
    Began,
    Chunk,
    ChunkEnded,
    Ended,
    Loading,
    Message,
    NotReady,
    Order,
    Ready,
    Rendered,
    Retiring,
    Returned,
    Stop,
)
from parbatch.model.outcome import Output
from parbatch.model.problem import Evidence
from tests.support import ended, task

NO_LIMITS = Limits()

Act = Callable[["Workers", int, Task], Sequence[Message | Died]]


def sound(_: "Workers", __: int, one: Task) -> Sequence[Message | Died]:
    return [ended(one)]


def crashes(_: "Workers", __: int, ___: Task) -> Sequence[Message | Died]:
    return [Died(-11)]


def fails(_: "Workers", __: int, one: Task) -> Sequence[Message | Died]:
    return [ended(one, "failed")]


def hangs(_: "Workers", __: int, ___: Task) -> Sequence[Message | Died]:
    return []


class Workers:
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

    def last_words(self, slot: int, destination: str) -> tuple[str, ...]:  # noqa: ARG002 -- as a Backend has it
        return ("stderr",) if destination.endswith(".1") else ()

    def close(self, *, at_once: bool) -> None:
        pass


class Book:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.settled: dict[int, Ended] = {}
        self.tries: list[tuple[int, str]] = []
        self.chunks: list[tuple[int, ChunkEnded]] = []

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

    def statuses(self) -> str:
        return " ".join(self.settled[position].status for position in sorted(self.settled))


def dispatched(
    workers: Workers, count: int, *, slots: int = 1, chunk: int = 3, limits: Limits = NO_LIMITS, **more: Any
) -> tuple[Book, Schedule, Dispatch]:
    book = Book()
    schedule = Schedule(map(task, range(count)), count, slots, sizer=ChunkSizer(chunk, slots), timeout=limits.timeout)
    dispatch = Dispatch(
        schedule, workers, book, slots=slots, tmp="/nowhere", limits=limits, now=lambda: workers.time, **more
    )
    return book, schedule, dispatch


@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 10])
def test_every_item_is_rendered_once_and_the_run_ends_by_itself(slots: int, count: int) -> None:
    workers = Workers()
    book, schedule, dispatch = dispatched(workers, count, slots=slots)
    dispatch.run()
    assert [*sorted(book.settled)] == [*range(count)]
    assert sorted(workers.made) == [(position, 1) for position in range(count)]
    assert schedule.finished
    assert dispatch.restarts == 0


def test_a_crash_is_the_crash_of_the_item_in_flight_and_is_tried_once_more() -> None:
    workers = Workers({1: [crashes, crashes], 4: [crashes]})
    book, _, dispatch = dispatched(workers, 6)
    dispatch.run()
    assert book.statuses() == "ok crashed ok ok ok ok"
    assert sorted(workers.made) == [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2), (5, 1)]
    evidence = book.settled[1].evidence
    assert evidence is not None
    assert (evidence.type, evidence.returncode, evidence.signal) == ("SIGSEGV", -11, "SIGSEGV")


def test_an_attempt_past_its_time_is_ended_after_a_dump_of_its_stacks() -> None:
    workers = Workers({1: [hangs]})
    book, _, dispatch = dispatched(workers, 3, limits=Limits(timeout=5.0))
    dispatch.run()
    assert book.statuses() == "ok timeout ok"
    assert workers.dumped[0] == pytest.approx(5.0)
    assert workers.ended[0] > workers.dumped[0]
    evidence = book.settled[1].evidence
    assert evidence is not None
    assert (evidence.type, evidence.message) == ("TimeoutError", "the attempt took longer than 5.0 s")
    assert book.settled[1].duration_s >= 5.0
    assert book.settled[1].logs == ("stderr",)


def test_a_worker_over_the_cap_is_ended_for_the_item_in_flight() -> None:
    workers = Workers({1: [hangs]}, size=2 * 1024**3)
    book, _, dispatch = dispatched(workers, 3, limits=Limits(memory_cap=256 * 1024**2))
    dispatch.run()
    assert book.statuses() == "ok memory ok"
    last = book.settled[1]
    assert last.evidence is not None
    assert last.evidence.message == "the worker and its processes took 2.0 GB; the cap is 256.0 MB"
    assert last.peak_memory_bytes == 2 * 1024**3


def test_a_worker_that_retires_gives_back_what_it_had_not_begun() -> None:
    workers = Workers({1: [lambda _, __, one: [ended(one), Retiring(1)]]})
    book, _, dispatch = dispatched(workers, 9)
    dispatch.run()
    assert sorted(book.settled) == [*range(9)]
    assert sorted(workers.made) == [(position, 1) for position in range(9)]
    assert dispatch.restarts == 1


def test_after_a_stop_what_is_in_flight_has_the_grace_period_and_the_rest_waits() -> None:
    workers = Workers({1: [hangs]})
    book, schedule, dispatch = dispatched(workers, 9)
    workers.on_item = lambda one: dispatch.stop("interrupted") if one.position == 1 else None
    dispatch.run()
    assert book.statuses() == "ok"
    assert workers.ended == [GRACE_S]
    assert schedule.waiting == 8
    assert book.tries == [(0, "ok")]  # the one that was cut off is blamed for nothing


def test_while_it_is_held_back_nothing_is_handed_out_and_limits_are_kept() -> None:
    workers = Workers({0: [hangs], 1: [hangs]}, size=9)
    held: list[int] = []

    def hold_back() -> bool:
        held.append(len(workers.made))
        return 1 < len(held) < 5

    book, _, dispatch = dispatched(workers, 3, hold_back=hold_back, limits=Limits(memory_cap=8))
    dispatch.run()
    assert held[:5] == [0, 1, 1, 1, 1], "the first is in flight, and no other is begun"
    assert workers.ended[0] == WATCH_S
    assert book.statuses() == "memory memory ok"


def test_while_it_is_held_back_an_item_that_is_due_again_does_not_keep_the_parent_busy() -> None:
    workers = Workers({0: [fails], 1: [hangs]}, size=1)
    looks: list[float] = []

    def hold_back() -> bool:
        looks.append(workers.time)
        return 1 < len(looks) < 9

    schedule = Schedule(map(task, range(2)), 2, 2, sizer=ChunkSizer(1, 2), attempts=2, timeout=99.0, backoff=1.0)
    book = Book()
    Dispatch(
        schedule,
        workers,
        book,
        slots=2,
        tmp="/nowhere",
        limits=Limits(memory_cap=8, timeout=99.0),
        hold_back=hold_back,
        now=lambda: workers.time,
    ).run()
    assert book.statuses() == "ok ok"
    held_back = looks[1:9]
    assert held_back[-1] > 1.0
    assert len(set(held_back)) == len(held_back), "time passes between one look and the next"


def test_a_worker_that_was_to_be_ended_and_has_retired_meanwhile_leaves_nothing_to_the_next_one() -> None:
    """What is said of the worker before must not keep the limits from its successor."""
    workers = Workers({0: [hangs], 1: [hangs]})
    workers.retires_when_ended = True
    book, _, dispatch = dispatched(workers, 2, chunk=1, limits=Limits(timeout=5.0))
    dispatch.run()
    assert book.statuses() == "ok timeout"


def test_past_the_time_budget_nothing_is_handed_out() -> None:
    workers = Workers({0: [hangs]})
    book, schedule, dispatch = dispatched(workers, 9, stop_at=3.0, limits=Limits(timeout=5.0))
    dispatch.run()
    assert schedule.stopped_by == "the time budget is used up"
    assert book.statuses() == "timeout"  # what was in flight went on to its own end
    assert schedule.waiting == 8


def test_a_setup_that_fails_ends_the_run_with_its_traceback() -> None:
    workers = Workers()
    _, _, dispatch = dispatched(workers, 3)
    workers.said.append((0, NotReady(Evidence(type="OSError", message="no logo", traceback="Traceback: logo.py"))))
    with pytest.raises(SetupError, match=r"No worker can start: OSError: no logo\nTraceback: logo\.py"):
        dispatch.run()


def test_workers_that_die_before_their_first_item_again_and_again_end_the_run(tmp_path: Path) -> None:
    class Stillborn(Workers):
        starts = 0

        def work(self, slot: int) -> None:
            if self.queues[slot]:
                self.starts += 1
                self.queues[slot].clear()
                self.said.append((slot, Died(-4)))

    workers = Stillborn()
    book, _, dispatch = dispatched(workers, 9)
    with pytest.raises(SetupError, match=f"{MOST_STILLBORN} workers in a row ended before their first item: .*SIGILL"):
        dispatch.run()
    assert workers.starts == MOST_STILLBORN
    assert book.tries == []
    assert tmp_path.exists()


class Mute(Workers):
    """Workers that say so much when they are started, and no more."""

    def __init__(self, *words: Message) -> None:
        super().__init__()
        self.words = words

    def work(self, slot: int) -> None:
        if slot not in self.hanging and self.queues[slot]:
            self.hanging[slot] = []
            self.ready.add(slot)
            self.said += [(slot, message) for message in self.words]


def test_a_worker_that_says_nothing_for_a_minute_ends_the_run() -> None:
    workers = Mute()
    _, _, dispatch = dispatched(workers, 3)
    with pytest.raises(SetupError, match=r"No worker can start: the worker said nothing for 1 min"):
        dispatch.run()
    assert workers.time == SILENCE_S


def test_what_is_loaded_before_the_first_item_has_the_time_of_an_attempt_and_its_own() -> None:
    workers = Mute(Loading("the job's import"), Loading("setup"))
    _, _, dispatch = dispatched(workers, 3, limits=Limits(timeout=100.0))
    with pytest.raises(SetupError, match=r"No worker can start: setup took longer than 1 min 40 s"):
        dispatch.run()
    assert workers.dumped == [100.0]


def test_what_is_loaded_without_a_time_limit_is_told_of_and_waited_for() -> None:
    workers, told = Mute(Loading("setup")), []

    def watch(longest: Longest | None) -> None:
        if longest is not None:
            told.append(longest)
            if longest.seconds > 3 * SILENCE_S:
                dispatch.stop("long enough", grace_s=0)

    _, _, dispatch = dispatched(workers, 3, limits=Limits(memory_cap=1), watch=watch)
    dispatch.run()
    assert told[0] == ("setup in worker 1", TELL_AFTER_S)
    assert told[-1].seconds > 3 * SILENCE_S


def test_a_worker_that_is_ready_and_takes_up_nothing_is_replaced() -> None:
    workers = Mute(Ready(0))
    _, schedule, dispatch = dispatched(workers, 3)

    def work(slot: int) -> None:
        Workers.work(workers, slot)

    def end(slot: int) -> None:
        Workers.end(workers, slot)
        workers.work = work  # type: ignore[method-assign]

    workers.end = end  # type: ignore[method-assign]
    dispatch.run()
    assert (workers.ended, schedule.finished) == ([SILENCE_S], True)


def test_time_for_which_all_stood_still_is_nobodys_silence() -> None:
    waits = Waits(timeout=None)
    schedule = Schedule(map(task, range(3)), 3, 1, sizer=ChunkSizer(1, 1))
    schedule.hand_out(0)
    waits.look(schedule, [0], 10.0)
    assert waits.overdue(10.0 + SILENCE_S)
    waits.stood_still(30.0)
    assert not waits.overdue(10.0 + SILENCE_S)
    assert waits.overdue(40.0 + SILENCE_S)


@pytest.mark.parametrize(
    "words",
    [
        [Ready(0), Began(7)],
        [Ready(0), Ready(0)],
        [Began(1)],
        [Ready(0), Began(1), Began(1)],
        [Ready(0), Began(1), Returned()],
        [Ready(0), Began(1), NotReady(Evidence(type="A", message="b"))],
        [Ready(0), Began(1), ended(task(1))],
        [Ready(0), Began(1), ended(task(0, number=2))],
        [Ready(0), Began(1), ended(task(0), "crashed")],
        [Ready(0), Began(1), ended(task(0), evidence=Evidence(type="A", message="b"))],
        [Ready(0), Began(1), ended(task(0), outputs=(Output("../x", 1, 1, "x"),))],
        [Ready(0), Began(1), ended(task(0), outputs=(Output("/x", 1, 1, "x"),))],
        [Ready(0), Rendered(0)],
    ],
)
def test_what_a_worker_cannot_say_ends_it_and_blames_what_was_in_flight(words: list[Message]) -> None:
    workers = Mute(*words)
    book, _, dispatch = dispatched(workers, 1, limits=Limits(timeout=500.0))
    ends = 0

    def end(slot: int) -> None:
        nonlocal ends
        ends += 1
        workers.ended.append(workers.time)
        workers.hanging.clear()
        workers.queues[slot].clear()
        workers.said.append((slot, Died(-9)))
        if ends > 1:
            workers.work = lambda slot: Workers.work(workers, slot)  # type: ignore[method-assign]

    workers.end = end  # type: ignore[method-assign]
    workers.retires_when_ended = False
    with contextlib.suppress(SetupError):  # of the words that are out of turn before there is anything in flight
        dispatch.run()
    assert workers.ended, "it is ended"
    blamed = [end for end in book.settled.values() if end.evidence is not None]
    assert all(end.evidence and "a message of its own making" in end.evidence.message for end in blamed)
    assert bool(book.tries) == any(isinstance(word, Began) and word.chunk == 1 for word in words[1:])
