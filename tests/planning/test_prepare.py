"""The checkpoint of a run, opened the way that was asked for: all or nothing."""

from pathlib import Path
from typing import Any

import pytest

from parbatch import Item, Job
from parbatch.errors import CheckpointError, DataError, FolderError, JobError, SelectionError
from parbatch.model.options import read_options
from parbatch.model.roles import OVERVIEW
from parbatch.planning.plan import Plan
from parbatch.planning.prepare import open_and_plan, preview
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.outcome_writer import record
from tests.support import contents, ended, loaded, make_job


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "out")
    made.make()
    return made


def opened(folder: Folder, job: Job, **options: Any) -> tuple[Checkpoint, Plan]:
    held = loaded(job, folder.root)
    return open_and_plan(folder, held, read_options(held, {"workers": 1, **options}))


def run(folder: Folder, job: Job, *, count: int | None = None, state: str = "finished") -> None:
    """What a run leaves that has done so many of its items."""
    checkpoint, _ = opened(folder, job)
    record(checkpoint, "r", 1, [(task.id, ended(task), True) for task in [*checkpoint.tasks(limit=count)]])
    checkpoint.set_run("r", state)
    checkpoint.close()


JOB = make_job([Item(id="a"), Item(id="b"), Item(id="c")])


def test_in_a_new_folder_all_items_are_due(folder: Folder) -> None:
    checkpoint, plan = opened(folder, JOB)
    assert (plan.due, plan.reasons) == (3, {"new": 3})
    assert checkpoint.path == folder.checkpoint
    checkpoint.close()


@pytest.mark.parametrize(
    ("count", "state"), [(1, "interrupted"), (1, "running"), (1, "stopped"), (3, "running"), (2, "finished")]
)
def test_an_unfinished_run_is_gone_on_with_or_started_over_but_only_on_request(
    folder: Folder, count: int, state: str
) -> None:
    run(folder, JOB, count=count, state=state)
    with pytest.raises(FolderError) as caught:
        opened(folder, JOB)
    assert str(folder.root) in str(caught.value)
    assert "--resume" in str(caught.value)
    assert "--fresh" in str(caught.value)
    for options, left in (({"resume": True}, 3 - count), ({"fresh": True}, 3)):
        checkpoint, plan = opened(folder, JOB, **options)
        checkpoint.close()
        assert plan.due == left


def test_after_a_finished_run_a_plain_run_does_everything_again(folder: Folder) -> None:
    run(folder, JOB)
    checkpoint, plan = opened(folder, JOB)
    assert plan.reasons == {"started over": 3}
    checkpoint.close()


def test_one_item_can_be_asked_for_in_an_unfinished_run(folder: Folder) -> None:
    run(folder, JOB, count=1, state="interrupted")
    held = loaded(JOB, folder.root)
    asked = read_options(held, {"workers": 1})
    exact = asked.for_one_item("a", None)
    checkpoint, plan = open_and_plan(folder, held, exact)
    assert (plan.due, plan.reasons) == (1, {"asked for": 1})
    checkpoint.close()


def raising() -> Any:
    yield Item(id="a")
    raise OSError("gone")


BAD = [
    (make_job([Item(id="a"), Item(id="a")]), {}, DataError),
    (make_job([Item(id="x"), Item(id="a"), Item(id="a")]), {}, DataError),
    (make_job([{"name": "no id"}]), {}, DataError),
    (make_job(raising), {}, JobError),
    (make_job([]), {}, SelectionError),
    (JOB, {"only": "nobody"}, SelectionError),
]


