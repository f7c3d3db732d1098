"""The records of runs: there from the beginning, and put right when a run could not write down its end."""

import json
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.reports.run_records import note_killed_runs, note_killed_runs_in_passing
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_existing
from tests.support import FAILING, JOB, contents, typed, write_job
from tests.waiting_run import waiting_run


@pytest.fixture
def folder(here: Path) -> Folder:
    parbatch.run(write_job(here / "job.py", FAILING), backend="inline", progress="none")
    return Folder(here / "outputs/letters")


def record_of(folder: Folder) -> Any:
    (path,) = folder.sessions.iterdir()
    return json.loads(path.read_text())


def cut_off(folder: Folder) -> None:
    """As after a kill in the middle of the second of three items."""
    checkpoint = open_existing(folder.checkpoint)
    (run_id,) = checkpoint.run_ids()
    checkpoint._db.execute("UPDATE items SET status = 'pending', ended_at = NULL WHERE id <> 'ada'")
    checkpoint.set_run(run_id, "running")
    checkpoint.close()
    record = record_of(folder) | {"state": "running", "exit_code": None, "finished_at": None, "duration_s": None}
    record |= {"success": 0, "errors": 0, "pending": 3, "rendered": 0}
    folder.session(run_id).write_text(json.dumps(record))


def state_of(folder: Folder) -> str:
    checkpoint = open_existing(folder.checkpoint)
    last = checkpoint.last_run()
    checkpoint.close()
    assert last is not None
    return last[1]


def test_a_run_has_a_record_from_its_beginning(here: Path) -> None:
    with waiting_run(here) as run:
        while not (records := [*(here / "outputs/letters/run/sessions").glob("*.json")]):
            continue
        record = json.loads(records[0].read_text())
        assert (record["state"], record["exit_code"], record["finished_at"]) == ("running", None, None)
        assert (record["total"], record["pending"], record["job"]) == (3, 3, "letters")
        assert run.let_go() == 0
    assert json.loads(records[0].read_text())["state"] == "finished"


def test_a_killed_run_is_recorded_as_killed_with_the_counts_of_the_checkpoint(folder: Folder) -> None:
    cut_off(folder)
    with hold(folder):
        note_killed_runs(folder)
    record = record_of(folder)
    assert record["state"] == "killed"
    assert (record["exit_code"], record["finished_at"], record["duration_s"]) == (None, None, None)
    assert (record["total"], record["success"], record["pending"], record["rendered"]) == (3, 1, 2, 1)
    assert record["after"]["by_status"]["ok"] == 1
    assert state_of(folder) == "killed"


@pytest.mark.parametrize(
    "command",
    [
        ["run", "job.py", "--resume"],
        ["run", "job.py"],
        ["retry", "job.py", "--only", "ada"],
        ["render", "cyd", "job.py", "--backend", "inline"],
        ["report", "job.py"],
        ["prune", "job.py"],
        ["status", "job.py"],
        ["list", "job.py"],
        ["show", "ada", "job.py"],
        ["plan", "job.py"],
    ],
    ids=" ".join,
)
def test_the_next_command_that_touches_the_folder_says_so(folder: Folder, command: list[str]) -> None:
    cut_off(folder)
    (run_id,) = (path.stem for path in folder.sessions.iterdir())
    typed(*command)
    assert json.loads(folder.session(run_id).read_text())["state"] == "killed"


def test_the_overview_command_does_as_well(here: Path) -> None:
    write_job(here / "job.py", JOB + "\n@job.overview\ndef over(run, ctx): pass\n")
    typed("run", "job.py")
    folder = Folder(here / "outputs/letters")
    cut_off(folder)
    assert typed("overview", "job.py").exit_code == 0
    assert record_of(folder)["state"] == "killed"


def test_status_goes_on_to_say_so_and_it_can_be_resumed(folder: Folder) -> None:
    cut_off(folder)
    for _ in range(2):
        assert "KILLED or broken off" in typed("status", "job.py").stdout
    assert typed("run", "job.py").exit_code == 2, "neither --resume nor --fresh"
    assert typed("run", "job.py", "--resume").exit_code == 1
    assert "finished" in typed("status", "job.py").stdout


def test_the_reports_tell_of_a_killed_run_what_is_known(folder: Folder) -> None:
    cut_off(folder)
    told = typed("report", "job.py")
    assert told.exit_code == 0, told.output
    assert "was killed: when it ended" in told.stderr
    assert json.loads((folder.root / "report.json").read_text())["state"] == "killed"
    assert "Killed, or broken off. Begun " in (folder.root / "report.html").read_text()
    assert 'name="state" value="killed"' in (folder.root / "junit.xml").read_text()


def test_while_somebody_holds_the_folder_a_command_that_looks_writes_nothing(folder: Folder) -> None:
    cut_off(folder)
    with hold(folder):
        before = contents(folder.root)
        typed("status", "job.py")
        note_killed_runs_in_passing(folder)
        assert contents(folder.root) == before


def test_a_folder_that_can_not_be_written_is_looked_at_all_the_same(folder: Folder) -> None:
    cut_off(folder)
    (folder.run / "lock").unlink()
    (folder.run / "lock").mkdir()  # as good as a folder without permission, also for root
    assert "KILLED" in typed("status", "job.py").stdout
    assert record_of(folder)["state"] == "running"


def test_a_run_without_a_record_is_marked_all_the_same(folder: Folder) -> None:
    cut_off(folder)
    for path in folder.sessions.iterdir():
        path.unlink()
    typed("status", "job.py")
    assert state_of(folder) == "killed"


def test_a_setup_that_fails_leaves_no_record(here: Path) -> None:
    write_job(here / "job.py", JOB + "\n@job.setup\ndef load(): raise OSError('no')\n")
    assert typed("run", "job.py").exit_code == 2
    assert not Path("outputs").exists()


def test_the_record_of_a_run_that_goes_on_leaves_what_failed_before_to_the_record_before(folder: Folder) -> None:
    (before,) = folder.sessions.iterdir()
    seen = []

    def look(_: Any) -> None:
        (now,) = set(folder.sessions.iterdir()) - {before}
        seen.append(json.loads(now.read_text()))

    result = parbatch.run("job.py", resume=True, backend="inline", progress="none", on_outcome=look)
    (going_on,) = seen
    assert (going_on["state"], going_on["errors"], going_on["failures"]) == ("running", 1, [])
    assert [failure.id for failure in result.failures] == ["bob"]
    assert json.loads(folder.session(result.run_id).read_text())["failures"] == result.as_dict()["failures"]
