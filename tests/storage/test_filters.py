"""Which items a run takes on: what the rules take, in which order, and what is said when they leave nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parbatch import Item
from parbatch.errors import SelectionError
from parbatch.model.selection import Selection
from parbatch.planning.changes import Difference
from parbatch.planning.order import LineUp
from parbatch.planning.plan import summarise, tasks_due
from parbatch.storage.folder import Folder
from tests.support import loaded, make_job, new_checkpoint

if TYPE_CHECKING:
    from parbatch.storage.checkpoint import Checkpoint

# id, group, status, seconds, fingerprint
ROWS = [
    ("a", "north", "ok", 1.0, None),
    ("b", "north", "failed", 9.0, "aaaa1111"),
    ("c", "north", "timeout", 0.1, "bbbb1111"),
    ("d", "north", "crashed", 0.5, "cccc1111"),
    ("e", "south", "failed", 0.2, "aaaa1111"),
    ("f", "south", "pending", None, None),
    ("g", "", "pending", 5.0, None),
    ("h", "", "memory", 0.3, "dddd1111"),
]


@pytest.fixture
def checkpoint(tmp_path: Path) -> "Checkpoint":
    made = new_checkpoint(
        Folder(tmp_path / "out"), *(Item(id=row[0], name=f"Item {row[0]}", group=row[1]) for row in ROWS)
    )
    made._db.executemany(
        "UPDATE items SET status = ?, duration_s = ?, fingerprint = ? WHERE id = ?",
        [(status, duration, fingerprint, item_id) for item_id, _, status, duration, fingerprint in ROWS],
    )
    return made


def taken(checkpoint: "Checkpoint", **asked: Any) -> str:
    return "".join(task.id for task in tasks_due(checkpoint, Selection(**asked)))


def test_a_run_takes_what_is_not_ok_in_item_order(checkpoint: "Checkpoint") -> None:
    assert taken(checkpoint) == "bcdefgh"


def test_a_retry_takes_pending_items_then_cheap_failures_and_time_outs_last(checkpoint: "Checkpoint") -> None:
    assert taken(checkpoint, retry=True, unfinished_groups=True) == "fgehdbc"


def test_a_retry_leaves_out_groups_that_have_pending_items_but_no_item_without_a_group(
    checkpoint: "Checkpoint",
) -> None:
    assert taken(checkpoint, retry=True) == "ghdbc"


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"groups": ["north"]}, "bcd"),
        ({"groups": ["NO*", "s?uth"]}, "bcdef"),
        ({"groups": [""]}, "gh"),
        ({"exclude": ["b", "item [CD]"]}, "efgh"),
        ({"only": ["[a-d]"], "exclude": ["d"]}, "bc"),
        ({"statuses": ["failed", "memory"]}, "beh"),
        ({"statuses": ["pending"]}, "fg"),
        ({"fingerprints": ["aaaa"]}, "be"),
        ({"fingerprints": ["bbbb1111", "d"]}, "ch"),
        ({"groups": ["north"], "statuses": ["failed", "timeout"], "exclude": ["b"]}, "c"),
        ({"limit": 2}, "bc"),
    ],
)
def test_rules_narrow_what_is_taken(checkpoint: "Checkpoint", asked: dict[str, Any], ids: str) -> None:
    assert taken(checkpoint, **asked) == ids
    if "limit" not in asked:
        assert sorted(taken(checkpoint, retry=True, unfinished_groups=True, **asked)) == [*ids]


def test_the_limit_of_a_retry_takes_what_comes_first(checkpoint: "Checkpoint") -> None:
    assert taken(checkpoint, retry=True, limit=2) == "gh"


def test_the_order_stays_whatever_becomes_of_the_items_meanwhile(checkpoint: "Checkpoint") -> None:
    tasks = tasks_due(checkpoint, Selection(retry=True))
    checkpoint._db.execute("UPDATE items SET status = 'ok', duration_s = 0")
    assert "".join(task.id for task in tasks) == "ghdbc"


def test_more_items_than_a_page_come_in_order_once_each(tmp_path: Path) -> None:
    many = new_checkpoint(Folder(tmp_path / "out"), *(f"i{number}" for number in range(4_500)))
    many._db.execute("UPDATE items SET status = 'failed', duration_s = -position")
    ids = [task.id for task in tasks_due(many, Selection(retry=True, limit=4_200))]
    assert ids == [f"i{number}" for number in range(4_499, 299, -1)]


def test_samples_are_one_item_of_each_group_and_the_others_follow_where_they_are_ok(checkpoint: "Checkpoint") -> None:
    lineup = LineUp(checkpoint, Selection(sample_groups=True))
    samples, count = lineup.samples()
    assert ("".join(task.id for task in samples), count) == ("beg", 3)
    checkpoint._db.execute("UPDATE items SET status = 'ok' WHERE id IN ('b', 'g')")
    assert lineup.leave_out_failed_groups() == 1
    others, count = lineup.others()
    assert ("".join(task.id for task in others), count) == ("cdh", 3)


def test_samples_of_a_retry_are_the_cheapest_and_count_towards_the_limit(checkpoint: "Checkpoint") -> None:
    lineup = LineUp(checkpoint, Selection(retry=True, unfinished_groups=True, sample_groups=True, limit=4))
    assert ["".join(task.id for task in tasks) for tasks, _ in (lineup.samples(), lineup.others())] == ["fgd", "e"]


# --- when nothing is left


def complaint(checkpoint: "Checkpoint", tmp_path: Path, **asked: Any) -> str:
    job = loaded(make_job([]), tmp_path)
    with pytest.raises(SelectionError) as caught:
        summarise(checkpoint, job, Selection(**asked), Difference(8, 0, 0, 0))
    return str(caught.value)


def test_a_retry_that_leaves_nothing_says_which_rule_left_how_many_out(
    checkpoint: "Checkpoint", tmp_path: Path
) -> None:
    assert complaint(checkpoint, tmp_path, retry=True, statuses=["failed"], exclude=["b"]) == (
        "No item is left to retry. Left out of 8 items: 1 ok already, 5 without --status 'failed', 1 by --exclude 'b',"
        " 1 in groups that still have pending items (--include-unfinished-groups takes them)."
    )


def test_a_run_whose_rules_leave_nothing_together_says_so_too(checkpoint: "Checkpoint", tmp_path: Path) -> None:
    assert complaint(checkpoint, tmp_path, groups=["north"], only=["[e-h]"]) == (
        "No item matches --group 'north' --only '[e-h]'."
        " Left out of 8 items: 4 not in --group 'north', 4 not --only '[e-h]'."
    )


def test_a_group_that_is_not_there_is_named_with_what_is_close(checkpoint: "Checkpoint", tmp_path: Path) -> None:
    text = complaint(checkpoint, tmp_path, groups=["nrth"])
    assert text == "No item matches --group 'nrth'. Close to it: north."


def test_where_all_is_ok_a_retry_has_nothing_to_do_and_that_is_no_error(
    checkpoint: "Checkpoint", tmp_path: Path
) -> None:
    checkpoint._db.execute("UPDATE items SET status = 'ok'")
    plan = summarise(checkpoint, loaded(make_job([]), tmp_path), Selection(retry=True), Difference(8, 0, 0, 0))
    assert (plan.matching, plan.due) == (0, 0)


def test_a_retry_tries_what_is_known_to_fail(checkpoint: "Checkpoint") -> None:
    checkpoint._db.execute("UPDATE items SET alike = 2 WHERE status = 'failed'")
    assert taken(checkpoint) == "cdfgh"
    assert taken(checkpoint, retry=True, unfinished_groups=True) == "fgehdbc"
