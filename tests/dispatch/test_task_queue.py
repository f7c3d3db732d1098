"""Fresh tasks come stage by stage, and no further than they are taken."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.task_queue import Stage, StagedQueue
from parbatch.model.item import Task
from tests.dispatch.scheduling import end, handed, scheduler
from tests.support import task


def test_further_tasks_follow_once_all_before_them_have_settled() -> None:
    seen: list[int] = []
    made = scheduler(2, slots=2, attempts=2, later=(lambda: (map(task, range(2, 2 + 2 - len(seen))), 2 - len(seen)),))
    for slot in (0, 1):
        made.hand_out(slot)
        made.began(slot, 0.0)
    end(made, slot=0)
    assert handed(made, 0) == []
    assert not end(made, "failed", slot=1)
    assert handed(made, 1) == [1]  # the second try belongs to what comes before
    made.began(1, 0.0)
    assert handed(made, 0) == []
    before = made.stage_is_over
    seen.append(1)
    end(made, slot=1)
    assert not made.finished
    assert handed(made, 0) == [], "that is for the dispatcher to begin"
    assert (before, made.stage_is_over) == (False, True)
    assert made.begin_next_stage()
    assert handed(made, 0) == [2]
    made.began(0, 0.0)
    end(made)
    assert made.finished


def test_after_a_stop_no_further_tasks_are_asked_for() -> None:
    def never() -> tuple[Iterator[Task], int]:
        raise AssertionError("asked for more")

    made = scheduler(1, stops={"max_failures": 1}, later=(never,))
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert handed(made) == []
    assert made.finished
    assert not made.stage_is_over
    assert (made.waiting, made.has_more) == (0, True)


def test_a_source_that_gives_less_than_it_promised_ends_the_run() -> None:
    made = scheduler(5, chunk=2, tasks=[task(0)])
    assert handed(made) == [0]
    made.began(0, 0.0)
    end(made)
    assert handed(made) == []
    assert made.finished


def test_the_source_is_read_no_further_than_what_is_handed_out() -> None:
    read = []

    def source() -> Iterator[Task]:
        for position in range(1_000_000):
            read.append(position)
            yield task(position)

    made = scheduler(1_000_000, 2, 10, tasks=source())
    for _ in range(3):
        made.hand_out(0)
        made.hand_out(1)
    assert len(read) == 40


def test_a_queue_counts_what_is_left_of_its_stage() -> None:
    queue = StagedQueue(map(task, range(3)), 3, lambda: (map(task, range(3, 5)), 2))
    assert queue.take(2) == ([task(0), task(1)], task(0).size + task(1).size)
    assert (queue.left, queue.has_next_stage) == (1, True)
    assert [one.position for one in queue.take(9)[0]] == [2]
    assert (queue.left, queue.next_stage(), queue.left, queue.has_next_stage) == (0, True, 2, False)
    assert [one.position for one in queue.take(9)[0]] == [3, 4]
    assert not queue.next_stage()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4))
def test_every_task_of_every_stage_comes_once_and_in_order(counts: list[int], most: int) -> None:
    firsts = [sum(counts[:number]) for number in range(len(counts) + 1)]
    stages: list[Stage] = [
        lambda first=first, after=after: (map(task, range(first, after)), after - first)  # type: ignore[misc]
        for first, after in pairwise(firsts)
    ]
    queue = StagedQueue(*stages[0](), *stages[1:])
    taken = []
    while queue.left or queue.next_stage():
        taken += [one.position for one in queue.take(most)[0]] if queue.left else []
    assert taken == [*range(sum(counts))]
