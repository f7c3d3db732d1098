"""The dispatcher, over a backend whose workers are a script, a clock that is a number, and a plain OutcomeSink."""

from collections.abc import Callable, Iterator

import pytest

from parbatch.dispatch.dispatcher import GRACE_S, Hooks
from parbatch.dispatch.watchdog import WATCH_S
from parbatch.errors import SetupError
from parbatch.model.item import Task
from parbatch.model.messages import Ended, NotReady, Retiring
from parbatch.model.problem import Evidence
from tests.dispatch.fakes import FakeBackend, dispatched, fails, hangs
from tests.support import ended, task


@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 10])
def test_every_item_is_rendered_once_and_the_run_ends_by_itself(slots: int, count: int) -> None:
    workers = FakeBackend()
    book, scheduler, dispatcher = dispatched(workers, count, slots=slots)
    dispatcher.run()
    assert [*sorted(book.settled)] == [*range(count)]
    assert sorted(workers.made) == [(position, 1) for position in range(count)]
    assert scheduler.finished
    assert dispatcher.restarts == 0


def test_a_worker_that_retires_gives_back_what_it_had_not_begun() -> None:
    workers = FakeBackend({1: [lambda _, __, one: [ended(one), Retiring(1)]]})
    book, _, dispatcher = dispatched(workers, 9)
    dispatcher.run()
    assert sorted(book.settled) == [*range(9)]
    assert sorted(workers.made) == [(position, 1) for position in range(9)]
    assert dispatcher.restarts == 1


def test_after_a_stop_what_is_in_flight_has_the_grace_period_and_the_rest_waits() -> None:
    workers = FakeBackend({1: [hangs]})
    book, scheduler, dispatcher = dispatched(workers, 9)
    workers.on_item = lambda one: dispatcher.stop("interrupted") if one.position == 1 else None
    dispatcher.run()
    assert book.statuses() == "ok"
    assert workers.ended == [GRACE_S]
    assert scheduler.waiting == 8
    assert book.tries == [(0, "ok")]  # the one that was cut off is blamed for nothing


def test_while_it_is_held_back_nothing_is_handed_out_and_limits_are_kept() -> None:
    workers = FakeBackend({0: [hangs], 1: [hangs]}, size=9)
    held: list[int] = []

    def hold_back() -> bool:
        held.append(len(workers.made))
        return 1 < len(held) < 5

    book, _, dispatcher = dispatched(workers, 3, hooks=Hooks(hold_back=hold_back), memory_cap=8)
    dispatcher.run()
    assert held[:5] == [0, 1, 1, 1, 1], "the first is in flight, and no other is begun"
    assert workers.ended[0] == WATCH_S
    assert book.statuses() == "memory memory ok"


def test_while_it_is_held_back_an_item_that_is_due_again_does_not_keep_the_parent_busy() -> None:
    workers = FakeBackend({0: [fails], 1: [hangs]}, size=1)
    looks: list[float] = []

    def hold_back() -> bool:
        looks.append(workers.time)
        return 1 < len(looks) < 9

    book, _, dispatcher = dispatched(
        workers,
        2,
        slots=2,
        chunk=1,
        timeout=99.0,
        memory_cap=8,
        attempts=2,
        backoff=1.0,
        hooks=Hooks(hold_back=hold_back),
    )
    dispatcher.run()
    assert book.statuses() == "ok ok"
    held_back = looks[1:9]
    assert held_back[-1] > 1.0
    assert len(set(held_back)) == len(held_back), "time passes between one look and the next"


def test_past_the_time_budget_nothing_is_handed_out() -> None:
    workers = FakeBackend({0: [hangs]})
    book, scheduler, dispatcher = dispatched(workers, 9, stops={"stop_at": 3.0}, timeout=5.0)
    dispatcher.run()
    assert scheduler.stopped_by == "the time budget is used up"
    assert book.statuses() == "timeout"  # what was in flight went on to its own end
    assert scheduler.waiting == 8


def test_a_setup_that_fails_ends_the_run_with_its_traceback() -> None:
    workers = FakeBackend()
    _, _, dispatcher = dispatched(workers, 3)
    workers.said.append((0, NotReady(Evidence(type="OSError", message="no logo", traceback="Traceback: logo.py"))))
    with pytest.raises(SetupError, match=r"No worker can start: OSError: no logo\nTraceback: logo\.py"):
        dispatcher.run()


def staged(left: list[int]) -> Callable[[], tuple[Iterator[Task], int]]:
    return lambda: (map(task, left), len(left))


def test_a_stage_begins_once_the_outcomes_of_the_one_before_are_written() -> None:
    backend = FakeBackend()
    more = [*range(3, 7)]
    book, scheduler, dispatcher = dispatched(
        backend, 3, slots=2, chunk=1, later=(staged(more), staged([]), staged([7]))
    )
    seen: list[tuple[int, int]] = []
    backend.on_item = lambda one: seen.append((one.position, book.flushed))
    dispatcher.run()
    assert sorted(seen) == [*((n, 0) for n in range(3)), *((n, 3) for n in more), (7, 7)]
    assert scheduler.finished


def test_no_stage_begins_while_it_is_held_back() -> None:
    backend = FakeBackend()
    looks: list[int] = []

    def hold_back() -> bool:
        looks.append(book.flushed)
        return 1 < len(looks) < 5

    book, _, dispatcher = dispatched(backend, 1, later=(staged([1]),), memory_cap=8, hooks=Hooks(hold_back=hold_back))
    dispatcher.run()
    assert looks[:6] == [0] * 5 + [1]
    assert book.statuses() == "ok ok"


@pytest.mark.parametrize(("ends_workers", "busy"), [(True, True), (False, True), (True, False)])
def test_a_person_is_told_of_the_grace_period_only_where_something_is_ended_after_it(
    *, ends_workers: bool, busy: bool
) -> None:
    backend, lines = FakeBackend({1: [hangs]}), list[str]()
    backend.ends_workers = ends_workers
    _, _, dispatcher = dispatched(backend, 9, hooks=Hooks(say=lines.append))
    if busy:
        backend.on_item = lambda one: dispatcher.stop("enough", say="wait") if one.position == 1 else None
    else:
        dispatcher.stop("enough", say="wait")
    dispatcher.run()
    assert lines == (["wait"] if ends_workers and busy else [])


def test_an_item_is_told_of_once_it_has_its_status_and_that_is_recorded() -> None:
    told: list[tuple[int, str]] = []

    def settled(one: Task, how: Ended) -> None:
        assert book.settled[one.position] is how, "recorded before it is told"
        told.append((one.position, how.status))

    workers = FakeBackend({1: [fails, fails]})
    book, _, dispatcher = dispatched(workers, 3, hooks=Hooks(settled=settled), attempts=2)
    dispatcher.run()
    assert book.tries.count((1, "failed")) == 2, "an attempt that is followed by another settles nothing"
    assert sorted(told) == [(0, "ok"), (1, "failed"), (2, "ok")]
