"""The checkpoint: one SQLite file that knows every item's status."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from parbatch import Item
from parbatch.model.outcome import Output
from parbatch.model.problem import Evidence
from parbatch.model.result import RunEnd
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.storage.folder import Folder
from parbatch.storage.opening import open_existing
from parbatch.storage.outcome_writer import record
from parbatch.storage.outcomes import failed_rows, outputs_between
from tests.support import ended, new_checkpoint, row, task


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def test_every_status_is_counted_even_where_it_is_zero(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, Item(id="a", group="x"), Item(id="b", group="y"), "c")
    record(checkpoint, "run", 1, [(one.id, ended(one, "failed"), True) for one in [*checkpoint.tasks()][:1]])
    assert checkpoint.counts() == {
        "ok": 0, "failed": 1, "invalid": 0, "timeout": 0, "memory": 0, "crashed": 0, "pending": 2,
    }  # fmt: skip
    groups = checkpoint.counts_by_group()
    assert [*groups] == ["x", "y", ""]
    assert groups["x"]["failed"] == groups["y"]["pending"] == groups[""]["pending"] == 1


def test_items_come_back_as_they_were_in_order_and_page_by_page(folder: Folder) -> None:
    items = [Item(id=f"i{number}", name=f"N {number}", group="g", data={"n": number}) for number in range(4_500)]
    items[7] = Item(id="i7", data=[1, {"é": None}], requires=("logo", "map"))
    checkpoint = new_checkpoint(folder, *items)
    assert [one.item() for one in checkpoint.tasks()] == items
    assert [one.id for one in checkpoint.tasks(limit=2_500)] == [f"i{number}" for number in range(2_500)]
    assert [*checkpoint.tasks(limit=0)] == []
    assert [outcome.item for outcome in checkpoint.outcomes()] == items


def test_tasks_that_are_done_while_others_are_read_neither_repeat_nor_hide_any(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, *(f"i{number}" for number in range(4_100)))
    seen = []
    for one in checkpoint.tasks():
        seen.append(one.position)
        record(checkpoint, "run", 1, [(one.id, ended(one), True)])
    assert seen == [*range(4_100)]
    assert [*checkpoint.tasks()] == []


def test_an_outcome_is_kept_with_its_result_and_its_evidence(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "good", "bad", "untouched")
    good, bad, _ = checkpoint.tasks()
    evidence = Evidence(type="ValueError", message="no such city", traceback="…", signal="SIGSEGV", returncode=-11)
    record(
        checkpoint,
        "run",
        3,
        [
            (good.id, ended(good, result=msgspec.Raw(b'{"pages":2}'), duration_s=0.5), True),
            (bad.id, ended(bad, "failed", evidence=evidence, peak_memory_bytes=77), True),
        ],
    )
    outcomes = {outcome.item.id: outcome for outcome in checkpoint.outcomes()}
    assert outcomes["good"].result == {"pages": 2}
    assert (outcomes["good"].status, outcomes["good"].attempts, outcomes["good"].duration_s) == ("ok", 1, 0.5)
    assert (outcomes["bad"].status, outcomes["bad"].type) == ("failed", "ValueError")
    assert outcomes["bad"].message == "no such city"
    assert (outcomes["untouched"].status, outcomes["untouched"].attempts) == ("pending", 0)
    assert checkpoint.outcome_of("bad") == outcomes["bad"]
    assert checkpoint.outcome_of("nobody") is None
    assert checkpoint.last_evidence("bad") == evidence
    (failure,) = failed_rows(checkpoint._db)
    assert (failure.id, failure.peak_memory_bytes) == ("bad", 77)
    assert row(checkpoint, "good")["code"] == 3


def test_an_attempt_that_is_tried_again_leaves_the_item_pending_with_its_evidence(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a")
    (first,) = checkpoint.tasks()
    record(checkpoint, "run", 1, [(first.id, ended(first, "crashed"), False)])
    assert (row(checkpoint, "a")["status"], row(checkpoint, "a")["attempts"]) == ("pending", 1)
    assert [*failed_rows(checkpoint._db)] == []
    (second,) = checkpoint.tasks()
    assert second.number == 2, "a run that goes on does not begin to count anew"
    assert json.loads(bytes(second.feedback))["problems"] == [{"type": "ValueError", "message": "a went wrong"}]
    record(checkpoint, "run", 1, [(second.id, ended(second), True)])
    assert (row(checkpoint, "a")["status"], row(checkpoint, "a")["attempts"]) == ("ok", 2)
    assert checkpoint._db.execute("SELECT number, status FROM attempts").fetchall() == [(1, "crashed")]


def test_tries_that_a_kill_broke_off_are_counted_on_within_their_run_alone(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a")
    for run_id in ("first", "second"):
        (one,) = checkpoint.tasks()
        assert one.number == 1, "an item that was settled in an earlier run has all its attempts anew"
        record(checkpoint, run_id, 1, [(one.id, ended(one, "invalid"), False)])
        (two,) = checkpoint.tasks()
        assert two.number == 2
        record(checkpoint, run_id, 1, [(two.id, ended(two, "invalid"), run_id == "first")])
    (third,) = checkpoint.tasks()
    assert (row(checkpoint, "a")["attempts"], third.number) == (4, 3)


def test_what_an_item_published_is_replaced_as_a_whole(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a", "b")
    checkpoint.set_outputs("a", [("one.txt", Output("One.txt", 1, 2, "d")), ("two.txt", Output("two.txt", 1, 2, "d"))])
    checkpoint.set_outputs("a", [("one.txt", Output("One.txt", 5, 2, "e"))])
    assert checkpoint.outputs_of("a") == {"one.txt": "One.txt"}
    assert checkpoint.live_owner("one.txt") is None, "an item that is not ok doesn't keep others from its place"
    checkpoint._db.execute("UPDATE items SET status = 'ok' WHERE id = 'a'")
    assert checkpoint.live_owner("one.txt") == "a"
    assert checkpoint.live_owner("two.txt") is None
    assert outputs_between(checkpoint._db, 0, 1) == {"a": ["One.txt"]}


def test_runs_files_codes_and_the_overview_are_remembered(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a")
    assert checkpoint.last_run() is None
    checkpoint.set_run("r1", "running")
    checkpoint.set_run("r1", "finished", RunEnd(stopped_by="x"))
    assert checkpoint.end_of_last_run() == RunEnd(stopped_by="x")
    assert checkpoint.last_run() == ("r1", "finished")
    checkpoint.set_run("r2", "running")
    assert checkpoint.last_run() == ("r2", "running")
    checkpoint.set_file("t.docx", "d1")
    checkpoint.set_file("t.docx", None)
    assert checkpoint.files() == {"t.docx": None}
    assert checkpoint.code_version("x") == checkpoint.code_version("x") != checkpoint.code_version("y")
    assert not checkpoint.is_current(OVERVIEW)
    checkpoint.set_product(OVERVIEW, [Output("overview.docx", 1, 2, "d")])
    assert checkpoint.is_current(OVERVIEW)
    assert checkpoint.product_outputs(OVERVIEW) == [Output("overview.docx", 1, 2, "d")]
    checkpoint.products_are_stale()
    assert not checkpoint.is_current(OVERVIEW)
    assert not checkpoint.is_current(MERGE)


def test_what_is_not_committed_is_undone_when_the_file_is_closed(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a")
    checkpoint._db.execute("BEGIN IMMEDIATE")
    record(checkpoint, "run", 1, [("a", ended(task(0)), True)])
    checkpoint.close()
    assert row(open_existing(folder.checkpoint), "a")["status"] == "pending"


def test_an_error_inside_a_transaction_undoes_it(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, "a")

    def half_done() -> None:
        with checkpoint.transaction():
            checkpoint.set_run("r1", "running")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_done()
    assert checkpoint.last_run() is None


READER = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(json.dumps(db.execute("SELECT id, status, attempts, duration_s FROM items ORDER BY position").fetchall()))
"""


