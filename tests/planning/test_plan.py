"""What a run has to do and why."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parbatch import Item, Job
from parbatch.errors import SelectionError
from parbatch.model.selection import Selection
from parbatch.planning.changes import Difference
from parbatch.planning.plan import (
    Plan,
    find_item,
    mark_asked_for,
    remember_files,
    resume,
    start_over,
    summarise,
    tasks_due,
)
from parbatch.storage.folder import Folder
from parbatch.storage.outcome_writer import record
from parbatch.storage.publishing import Publisher
from parbatch.storage.tree import Tree
from tests.support import ended, loaded, make_job, new_checkpoint, row, staged

if TYPE_CHECKING:
    from parbatch.storage.checkpoint import Checkpoint

ALL = Selection()
PEOPLE = [Item(id="ada", name="Ada Lovelace"), Item(id="bob", name="Bob"), Item(id="cyd", name="Cyd")]


class Finished:
    """A folder with a finished run of three items, one file each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = Folder(root / "out")
        (root / "job.py").write_text("# version 1\n")
        (root / "logo.png").write_text("logo")
        self.job = make_job(PEOPLE)
        self.job.files = ("logo.png",)
        self.checkpoint: Checkpoint = new_checkpoint(self.folder, *PEOPLE)
        remember_files(self.checkpoint, loaded(self.job, root))
        code = summarise(self.checkpoint, loaded(self.job, root), ALL, Difference(3, 0, 0, 0)).code
        publisher = Publisher(Tree(self.folder.root), self.folder.items, self.folder.tmp)
        for task in [*self.checkpoint.tasks()]:
            outputs = staged(self.folder.tmp / task.id, **{task.id: f"Dear {task.name}"})
            publisher.publish(task.id, outputs, lambda *_: None)
            record(self.checkpoint, "run", code, [(task.id, ended(task, outputs=outputs), True)])
            self.checkpoint.set_outputs(task.id, [(output.path, output) for output in outputs])

    def plan(self, job: Job | None = None, selection: Selection = ALL, *, rerun_code: bool = False) -> Plan:
        held = loaded(job or self.job, self.root)
        with self.checkpoint.transaction():
            difference = resume(self.checkpoint, held, self.folder.items, selection, rerun_code=rerun_code)
            return summarise(self.checkpoint, held, selection, difference)


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    return Finished(tmp_path)


def test_after_a_finished_run_nothing_is_due(finished: Finished) -> None:
    plan = finished.plan()
    assert (plan.total, plan.matching, plan.due, plan.reasons, plan.older_code) == (3, 3, 0, {}, 0)


@pytest.mark.parametrize(
    ("reason", "harm"),
    [
        ("output missing", lambda file: file.unlink()),
        ("output changed", lambda file: file.write_text("damaged")),
        ("output changed", lambda file: file.write_text("Dear B0b")),
    ],
)
def test_an_item_whose_output_is_missing_or_damaged_is_due(finished: Finished, reason: str, harm: object) -> None:
    file = finished.folder.items / "bob.txt"
    assert callable(harm)
    harm(file)
    if file.exists():
        os.utime(file, ns=(0, 0))
    plan = finished.plan()
    assert (plan.due, plan.reasons) == (1, {reason: 1})
    assert row(finished.checkpoint, "bob")["status"] == "pending"


def test_an_output_that_was_only_touched_is_still_good(finished: Finished) -> None:
    os.utime(finished.folder.items / "bob.txt", ns=(0, 0))
    assert finished.plan().due == 0


def test_a_file_that_the_job_depends_on_makes_all_items_due_when_it_changes(finished: Finished) -> None:
    (finished.root / "logo.png").write_text("another logo")
    assert finished.plan().reasons == {"file changed: logo.png": 3}


def test_a_file_that_is_gone_has_changed(finished: Finished) -> None:
    (finished.root / "logo.png").unlink()
    assert finished.plan().reasons == {"file changed: logo.png": 3}


