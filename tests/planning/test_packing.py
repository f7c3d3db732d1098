"""The order in which items go into chunks so that they share what they require."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from parbatch.planning.packing import loads, pack, ranks

NEEDS = st.lists(st.sets(st.integers(0, 12), max_size=4).map(sorted), max_size=40)


@given(NEEDS, st.integers(1, 10), st.integers(4, 12))
def test_every_item_comes_exactly_once(needs: list[list[int]], size: int, most: int) -> None:
    assert sorted(pack(needs, size, most)) == [*range(len(needs))]


@given(NEEDS, st.integers(1, 10), st.integers(4, 12))
def test_the_same_items_are_always_packed_alike(needs: list[list[int]], size: int, most: int) -> None:
    assert pack(needs, size, most) == pack(needs, size, most)


@given(st.integers(1, 30), st.integers(1, 10))
def test_items_that_require_nothing_stay_in_their_order(count: int, size: int) -> None:
    assert pack([[]] * count, size, 200) == [*range(count)]


@given(st.permutations([0] * 8 + [1] * 8 + [2] * 8), st.integers(1, 8))
def test_items_that_require_the_same_come_together(entries: list[int], size: int) -> None:
    order = [entries[item] for item in pack([[entry] for entry in entries], size, 200)]
    assert sum(before != after for before, after in pairwise(order)) == 2


def test_a_chunk_that_can_hold_no_more_entries_is_followed_by_the_next() -> None:
    needs = [[0, 1], [2, 3], [0, 1], [2, 3]]
    assert pack(needs, 10, 2) == [0, 2, 1, 3]
    assert loads([needs[item] for item in pack(needs, 10, 2)], 10, 2) == 4
    assert loads(needs, 10, 2) == 8


def test_entries_that_are_required_together_have_close_ranks() -> None:
    needs = [[0, 5], [1, 4], [5, 0], [4, 1]]
    rank = ranks(needs, 200)
    assert sorted(rank.values()) == [0, 1, 2, 3]
    assert abs(rank[0] - rank[5]) == abs(rank[1] - rank[4]) == 1


def of_subjects(items: int, entries: int, subjects: int, wide: int, seed: int) -> list[list[int]]:
    """Items that need four entries of one of the overlapping subjects, some of them popular, in no order at all."""
    rng = random.Random(seed)
    names = rng.sample(range(entries), entries)
    needs = []
    for _ in range(items):
        first = int(rng.random() ** 1.5 * subjects) * entries // subjects
        needs.append([names[number % entries] for number in rng.sample(range(first, first + wide), 4)])
    return needs


def test_two_thousand_items_over_five_hundred_entries_load_a_fifth_of_what_they_would_in_source_order() -> None:
    needs = of_subjects(2_000, 500, subjects=50, wide=14, seed=1)
    for size in (25, 100, 1_000):
        packed = [needs[item] for item in pack(needs, size, 200)]
        assert loads(needs, size, 200) >= 5 * loads(packed, size, 200)
