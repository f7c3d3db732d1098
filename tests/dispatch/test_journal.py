"""What becomes of an attempt that has ended: published, made durable, written down, in this order."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parbatch import Item
from parbatch.dispatch.journal import GROUP_S, Journal
from parbatch.model.item import Task
from parbatch.model.messages import Chunk, Ended
from parbatch.model.outcome import Status
from parbatch.model.problem import Problem
from parbatch.storage.chunk_log import ChunkLog
from parbatch.storage.folder import Folder
from parbatch.storage.item_outputs import ItemOutputs
from tests.support import ended, new_checkpoint, row, staged

if TYPE_CHECKING:
    from parbatch.storage.checkpoint import Checkpoint


class Desk:
    """A journal of a run of three items, with attempts that end as a test says."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root)
        self.checkpoint: Checkpoint = new_checkpoint(self.folder, "a", "b", Item(id="c"))
        self.woken = threading.Event()
        self.journal = self.new_journal()

    def new_journal(self) -> Journal:
        (self.folder.tmp / "run").mkdir(exist_ok=True)
        return Journal(self.outputs(), 1, self.woken.set)

    def outputs(self) -> ItemOutputs:
        return ItemOutputs(self.checkpoint, self.folder, "run")

    def task(self, item_id: str, number: int = 1) -> Task:
        (found,) = self.checkpoint.tasks(f"id = '{item_id}'")
        return found if number == 1 else found.again(ended(found, "failed").feedback)

    def take(
        self,
        item_id: str,
        status: Status = "ok",
        *,
        files: dict[str, str] | None = None,
        now: float = 0.0,
    ) -> Ended:
        task = self.task(item_id)
        private = self.folder.tmp / "run" / f"{task.position}.1"
        outputs = staged(private, **files) if files else ()
        final = self.journal.publish(task, ended(task, status, outputs=outputs))
        self.journal.record(task, final, settled=True, now=now)
        return final

    def status(self, item_id: str) -> str:
        """What another reader of the checkpoint sees."""
        reader = sqlite3.connect(self.folder.checkpoint)
        (status,) = reader.execute("SELECT status FROM items WHERE id = ?", (item_id,)).fetchone()
        reader.close()
        return str(status)

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.items.rglob("*.txt")}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "out")
    yield made
    made.journal.finish()
    made.checkpoint.close()


def test_files_are_in_place_before_their_outcome_is_committed(desk: Desk) -> None:
    desk.take("a", files={"a": "A"})
    assert desk.files() == {"a.txt": "A"}
    assert desk.status("a") == "pending"
    desk.journal.finish()
    assert desk.status("a") == "ok"
    assert desk.checkpoint.outputs_of("a") == {"a.txt": "a.txt"}


def test_outcomes_are_committed_in_groups_once_the_disk_has_the_files(desk: Desk) -> None:
    assert desk.journal.next_deadline() is None
    desk.take("a", files={"a": "A"}, now=10.0)
    desk.take("b", now=10.1)
    assert desk.journal.next_deadline() == 10.0 + GROUP_S
    desk.journal.tick(10.0 + GROUP_S / 2)
    assert desk.status("a") == "pending"
    desk.journal.tick(10.0 + GROUP_S)
    assert desk.woken.wait(10)
    desk.journal.tick(10.5)
    assert (desk.status("a"), desk.status("b")) == ("ok", "ok")
    assert desk.journal.next_deadline() is None


def test_a_group_without_files_does_not_wait_for_the_disk(desk: Desk) -> None:
    desk.take("a", now=0.0)
    desk.journal.tick(GROUP_S)
    assert desk.status("a") == "ok"
    assert not desk.woken.is_set()


