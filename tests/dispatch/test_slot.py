"""Which tasks of a slot are in flight, whatever way its chunk is worked on."""

from collections import deque

import pytest

from parbatch.dispatch.scheduler import ChunkMode, Scheduler
from parbatch.dispatch.slot import AssignedChunk, Slot
from parbatch.model.messages import Chunk
from tests.dispatch.scheduling import crash, end, handed, scheduler
from tests.support import ended, task


def test_an_item_is_in_flight_from_the_end_of_its_predecessor() -> None:
    made = scheduler(2, chunk=2, mode=ChunkMode(timeout=5.0))
    made.hand_out(0)
    assert made.in_flight(0) == []
    assert made.deadline(0) is None
    made.began(0, 10.0)
    assert made.in_flight(0) == [task(0)]
    assert made.deadline(0) == 15.0
    end(made, now=12.0)
    assert made.in_flight(0) == [task(1)]
    assert made.since(0) == 12.0
    assert made.deadline(0) == 17.0
    end(made, now=13.0)
    assert made.in_flight(0) == []
    assert made.finished


def test_a_waiting_chunk_is_not_in_flight_until_it_is_begun() -> None:
    made = scheduler(10, chunk=1)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    assert made.has_work(0)
    assert made.in_flight(0) == []


def test_without_a_timeout_there_is_no_deadline() -> None:
    made = scheduler(1)
    made.hand_out(0)
    made.began(0, 1.0)
    assert made.deadline(0) is None


def test_an_end_that_is_not_of_the_item_in_flight_is_a_bug_that_shows() -> None:
    made = scheduler(2, chunk=2)
    made.hand_out(0)
    made.began(0, 0.0)
    with pytest.raises(AssertionError, match="the end of 1 is reported, and it is not in flight"):
        made.ended(0, ended(task(1)), 0.0)


def test_all_of_a_whole_chunk_is_in_flight_and_ends_in_any_order() -> None:
    made = scheduler(4, chunk=4, mode=ChunkMode(timeout=5.0, works_on_chunk=True))
    made.hand_out(0)
    made.began(0, 10.0)
    assert [one.position for one in made.in_flight(0)] == [0, 1, 2, 3]
    made.ended(0, ended(task(2)), 12.0)
    assert [one.position for one in made.in_flight(0)] == [0, 1, 3]
    assert made.deadline(0) == 15.0, "the time is the chunk's"


def test_rendered_items_wait_for_their_chunk_and_are_not_blamed_for_the_one_in_flight() -> None:
    made = scheduler(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    made.rendered(0, 1.0)
    assert [one.position for one in made.in_flight(0)] == [1]
    assert not crash(made)
    assert handed(made) == [1]
    made.began(0, 2.0)
    end(made, now=3.0)
    assert handed(made) == [0, 2]
    made.began(0, 3.0)
    made.rendered(0, 4.0)
    made.rendered(0, 5.0)
    assert [one.position for one in made.in_flight(0)] == [0, 2], "their chunk is being validated"


def test_a_chunk_that_a_stop_cut_short_is_validated_as_far_as_it_is_rendered() -> None:
    made = scheduler(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    made.rendered(0, 1.0)
    made.stop("enough")
    made.rendered(0, 2.0, is_last=True)
    assert [one.position for one in made.in_flight(0)] == [0, 1]
    assert end_of(made, 0)
    assert end_of(made, 1)
    assert [made.finished, made.waiting] == [True, 1]


def end_of(made: Scheduler, position: int) -> bool:
    return made.ended(0, ended(task(position)), 3.0)[1]


def test_a_slot_that_is_cleared_tells_suspects_from_the_others() -> None:
    slot = Slot()
    for number, tasks in enumerate([[task(0)], [task(1), task(2)]]):
        slot.chunks.append(AssignedChunk(Chunk(number, tasks), deque(tasks), 10, not number, works_on_chunk=False))
    assert (slot.size, slot.has_suspect, slot.attempt()) == (20, True, None)
    slot.chunks[0].is_begun = True
    assert slot.attempt() is slot.chunks[0].left[0]
    assert slot.clear() == ([task(0)], [task(1), task(2)])
    assert (slot.size, slot.has_suspect, slot.in_flight()) == (0, False, [])