def test_changed_code_is_reported_and_redone_on_request(finished: Finished) -> None:
    (finished.root / "job.py").write_text("# version 2\n")
    plan = finished.plan()
    assert (plan.due, plan.older_code) == (0, 3)
    plan = finished.plan(rerun_code=True)
    assert (plan.due, plan.reasons) == (3, {"code changed": 3})


def test_changed_data_and_new_items_are_due_with_their_reasons(finished: Finished) -> None:
    changed = make_job([PEOPLE[0], Item(id="bob", name="Bob", data={"city": "Rome"}), PEOPLE[2], Item(id="dan")])
    changed.files = finished.job.files
    plan = finished.plan(changed)
    assert plan.reasons == {"data changed": 1, "new": 1}
    assert plan.difference.gone == 0


def test_items_that_were_not_ok_are_due_and_say_what_they_were(finished: Finished) -> None:
    finished.checkpoint._db.execute("UPDATE items SET status = 'crashed' WHERE id = 'ada'")
    finished.checkpoint._db.execute("UPDATE items SET status = 'pending' WHERE id = 'bob'")
    assert finished.plan().reasons == {"crashed before": 1, "not finished": 1}


class Failing:
    """Three items of which bob fails in every run, alike unless a test says otherwise."""

    def __init__(self, finished: Finished) -> None:
        self.finished = finished
        self.runs = 0
        finished.checkpoint._db.execute("UPDATE items SET status = 'pending', reason = NULL WHERE id = 'bob'")

    def run(self, fingerprint: str = "alike", *, settled: bool = True) -> None:
        self.runs += 1
        checkpoint = self.finished.checkpoint
        code = self.finished.plan().code
        (bob,) = checkpoint.tasks("id = 'bob'")
        record(checkpoint, f"r{self.runs}", code, [(bob.id, ended(bob, "failed", fingerprint=fingerprint), settled)])

    def plan(self, **more: Any) -> tuple[int, int]:
        plan = self.finished.plan(**more)
        return plan.due, plan.known_to_fail


@pytest.fixture
def failing(finished: Finished) -> Failing:
    return Failing(finished)


def test_an_item_that_failed_alike_in_the_last_two_runs_is_known_to_fail_and_not_due(failing: Failing) -> None:
    failing.run()
    assert failing.plan() == (1, 0)
    failing.run()
    assert failing.plan() == (0, 1)
    assert failing.plan() == (0, 1)  # and stays so, run after run
    assert [*tasks_due(failing.finished.checkpoint, ALL)] == []


def test_what_is_known_to_fail_is_due_when_it_is_asked_for(failing: Failing) -> None:
    failing.run()
    failing.run()
    assert failing.plan(selection=Selection(retry_failed=True)) == (1, 0)
    assert failing.plan(selection=Selection(exact="bob")) == (1, 0)
    mark_asked_for(failing.finished.checkpoint, "bob")
    assert failing.plan() == (1, 0)  # as after a run that was killed when it tried bob


def test_an_item_that_fails_in_another_way_is_not_known_to_fail(failing: Failing) -> None:
    for fingerprint in ("one", "other", "one"):
        failing.run(fingerprint)
    assert failing.plan() == (1, 0)
    failing.run("one")
    assert failing.plan() == (0, 1)


def test_tries_within_a_run_count_once(failing: Failing) -> None:
    failing.run(settled=False)
    failing.run()
    assert failing.plan() == (1, 0)
    failing.run(settled=False)
    failing.run()
    assert failing.plan() == (0, 1)


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("file", ["job.py", "logo.png"])
def test_an_item_is_not_known_to_fail_when_code_or_files_have_changed(failing: Failing, file: str, after: int) -> None:
    for _ in range(after):
        failing.run()
    (failing.finished.root / file).write_text("changed")
    assert failing.plan()[1] == 0
    failing.run()
    assert failing.plan()[1] == 0
    failing.run()
    assert failing.plan()[1] == 1