def test_what_ends_while_the_disk_is_waited_for_comes_in_the_next_group(desk: Desk) -> None:
    desk.take("a", files={"a": "A"}, now=0.0)
    desk.journal.tick(GROUP_S)
    desk.take("b", files={"b": "B"}, now=0.3)
    assert desk.woken.wait(10)
    desk.journal.tick(0.3)
    assert (desk.status("a"), desk.status("b")) == ("ok", "pending")
    desk.journal.finish()
    assert desk.status("b") == "ok"


@pytest.mark.parametrize("status", ["failed", "timeout", "memory", "crashed"])
def test_nothing_is_published_of_an_attempt_that_did_not_end_ok(desk: Desk, status: Status) -> None:
    desk.take("a", status)
    desk.journal.finish()
    assert desk.files() == {}
    assert desk.status("a") == status


def test_files_that_a_new_attempt_no_longer_makes_are_withdrawn_after_its_commit(desk: Desk) -> None:
    desk.take("a", files={"one": "1", "two": "2"})
    desk.journal.finish()
    desk.journal = desk.new_journal()
    desk.take("a", files={"one": "1b"})
    assert desk.files() == {"one.txt": "1b", "two.txt": "2"}
    desk.journal.finish()
    assert desk.files() == {"one.txt": "1b"}


def test_an_item_that_makes_no_file_any_more_has_none_left(desk: Desk) -> None:
    desk.take("a", files={"one": "1"})
    desk.journal.finish()
    desk.journal = desk.new_journal()
    desk.take("a")
    desk.journal.finish()
    assert desk.files() == {}


@pytest.mark.parametrize("status", ["failed", "invalid", "timeout", "memory", "crashed"])
def test_an_item_that_ends_not_ok_has_its_older_output_withdrawn(desk: Desk, status: Status) -> None:
    desk.take("a", files={"one": "1"})
    desk.journal.finish()
    desk.journal = desk.new_journal()
    desk.take("a", status)
    assert desk.files() == {"one.txt": "1"}
    desk.journal.finish()
    assert desk.files() == {}
    assert (desk.folder.withdrawn / "run/one.txt").read_text() == "1"
    assert desk.checkpoint.outputs_of("a") == {}


def test_an_item_that_is_pending_again_keeps_its_older_output(desk: Desk) -> None:
    desk.take("a", files={"one": "1"})
    desk.journal.finish()
    desk.journal = desk.new_journal()
    desk.take("a", "pending")
    desk.journal.finish()
    assert desk.files() == {"one.txt": "1"}


def test_an_outcome_that_the_checkpoint_can_not_hold_fails_alone(desk: Desk) -> None:
    desk.take("a", files={"one": "1"})
    task = desk.task("b")
    outputs = staged(desk.folder.tmp / "run" / f"{task.position}.1", two="2")
    final = desk.journal.publish(task, ended(task, outputs=outputs, slot=2**64))
    desk.journal.record(task, final, settled=True, now=0.0)
    desk.journal.finish()
    assert (desk.status("a"), desk.status("b")) == ("ok", "failed")
    assert desk.files() == {"one.txt": "1"}
    evidence = desk.checkpoint.last_evidence("b")
    assert evidence is not None
    assert evidence.type == "OverflowError"


@pytest.mark.parametrize("other", ["letter", "LETTER"])
@pytest.mark.parametrize("committed", [True, False])
def test_two_items_never_publish_one_file_not_on_a_case_insensitive_disk_either(
    desk: Desk, other: str, *, committed: bool
) -> None:
    desk.take("a", files={"letter": "from a"})
    if committed:
        desk.journal.finish()
        desk.journal = desk.new_journal()
    final = desk.take("b", files={other: "from b"})
    assert final.status == "failed"
    assert final.evidence is not None
    assert final.evidence.type == "PublishError"
    assert "was published by item 'a' already" in final.evidence.message
    assert desk.files() == {"letter.txt": "from a"}


def test_two_files_of_one_item_that_differ_in_case_alone_are_one_too_many(desk: Desk) -> None:
    final = desk.take("a", files={"letter": "1", "LETTER": "2"})
    assert final.status == "failed"
    assert desk.files() == {}


