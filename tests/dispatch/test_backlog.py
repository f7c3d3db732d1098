"""What has been handed out before comes again: the suspects alone, the others first, and some only later."""

from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.backlog import Backlog
from parbatch.dispatch.chunk_size import MOST_BYTES_PUT_OFF
from tests.dispatch.scheduling import crash, end, handed, scheduler, wide
from tests.support import task


def test_while_what_is_put_off_comes_to_many_bytes_nothing_fresh_is_begun() -> None:
    made = scheduler(3, tasks=wide(3, MOST_BYTES_PUT_OFF), attempts=2, backoff=10.0)
    assert handed(made) == [0]
    made.began(0, 0.0)
    assert not end(made, "failed")
    assert made.hand_out(0, 1.0) is None
    assert made.next_due == 10.0
    again = made.hand_out(0, 10.0)
    assert again is not None
    assert [given.position for given in again.tasks] == [0]
    made.began(0, 10.0)
    end(made, now=10.5)
    assert handed(made) == [1]


def test_a_crash_sends_the_suspect_on_alone_and_its_chunk_mates_to_the_front() -> None:
    made = scheduler(20, chunk=4)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    assert not crash(made)  # item 1, which is to be tried once more
    suspect = made.hand_out(0)
    assert suspect is not None
    assert [(one.position, one.number) for one in suspect.tasks] == [(1, 2)]
    assert handed(made) == []  # nothing else while the suspect is there
    made.began(0, 0.0)
    assert crash(made)
    assert handed(made) == [2, 3, 4, 5]


def test_a_suspect_waits_for_a_slot_that_has_nothing_else() -> None:
    made = scheduler(100, slots=2, chunk=2)
    for slot in (0, 1):
        made.hand_out(slot)
        made.began(slot, 0.0)
    crash(made, 0)
    assert handed(made, 1) == []
    end(made, slot=1)
    end(made, slot=1)
    assert handed(made, 1) == [0]


def test_an_item_in_flight_when_a_worker_is_put_down_without_blame_is_the_same_attempt_again() -> None:
    made = scheduler(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    made.died(0)
    again = made.hand_out(0)
    assert again is not None
    assert again.tasks == [task(1), task(2)]


def test_a_worker_that_returns_its_chunks_loses_none_of_their_items() -> None:
    made = scheduler(20, chunk=2)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    made.returned(0)
    assert not made.busy
    assert handed(made) == [1, 2]
    assert handed(made) == [3, 4]


def test_a_suspect_that_is_put_down_unbegun_stays_a_suspect() -> None:
    made = scheduler(4, chunk=2)
    made.hand_out(0)
    made.began(0, 0.0)
    crash(made)
    assert handed(made) == [0]
    made.died(0)
    assert handed(made) == [0]
    assert handed(made) == []


def test_items_that_wait_between_attempts_are_no_work_that_others_could_do() -> None:
    """With one item left that can be rendered, it goes to the slot that is idle, and not into a busy one's queue."""
    made = scheduler(12, slots=2, chunk=1, attempts=2, backoff=10.0)
    for _ in range(10):
        made.hand_out(0)
        made.began(0, 0.0)
        end(made, "failed")
    assert handed(made, 0) == [10]
    assert handed(made, 0) == []
    assert handed(made, 1) == [11]


def test_what_is_given_back_goes_before_what_is_added() -> None:
    backlog = Backlog()
    backlog.add([task(2), task(3)])
    backlog.give_back([task(0), task(1)])
    backlog.add_suspect(task(5))
    backlog.give_back_suspects([task(4)])
    assert (len(backlog), backlog.ready, backlog.has_suspects) == (6, 4, True)
    assert [one.position for one in backlog.take(3)[0]] == [0, 1, 2]
    assert [backlog.take_suspect().position, backlog.take_suspect().position] == [4, 5]
    assert (len(backlog), backlog.ready, backlog.has_suspects) == (1, 1, False)


@given(st.lists(st.floats(0, 9), max_size=12), st.floats(0, 9))
def test_what_waits_for_a_time_is_ready_when_it_is_due_and_no_sooner(times: list[float], now: float) -> None:
    backlog = Backlog()
    for position, until in enumerate(times):
        backlog.put_off(task(position), until)
    assert backlog.next_due == min(times, default=None)
    backlog.release(now)
    due = [position for position, until in sorted(enumerate(times), key=lambda one: one[1]) if until <= now]
    assert [one.position for one in backlog.take(99)[0]] == due
    assert len(backlog) == len(times) - len(due)
    assert backlog.next_due == min((until for until in times if until > now), default=None)