def test_an_item_is_not_known_to_fail_when_its_data_has_changed(failing: Failing) -> None:
    failing.run()
    failing.run()
    changed = make_job([PEOPLE[0], Item(id="bob", name="Bob", data={"city": "Rome"}), PEOPLE[2]])
    changed.files = failing.finished.job.files
    assert failing.plan(job=changed) == (1, 0)


def test_nobody_can_say_that_code_without_a_file_is_unchanged(failing: Failing) -> None:
    failing.run()
    failing.run()
    (failing.finished.root / "job.py").unlink()
    assert failing.plan() == (1, 0)


def test_starting_over_makes_every_selected_item_due(finished: Finished) -> None:
    held = loaded(finished.job, finished.root)
    with finished.checkpoint.transaction():
        difference = start_over(finished.checkpoint, held, Selection(["b*"]))
        plan = summarise(finished.checkpoint, held, Selection(["b*"]), difference)
    assert (plan.total, plan.matching, plan.due, plan.reasons) == (3, 1, 1, {"started over": 1})
    assert row(finished.checkpoint, "ada")["status"] == "ok"


def test_a_limit_bounds_what_is_due_this_time(finished: Finished) -> None:
    finished.checkpoint._db.execute("UPDATE items SET status = 'failed'")
    assert finished.plan(selection=Selection(limit=2)).due == 2
    assert finished.plan(selection=Selection(limit=9)).due == 3


def test_an_item_that_is_asked_for_is_due_though_it_was_done(finished: Finished) -> None:
    mark_asked_for(finished.checkpoint, "bob")
    plan = finished.plan(selection=Selection(exact="bob"))
    assert (plan.due, plan.reasons) == (1, {"asked for": 1})
    assert [task.id for task in tasks_due(finished.checkpoint, Selection(exact="bob"))] == ["bob"]


# --- selections


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], "ada bob cyd"),
        (["ada"], "ada"),
        (["ADA"], "ada"),
        (["*lovelace"], "ada"),
        (["Ada Lovelace"], "ada"),
        (["[ab]*"], "ada bob"),
        (["???"], "ada bob cyd"),
        (["cyd", "b*"], "bob cyd"),
        (["*"], "ada bob cyd"),
    ],
)
def test_items_are_selected_by_id_or_name_whatever_the_case(patterns: list[str], found: str) -> None:
    selection = Selection(patterns)
    assert [item.id for item in PEOPLE if selection.matches(item.id, item.name)] == found.split()


def test_names_outside_ascii_are_selected_whatever_their_case() -> None:
    assert Selection(["STRASSE"]).matches("x", "Straße")
    assert Selection(["école*"]).matches("x", "ÉCOLE 1")


def test_a_pattern_that_matches_nothing_is_named_with_what_is_close(finished: Finished) -> None:
    with pytest.raises(SelectionError, match=r"No item matches --only 'boob'\. Close to it: bob\."):
        finished.plan(selection=Selection(["boob"]))


def test_a_person_names_an_item_by_id_or_name_whatever_the_case(tmp_path: Path) -> None:
    held = loaded(make_job([*PEOPLE, Item(id="x1", name="Twin"), Item(id="x2", name="Twin")]), tmp_path)
    assert find_item(held, "ada") == "ada"
    assert find_item(held, "ADA") == "ada"
    assert find_item(held, "ada lovelace") == "ada"
    with pytest.raises(SelectionError, match=r"2 items are called 'twin'\. Name one by its id: x1, x2\."):
        find_item(held, "twin")
    with pytest.raises(SelectionError, match=r"No item is called 'adda'\. Close to it: ada"):
        find_item(held, "adda")
    with pytest.raises(SelectionError, match=r"No item is called 'zzzzzz'\.$"):
        find_item(held, "zzzzzz")


def test_an_id_goes_before_a_name_and_the_exact_case_before_another(tmp_path: Path) -> None:
    items = [Item(id="A"), Item(id="a"), Item(id="b", name="a")]
    held = loaded(make_job(items), tmp_path)
    assert [find_item(held, "a"), find_item(held, "A"), find_item(held, "b")] == ["a", "A", "b"]
