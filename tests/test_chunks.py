"""How many items a worker is handed at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.chunks import MOST, ChunkSizer


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
