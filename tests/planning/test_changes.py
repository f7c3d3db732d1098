"""The job's items against the checkpoint: what is new, changed, gone."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch import Item
from parbatch.errors import DataError
from parbatch.model.file_names import folded, stem
from parbatch.planning.changes import Difference, compare, fill
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.opening import create
from parbatch.storage.outcome_writer import record
from tests.support import ended, make_job, new_checkpoint, row

NOTHING = Difference(0, 0, 0, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def finish_all(checkpoint: Checkpoint) -> None:
    checkpoint._db.execute("BEGIN IMMEDIATE")
    record(checkpoint, "run", 1, [(task.id, ended(task), True) for task in checkpoint.tasks()])
    checkpoint._db.execute("COMMIT")


def ids(checkpoint: Checkpoint) -> list[str]:
    return [item_id for (item_id,) in checkpoint._db.execute("SELECT id FROM items ORDER BY position")]


def pending(checkpoint: Checkpoint) -> dict[str, str]:
    return dict(checkpoint._db.execute("SELECT id, reason FROM items WHERE status = 'pending' ORDER BY position"))


def update(checkpoint: Checkpoint, *items: Any) -> Difference:
    with checkpoint.transaction():
        return compare(checkpoint, make_job([Item(id=item) if isinstance(item, str) else item for item in items]))


def test_an_id_that_comes_twice_is_named_with_both_places(folder: Folder) -> None:
    folder.make()
    new = create(folder.checkpoint)
    with pytest.raises(DataError) as caught:
        fill(new, make_job([{"id": name} for name in ("a", "b", "a", "c", "b", "a")]))
    new.close()
    assert "The id 'a' comes 3 times (first as item 1, last as item 6)" in str(caught.value)
    assert "Others come more than once, too: 'b'." in str(caught.value)
    with pytest.raises(DataError, match=r"too: '1', '2', '3', '4', '5', … and 3 more\."):
        fill(create(folder.checkpoint), make_job([{"id": str(number)} for number in (*range(9), *range(9))]))


@pytest.mark.parametrize("kept", [(), ("a",), ("a", "b")])
def test_an_id_that_comes_twice_later_leaves_the_checkpoint_as_it_was(folder: Folder, kept: tuple[str, ...]) -> None:
    checkpoint = new_checkpoint(folder, "a", "b")
    finish_all(checkpoint)
    before = [*checkpoint._db.iterdump()]
    with pytest.raises(DataError, match=r"The id '[ac]' comes 2 times"):
        update(checkpoint, *kept, "c", "c" if "a" not in kept else "a")
    assert [*checkpoint._db.iterdump()] == before


# --- what changed


def test_the_first_time_every_item_is_new(folder: Folder) -> None:
    folder.make()
    new = create(folder.checkpoint)
    assert fill(new, make_job([{"id": "a"}, {"id": "b"}])) == Difference(2, new=2, changed=0, gone=0)
    assert pending(new) == {"a": "new", "b": "new"}
    new.close()


def test_the_same_items_again_change_nothing(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b", "c")
    finish_all(checkpoint)
    before = [*checkpoint._db.iterdump()]
    assert update(checkpoint, "a", "b", "c") == Difference(3, 0, 0, 0)
    assert [*checkpoint._db.iterdump()] == before


@pytest.mark.parametrize(
    "changed",
    [
        Item(id="b", data={"n": 2}),
        Item(id="b", name="Bob", data={"n": 1}),
        Item(id="b", group="g", data={"n": 1}),
        Item(id="b", data={"n": 1}, requires=("logo",)),
    ],
)
def test_an_item_whose_data_name_group_or_requirements_changed_is_due_again(folder: Folder, changed: Item) -> None:
    checkpoint = new_checkpoint(folder, "a", Item(id="b", data={"n": 1}), "c")
    finish_all(checkpoint)
    assert update(checkpoint, "a", changed, "c") == Difference(3, new=0, changed=1, gone=0)
    assert pending(checkpoint) == {"b": "data changed"}
    assert row(checkpoint, "b")["attempts"] == 0
    assert row(checkpoint, "b")["result"] is None


def test_another_order_of_the_items_makes_none_of_them_due(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b", "c", "d")
    finish_all(checkpoint)
    assert update(checkpoint, "a", "d", "c", "b") == Difference(4, 0, 0, 0)
    assert ids(checkpoint) == ["a", "d", "c", "b"]
    assert pending(checkpoint) == {}


def test_an_item_in_the_middle_of_others_is_the_only_new_one(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b")
    finish_all(checkpoint)
    assert update(checkpoint, "a", "x", "b") == Difference(3, new=1, changed=0, gone=0)
    assert pending(checkpoint) == {"x": "new"}


def test_what_was_new_and_not_done_yet_is_not_counted_as_new_once_more(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b", "c")
    assert update(checkpoint, "x", "a", "b", "c") == Difference(4, new=1, changed=0, gone=0)


@pytest.mark.parametrize("left", [("a", "c"), ("c",), ("a", "b"), ("x",)])
def test_items_that_the_source_no_longer_has_are_gone(folder: Folder, left: tuple[str, ...]) -> None:
    checkpoint = new_checkpoint(folder, "a", "b", "c")
    finish_all(checkpoint)
    assert update(checkpoint, *left).gone == len({"a", "b", "c"} - set(left))
    assert ids(checkpoint) == [*left]


def test_an_item_that_was_gone_and_comes_back_as_it_was_is_still_done(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", Item(id="b", data={"n": 1}), "c")
    finish_all(checkpoint)
    update(checkpoint, "a", "c")
    assert update(checkpoint, "a", Item(id="b", data={"n": 1}), "c") == Difference(3, 0, 0, 0)
    assert pending(checkpoint) == {}
    assert checkpoint._db.execute("SELECT COUNT(*) FROM gone").fetchone() == (0,)


def test_an_item_that_comes_back_changed_is_due(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", Item(id="b", data={"n": 1}))
    finish_all(checkpoint)
    update(checkpoint, "a")
    assert update(checkpoint, "a", Item(id="b", data={"n": 2})).changed == 1
    assert pending(checkpoint) == {"b": "data changed"}


def test_no_items_at_all_make_all_gone(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b")
    assert update(checkpoint) == Difference(0, 0, 0, 2)


ITEMS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2), max_size=8).flatmap(
    lambda items: st.permutations([*items.items()])
)


@given(st.lists(ITEMS, min_size=2, max_size=4))
def test_whatever_the_source_does_an_item_is_done_if_and_only_if_it_was_done_like_that(
    tmp_path_factory: pytest.TempPathFactory, versions: list[list[tuple[str, int]]]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("out"))
    first, *others = [[Item(id=name, data=data) for name, data in version] for version in versions]
    checkpoint = new_checkpoint(folder, *first)
    finish_all(checkpoint)
    done = {item.id: item.data for item in first}  # the data that each item was last done with, gone or not
    for version in others:
        present = set(ids(checkpoint))
        found = update(checkpoint, *version)
        assert ids(checkpoint) == [item.id for item in version]
        assert found.total == len(version)
        assert found.gone == len(present - {item.id for item in version})
        assert pending(checkpoint) == {
            item.id: "data changed" if item.id in done else "new" for item in version if done.get(item.id) != item.data
        }
        assert found.new + found.changed == len(pending(checkpoint))
        finish_all(checkpoint)
        done |= {item.id: item.data for item in version}
    checkpoint.close()


# --- ids that a disk takes for one


def stems(checkpoint: Checkpoint) -> dict[str, str]:
    return {task.id: task.file_stem for task in checkpoint.tasks()}


def test_ids_that_differ_in_case_alone_get_stems_that_differ_on_every_disk(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "ada", "Ada", "ADA", "Bob", "straße", "STRASSE", "x/y", "X/Y")
    found = stems(checkpoint)
    assert len({folded(name) for name in found.values()}) == 8
    assert found["ada"] == "ada"
    assert found["Bob"] == "Bob"
    assert found["Ada"].startswith("Ada~")


@given(st.lists(st.text("aAbB\u00df\u1e9esSéÉ/.", min_size=1, max_size=4), min_size=1, max_size=8, unique=True))
def test_no_two_items_of_a_job_share_a_file_on_any_disk(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    checkpoint = new_checkpoint(Folder(tmp_path_factory.mktemp("out")), *names)
    found = stems(checkpoint)
    assert len({folded(name) for name in found.values()}) == len(names)
    alone = [name for name in names if sum(folded(name) == folded(other) for other in names) == 1]
    assert all(found[name] == stem(name) for name in alone)
    checkpoint.close()


def test_stems_are_kept_apart_when_the_other_case_comes_later(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "Ada", "b")
    update(checkpoint, "a", "Ada", "b", "ada")
    assert stems(checkpoint)["ada"] == "ada"
    assert stems(checkpoint)["Ada"].startswith("Ada~")


# --- large sources


def test_the_source_is_read_lazily_and_never_held(folder: Folder) -> None:
    count, width = 2_000, 10_000

    def people() -> Iterator[Item]:
        for number in range(count):
            yield Item(id=f"P{number}", data="x" * width)

    folder.make()
    new = create(folder.checkpoint)
    tracemalloc.start()
    fill(new, make_job(people))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    new.close()
    assert peak < count * width / 10