def test_an_item_whose_publishing_failed_holds_no_claim(desk: Desk) -> None:
    (desk.folder.items / "blocked.txt").mkdir()
    assert desk.take("a", files={"blocked": "x", "free": "y"}).status == "failed"
    assert desk.take("b", files={"free": "z"}).status == "ok"
    assert (desk.folder.items / "free.txt").read_text() == "z"


def test_logs_are_kept_under_the_stem_with_each_attempt_under_its_heading(desk: Desk) -> None:
    task = desk.task("a")
    for number, words in ((1, "first"), (2, "second")):
        Path(f"{desk.folder.tmp}/run/{task.position}.{number}.stderr").write_text(words)
        now = desk.task("a", number)
        desk.journal.publish(now, ended(now, "failed", logs=("stderr",)))
    assert desk.folder.log("a", "stderr").read_text() == (
        "# attempt: 1 at 'a', failed after 0.010 s\n\nfirst# attempt: 2 at 'a', failed after 0.010 s\n\nsecond"
    )


def test_templates_that_were_used_are_remembered_with_their_content(desk: Desk, tmp_path: Path) -> None:
    template = tmp_path / "letter.docx"
    template.write_text("template")
    task = desk.task("a")
    desk.journal.publish(task, ended(task, templates=(str(template), str(tmp_path / "missing"))))
    desk.journal.record(task, ended(task), settled=True, now=0.0)
    desk.journal.finish()
    assert [*desk.checkpoint.files()] == [str(template)]


def test_the_time_since_the_run_began_is_written_down_and_added_to_what_was_spent_before(desk: Desk) -> None:
    desk.checkpoint.set_spent(100.0)
    counting = Journal(desk.outputs(), 1, desk.woken.set, began=time.monotonic() - 50)
    counting.finish()
    assert 150 <= desk.checkpoint.spent_s < 200
    desk.new_journal().finish()  # without a beginning it doesn't count
    assert 150 <= desk.checkpoint.spent_s < 200


def test_an_attempt_that_is_tried_again_leaves_the_item_pending(desk: Desk) -> None:
    task = desk.task("a")
    desk.journal.record(task, ended(task, "crashed"), settled=False, now=0.0)
    desk.journal.finish()
    assert row(desk.checkpoint, "a")["status"] == "pending"


def test_an_item_that_is_not_ok_any_more_has_no_warnings_and_figures_left(desk: Desk) -> None:
    task = desk.task("a")
    warned = ended(task, warnings=(Problem("odd", "it is odd", severity="warning"),), metrics={"pages": 3.0})
    desk.journal.record(task, warned, settled=True, now=0.0)
    desk.journal.flush()
    desk.journal.record(task, ended(task, "invalid"), settled=True, now=0.0)
    desk.journal.finish()
    assert [row(desk.checkpoint, "a")[column] for column in ("status", "warnings", "metrics")] == [
        "invalid",
        None,
        None,
    ]


def test_chunks_that_begin_are_committed_in_groups_as_outcomes_are(desk: Desk) -> None:
    begun = [Chunk(1, [desk.task("a")])]
    book = ChunkLog(desk.checkpoint, "run", lambda: begun)
    journal = Journal(desk.outputs(), 1, desk.woken.set, chunks=book)
    journal.tick(5.0)
    assert journal.next_deadline() == 5.0 + GROUP_S
    journal.tick(5.0 + GROUP_S)
    assert journal.next_deadline() is None
    begun = [Chunk(2, [desk.task("b")])]
    journal.tick(9.0)
    task = desk.task("a")
    journal.record(task, ended(task), settled=True, now=9.01)
    journal.tick(9.05)
    assert (desk.status("a"), journal.next_deadline()) == ("pending", 9.0 + GROUP_S)
    journal.tick(9.0 + GROUP_S)
    assert desk.status("a") == "ok"
    journal.finish()
