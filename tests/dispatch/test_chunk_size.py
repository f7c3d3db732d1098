"""How many items a worker is handed at once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.chunk_size import MOST, MOST_BYTES, ChunkSizer, take
from parbatch.model.item import Task
from tests.support import task


@given(st.integers(1, 10_000), st.integers(0, 10**6), st.lists(st.floats(0, 1000)))
def test_a_fixed_size_is_the_size_whatever_the_items_take(size: int, left: int, durations: list[float]) -> None:
    sizer = ChunkSizer(size, slots=2)
    for duration in durations:
        sizer.observe(duration)
    assert sizer.next(left) == size


def test_auto_begins_with_one_item_because_it_knows_nothing() -> None:
    assert ChunkSizer(None, slots=2).next(1_000_000) == 1


@pytest.mark.parametrize(("duration", "size"), [(0.01, 100), (0.25, 4), (0.9, 1), (60.0, 1), (0.0, MOST), (1e-9, MOST)])
def test_auto_aims_at_a_second_of_work(duration: float, size: int) -> None:
    sizer = ChunkSizer(None, slots=2)
    sizer.observe(duration)
    assert sizer.next(1_000_000) == size


def test_near_the_end_auto_shares_what_is_left_among_the_slots() -> None:
    sizer = ChunkSizer(None, slots=4)
    sizer.observe(0.001)
    sizes = []
    left = 1_000
    while left:
        sizes.append(sizer.next(left))
        left -= sizes[-1]
    assert sizes[0] == 125
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-4:] == [1] * 4


def test_auto_follows_items_that_become_slower_but_not_a_single_slow_one() -> None:
    sizer = ChunkSizer(None, slots=1)
    sizer.observe(0.01)
    sizer.observe(1.0)
    assert sizer.next(10**6) >= 9
    for _ in range(60):
        sizer.observe(1.0)
    assert sizer.next(10**6) == 1


@given(st.integers(1, 64), st.integers(0, 10**6), st.lists(st.floats(0, 10**6)))
def test_auto_is_always_from_one_to_the_most(slots: int, left: int, durations: list[float]) -> None:
    sizer = ChunkSizer(None, slots)
    for duration in durations:
        sizer.observe(duration)
    assert 1 <= sizer.next(left) <= MOST


# --- bytes


def wide(number: int, size: int) -> Task:
    return msgspec.structs.replace(task(number), data=msgspec.Raw(b'"%s"' % (b"x" * size)))


@given(st.lists(st.integers(0, 3 * MOST_BYTES // 2), max_size=12), st.integers(1, 12))
def test_tasks_are_taken_until_their_bytes_fill_the_chunk_and_no_further(sizes: list[int], most: int) -> None:
    tasks = [wide(number, size) for number, size in enumerate(sizes)]
    source = iter(tasks)
    taken, size = take(source, most)
    assert taken == tasks[: len(taken)]
    assert [*source] == tasks[len(taken) :]
    assert size == sum(one.size for one in taken)
    assert sum(one.size for one in taken[:-1]) < MOST_BYTES
    assert len(taken) == min(most, len(tasks)) or size >= MOST_BYTES


def test_what_is_there_already_counts_and_the_first_is_taken_however_large() -> None:
    assert take(iter([wide(0, 10)]), 5, MOST_BYTES) == ([], MOST_BYTES)
    assert len(take(iter([wide(0, 5 * MOST_BYTES), wide(1, 1)]), 5)[0]) == 1