@pytest.mark.parametrize(("job", "options", "kind"), BAD)
def test_bad_input_in_a_new_folder_leaves_no_checkpoint(
    folder: Folder, job: Job, options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        opened(folder, job, **options)
    assert [path.name for path in folder.run.iterdir() if "checkpoint" in path.name] == []


@pytest.mark.parametrize("way", [{"resume": True}, {"fresh": True}, {}])
@pytest.mark.parametrize(("job", "options", "kind"), BAD)
def test_bad_input_leaves_an_earlier_checkpoint_as_it_was(
    folder: Folder, job: Job, options: dict[str, Any], kind: type[Exception], way: dict[str, bool]
) -> None:
    run(folder, JOB)
    before = {path.name: path.read_bytes() for path in folder.run.iterdir() if path.is_file()}
    with pytest.raises(kind):
        opened(folder, job, **options, **way)
    assert {path.name: path.read_bytes() for path in folder.run.iterdir() if path.is_file()} == before


def test_a_damaged_checkpoint_is_set_aside_by_fresh_alone(folder: Folder) -> None:
    folder.checkpoint.write_bytes(b"no database" * 1000)
    for options in ({}, {"resume": True}):
        with pytest.raises(CheckpointError, match="is damaged"):
            opened(folder, JOB, **options)
    checkpoint, plan = opened(folder, JOB, fresh=True)
    checkpoint.close()
    assert plan.due == 3
    assert folder.checkpoint.with_name("checkpoint.sqlite.unreadable-1").read_bytes() == b"no database" * 1000


def test_damage_that_shows_only_deep_inside_is_named_too(folder: Folder) -> None:
    many = make_job([Item(id=f"i{number}", data="x" * 500) for number in range(2_000)])
    run(folder, many)
    content = bytearray(folder.checkpoint.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 8 * 4096] = b"\xff" * (8 * 4096)
    folder.checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.sqlite is damaged .*--fresh"):
        opened(folder, make_job([Item(id=f"i{number}", data="y" * 500) for number in range(2_000)]), resume=True)


def test_a_change_in_the_items_makes_the_overview_stale(folder: Folder) -> None:
    run(folder, JOB)
    checkpoint, _ = opened(folder, JOB, resume=True)
    checkpoint.set_product(OVERVIEW, [])
    checkpoint.close()
    checkpoint, _ = opened(folder, JOB, resume=True)
    assert checkpoint.is_current(OVERVIEW)
    checkpoint.close()
    checkpoint, _ = opened(folder, make_job([Item(id="a"), Item(id="b")]), resume=True)
    assert not checkpoint.is_current(OVERVIEW)
    checkpoint.close()


def looked_ahead(folder: Folder, job: Job, **options: Any) -> Plan:
    held = loaded(job, folder.root)
    checkpoint, plan = preview(folder, held, read_options(held, {"workers": 1, "resume": True, **options}))
    checkpoint.close()
    return plan


def test_a_preview_comes_to_what_the_run_comes_to_and_touches_nothing(folder: Folder) -> None:
    run(folder, JOB, count=1, state="interrupted")
    changed = make_job([Item(id="a", data=1), Item(id="c"), Item(id="d")])
    before = contents(folder.root)
    plan = looked_ahead(folder, changed)
    assert contents(folder.root) == before
    checkpoint, opened_plan = opened(folder, changed, resume=True)
    checkpoint.close()
    assert plan == opened_plan
    assert plan.reasons == {"new": 2, "data changed": 1}


def test_a_preview_of_the_first_run_makes_no_folder(tmp_path: Path) -> None:
    assert looked_ahead(Folder(tmp_path / "out"), JOB).reasons == {"new": 3}
    assert not (tmp_path / "out").exists()


def test_a_preview_neither_waits_for_a_run_nor_is_in_its_way(folder: Folder) -> None:
    """With the run in the middle of a transaction, which it keeps."""
    run(folder, JOB, count=1)
    running, _ = opened(folder, JOB, resume=True)
    running._db.execute("BEGIN IMMEDIATE")
    running._db.execute("UPDATE items SET status = 'ok'")
    assert looked_ahead(folder, JOB).due == 2
    running._db.execute("COMMIT")
    running.close()
    assert looked_ahead(folder, JOB).due == 0


@pytest.mark.parametrize(("job", "options", "kind"), BAD)
def test_a_preview_names_bad_input_as_a_run_does(
    folder: Folder, job: Job, options: dict[str, Any], kind: type[Exception]
) -> None:
    for _ in range(2):  # before there is a checkpoint, and with one
        with pytest.raises(kind):
            looked_ahead(folder, job, **options)
        if not folder.checkpoint.exists():
            run(folder, JOB)
