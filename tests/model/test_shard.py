"""Which items belong to which shard: by the id alone."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.errors import DataError
from parbatch.model.item import Item
from parbatch.model.job import Job
from parbatch.model.shard import Shard, named_shard, parse_shard, shard_of
from parbatch.planning.changes import fill
from parbatch.storage.reader import empty
from tests.support import make_job

IDS = st.lists(st.text(min_size=1, max_size=8, alphabet=st.characters(exclude_categories=["Cs"])), unique=True)
COUNTS = st.integers(1, 7)


def taken(job: Job, shard: Shard) -> list[str]:
    checkpoint = empty()
    fill(checkpoint, job, shard)
    ids = [item_id for (item_id,) in checkpoint._db.execute("SELECT id FROM items ORDER BY position")]
    checkpoint.close()
    return ids


@given(IDS, COUNTS)
def test_every_item_is_in_exactly_one_shard_in_the_order_of_the_source(ids: list[str], count: int) -> None:
    job = make_job([Item(id=item_id) for item_id in ids])
    parts = [taken(job, shard) for shard in Shard(1, count).all]
    assert Counter(item_id for part in parts for item_id in part) == Counter(ids)
    assert all(part == sorted(part, key=ids.index) for part in parts)


@given(IDS, IDS, COUNTS, st.randoms(use_true_random=False))
def test_an_item_stays_in_its_shard_whatever_items_come_and_in_whatever_order(
    ids: list[str], more: list[str], count: int, chance: Random
) -> None:
    before = {item_id: shard for shard in Shard(1, count).all for item_id in taken(_job(ids), shard)}
    later = list({*ids, *more})
    chance.shuffle(later)
    after = {item_id: shard for shard in Shard(1, count).all for item_id in taken(_job(later), shard)}
    assert before.items() <= after.items()


def _job(ids: list[str]) -> Job:
    return make_job([Item(id=item_id) for item_id in ids])


@given(st.text("abzABZ019-ÄäÉé", min_size=1), st.integers(1, 9999))
def test_ids_that_differ_only_in_case_are_in_one_shard(item_id: str, count: int) -> None:
    number = shard_of(item_id, count)
    assert 1 <= number <= count
    assert shard_of(item_id.swapcase(), count) == number


def test_the_shards_of_an_id_never_change_between_versions_of_parbatch() -> None:
    """Else a folder that one machine began and another goes on with would have items twice, and others never."""
    assert [shard_of(item_id, 5) for item_id in ("ada", "bob", "cyd", "Ärger", "1")] == [2, 3, 2, 4, 1]


def test_shards_are_of_about_the_same_size() -> None:
    sizes = Counter(shard_of(f"item-{number}", 5) for number in range(10_000))
    assert sorted(sizes) == [1, 2, 3, 4, 5]
    assert all(1_850 < size < 2_150 for size in sizes.values())


def test_a_shard_is_typed_and_named() -> None:
    shard = parse_shard("2/5")
    assert (shard, str(shard), shard.name) == (Shard(2, 5), "2/5", "2-of-5")
    assert named_shard("2-of-5") == shard
    assert [named_shard(name) for name in ("6-of-5", "x", "2-of-5x", "02-of-5")] == [None] * 4


@pytest.mark.parametrize("given_", ["x", "", "2", "0/5", "-1/5", "2/0", "2/5/1", " 2/5", "1/10000", 2, None, (2, 5)])
def test_what_is_no_shard_is_an_error_that_shows_one(given_: object) -> None:
    with pytest.raises(DataError, match="such as 2/5"):
        parse_shard(given_)


def test_a_number_beyond_the_count_is_an_error_that_names_the_numbers_there_are() -> None:
    with pytest.raises(DataError, match=r"there is no 6/5\. With 5 shards, give 1/5 to 5/5"):
        parse_shard("6/5")
