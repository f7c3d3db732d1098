"""The scheduler hands out what is to be done, to the slots that have room for it, in an order that stays."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from parbatch.dispatch.chunk_size import MOST_BYTES, MOST_BYTES_AHEAD
from parbatch.dispatch.scheduler import ChunkMode
from parbatch.model.item import Task
from parbatch.storage.chunk_log import references
from tests.dispatch.scheduling import end, handed, scheduler, wide
from tests.support import ended, task


def requiring(position: int, *entries: str) -> Task:
    return replace(task(position), requires=entries)


def test_chunks_hold_the_items_in_order_and_the_last_one_what_is_left() -> None:
    made = scheduler(5, slots=3, chunk=2)
    assert [handed(made, slot) for slot in range(3)] == [[0, 1], [2, 3], [4]]
    assert not made.waiting


def test_a_slot_has_its_next_chunk_before_it_needs_it() -> None:
    made = scheduler(100, chunk=10)
    assert handed(made) == [*range(10)]
    assert handed(made) == [*range(10, 20)]
    assert handed(made) == []


def test_a_chunk_of_items_that_carry_much_is_smaller_and_all_items_have_their_turn() -> None:
    made = scheduler(10, chunk=5, tasks=wide(10, MOST_BYTES // 2))
    chunks = []
    while not made.finished:
        chunks.append(handed(made))
        made.began(0, 0.0)
        for _ in chunks[-1]:
            end(made)
    assert chunks == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_a_slot_gets_no_further_chunk_while_what_it_has_comes_to_many_bytes() -> None:
    made = scheduler(10, tasks=wide(10, MOST_BYTES_AHEAD))
    assert handed(made) == [0]
    assert handed(made) == []
    made.began(0, 0.0)
    end(made)
    assert handed(made) == [1]


def test_near_the_end_no_slot_holds_work_that_an_idle_one_could_do() -> None:
    made = scheduler(4, slots=2, chunk=2)
    assert handed(made, 0) == [0, 1]
    assert handed(made, 0) == []
    assert handed(made, 1) == [2, 3]


def test_auto_shares_out_what_can_be_rendered_now() -> None:
    made = scheduler(24, slots=2, chunk=None, attempts=2, backoff=10.0)
    tried: list[int] = []
    while len(tried) < 20:
        chunk = made.hand_out(0)
        assert chunk is not None
        made.began(0, 0.0)
        for one in chunk.tasks:
            made.ended(0, ended(one, "failed"), 0.0)
            tried.append(one.position)
    assert [made.waiting, made.next_due] == [24, 10.0]
    assert len(handed(made, 0)) == 1


def test_a_chunk_holds_no_more_distinct_entries_than_it_may_and_the_others_go_next() -> None:
    tasks = [requiring(0, "a", "b"), requiring(1, "b"), requiring(2, "c"), requiring(3, "a"), requiring(4, "c", "d")]
    made = scheduler(5, 3, 4, tasks=tasks, mode=ChunkMode(max_entries=2))
    assert [handed(made, slot) for slot in range(3)] == [[0, 1], [2, 3], [4]]
    assert not made.waiting


def test_the_chunks_that_are_begun_are_those_whose_entries_are_held() -> None:
    made = scheduler(2, 2, tasks=[requiring(0, "a"), requiring(1, "b")], mode=ChunkMode(max_entries=2))
    made.hand_out(0)
    made.hand_out(1)
    assert made.begun() == []
    made.began(0, 0.0)
    made.began(1, 0.0)
    assert references(made.begun()) == {"a": 1, "b": 1}
    end(made)
    assert references(made.begun()) == {"b": 1}
    made.died(1)
    assert references(made.begun()) == {}


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=3), max_size=12), st.integers(1, 5))
def test_every_item_is_handed_out_once_within_the_bound(needs: list[set[str]], size: int) -> None:
    tasks = [requiring(position, *sorted(need)) for position, need in enumerate(needs)]
    made = scheduler(len(tasks), chunk=size, tasks=tasks, mode=ChunkMode(max_entries=3))
    seen = []
    while (chunk := made.hand_out(0)) is not None:
        assert len(chunk.tasks) <= size
        assert len({entry for one in chunk.tasks for entry in one.requires}) <= 3
        made.began(0, 0.0)
        for one in chunk.tasks:
            seen.append(one.position)
            end(made)
    assert seen == [*range(len(tasks))]
    assert made.finished
