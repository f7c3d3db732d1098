"""What becomes of an item after an attempt that was not ok, by the policy alone and as the scheduler does it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from parbatch.dispatch.retry_policy import RetryPolicy
from parbatch.dispatch.scheduler import ChunkMode
from parbatch.model.outcome import Status
from parbatch.model.problem import Evidence, Feedback, Problem
from tests.dispatch.scheduling import crash, end, handed, scheduler
from tests.support import ended, task


@pytest.mark.parametrize(("attempts", "tries"), [(1, 2), (2, 2), (3, 3)])
def test_a_crash_is_tried_once_more_at_least_and_as_often_as_asked(attempts: int, tries: int) -> None:
    made = scheduler(1, attempts=attempts)
    verdicts = []
    while not made.finished:
        made.hand_out(0)
        made.began(0, 0.0)
        verdicts.append(crash(made))
    assert verdicts == [False] * (tries - 1) + [True]


@pytest.mark.parametrize("status", ["failed", "invalid", "timeout", "memory"])
def test_other_ends_are_tried_again_only_as_often_as_asked(status: Status) -> None:
    for attempts in (1, 2, 3):
        made = scheduler(1, attempts=attempts)
        numbers = []
        while not made.finished:
            chunk = made.hand_out(0)
            assert chunk is not None
            numbers.append(chunk.tasks[0].number)
            made.began(0, 0.0)
            end(made, status)
        assert numbers == [*range(1, attempts + 1)]


def test_items_wait_between_attempts_and_hold_no_slot() -> None:
    made = scheduler(3, chunk=1, attempts=3, backoff=10.0)
    made.hand_out(0, 0.0)
    made.began(0, 0.0)
    end(made, "failed", now=1.0)
    assert made.next_due == 11.0
    assert handed(made) == [1], "others go on meanwhile"
    made.began(0, 1.0)
    end(made, now=2.0)
    assert handed(made) == [2]
    made.began(0, 2.0)
    end(made, now=3.0)
    assert made.hand_out(0, 3.0) is None
    assert not made.finished
    second = made.hand_out(0, 11.0)
    assert second is not None
    assert [(one.position, one.number) for one in second.tasks] == [(0, 2)]
    made.began(0, 11.0)
    end(made, "failed", now=12.0)
    assert made.next_due == 32.0, "twice as long"
    made.stop("enough")
    assert [made.next_due, made.finished] == [None, True]


def test_the_next_attempt_is_told_what_was_wrong_with_the_one_before() -> None:
    made = scheduler(1, attempts=2)
    made.hand_out(0)
    made.began(0, 0.0)
    evidence = Evidence(type="too short", message="3 words", problems=(Problem("too short", "3 words", where="title"),))
    made.ended(0, ended(task(0), "invalid", evidence=evidence, result=msgspec.Raw(b'{"words":3}')), 1.0)
    chunk = made.hand_out(0)
    assert chunk is not None
    feedback = msgspec.json.decode(chunk.tasks[0].feedback, type=Feedback)
    assert feedback == Feedback((Problem("too short", "3 words", where="title"),), {"words": 3})
    assert feedback
    assert len(feedback) == 1
    assert not Feedback()


@pytest.mark.parametrize("status", ["crashed", "timeout", "memory"])
def test_what_befalls_a_whole_chunk_is_tried_once_more_each_item_alone(status: Status) -> None:
    made = scheduler(3, chunk=3, mode=ChunkMode(works_on_chunk=True))
    made.hand_out(0)
    made.began(0, 0.0)
    for one in made.in_flight(0):
        assert made.ended(0, ended(one, status), 1.0)[1] is False
    made.died(0)
    for position in range(3):
        assert handed(made) == [position]
        made.began(0, 2.0)
        assert end(made, status, now=3.0), "alone, it is the item's own fault"
    assert made.finished


@pytest.mark.parametrize("status", ["crashed", "timeout", "memory"])
def test_what_befalls_further_attempts_together_is_blamed_on_none_of_them(status: Status) -> None:
    """However often they were tried before, in this run or one that broke off: each has still to be tried alone."""
    tasks = [replace(task(0), number=3), replace(task(1), number=2)]
    made = scheduler(2, chunk=2, tasks=tasks, attempts=3, mode=ChunkMode(works_on_chunk=True))
    made.hand_out(0)
    made.began(0, 0.0)
    assert [made.ended(0, ended(one, status), 1.0)[1] for one in made.in_flight(0)] == [False, False]
    made.died(0)
    assert [handed(made), made.in_flight(0)] == [[0], []]
    made.began(0, 2.0)
    assert end(made, status, now=3.0), "alone, it is the item's own fault"


def test_an_item_that_failed_in_whole_chunks_has_its_last_attempt_alone() -> None:
    made = scheduler(3, chunk=3, mode=ChunkMode(works_on_chunk=True), attempts=3)
    assert handed(made) == [0, 1, 2]
    made.began(0, 0.0)
    for one in made.in_flight(0):
        made.ended(0, ended(one, "failed"), 1.0)
    assert handed(made) == [0, 1, 2], "what failed together is tried again together"
    made.began(0, 2.0)
    for one in made.in_flight(0):
        made.ended(0, ended(one, "failed"), 3.0)
    for position in range(3):
        assert handed(made) == [position]
        made.began(0, 4.0)
        assert end(made, "failed" if position == 1 else "ok", now=5.0)


STATUSES: list[Status] = ["failed", "invalid", "timeout", "memory", "crashed"]


@given(
    attempts=st.integers(1, 5),
    number=st.integers(1, 6),
    status=st.sampled_from(STATUSES),
    had_company=st.booleans(),
    works_on_chunks=st.booleans(),
)
def test_an_item_is_settled_by_its_own_last_attempt_only(
    *, attempts: int, number: int, status: Status, had_company: bool, works_on_chunks: bool
) -> None:
    policy = RetryPolicy(attempts)
    one = replace(task(0), number=number)
    verdict = policy.judge(one, status, had_company=had_company, works_on_chunks=works_on_chunks)
    if status in {"timeout", "memory", "crashed"} and had_company:
        assert verdict == "alone", "whose fault it was has still to be seen"
    else:
        assert (verdict == "settled") == (number >= max(attempts, 2 if status == "crashed" else 1))
    if status == "crashed":
        assert verdict != "again", "a suspect has no company"


def test_each_wait_is_twice_as_long_as_the_one_before() -> None:
    assert [RetryPolicy(4, 10.0).delay(number) for number in (2, 3, 4)] == [10.0, 20.0, 40.0]
    assert RetryPolicy(4).delay(2) == 0.0