def test_any_sqlite_tool_reads_it_during_a_run(folder: Folder) -> None:
    """Another process sees what is committed, while the parent is in the middle of writing more."""
    checkpoint = new_checkpoint(folder, "a", "b")
    first, second = checkpoint.tasks()
    checkpoint._db.execute("BEGIN IMMEDIATE")
    record(checkpoint, "run", 1, [(first.id, ended(first, duration_s=0.25), True)])
    checkpoint._db.execute("COMMIT")
    checkpoint._db.execute("BEGIN IMMEDIATE")
    record(checkpoint, "run", 1, [(second.id, ended(second), True)])
    command = [sys.executable, "-c", READER, str(folder.checkpoint)]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert seen == [["a", "ok", 1, 0.25], ["b", "pending", 0, None]]
    checkpoint._db.execute("COMMIT")
    checkpoint.close()


def test_it_holds_numbers_text_and_json_and_never_a_pickle(folder: Folder) -> None:
    checkpoint = new_checkpoint(folder, Item(id="a", data={"x": [1]}, requires=("logo",)))
    (one,) = checkpoint.tasks()
    record(checkpoint, "run", 1, [(one.id, ended(one, "failed", result=msgspec.Raw(b"[1]")), True)])
    checkpoint.set_run("r1", "finished")
    tables = [name for (name,) in checkpoint._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    values = [
        value for table in tables for found in checkpoint._db.execute(f"SELECT * FROM {table}") for value in found
    ]
    assert {type(value) for value in values} <= {int, float, str, type(None)}
    for column, table in (("data", "items"), ("result", "items"), ("evidence", "attempts"), ("record", "runs")):
        for (text,) in checkpoint._db.execute(f"SELECT {column} FROM {table}"):
            json.loads(text)
