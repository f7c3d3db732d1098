"""`parbatch status`: how a folder stands, also while a run is at work in it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold
from tests.support import FAILING, JOB, contents, typed, write_job
from tests.waiting_run import waiting_run


def status_of(*arguments: str) -> Any:
    result = typed("status", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_after_a_run_it_tells_the_counts_the_failures_and_the_command_that_goes_on(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    typed("run", "job.py")
    result = typed("status", "job.py")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "outputs/letters: 2 ok, 1 failed of 3 items"
    assert lines[1].endswith(", finished")
    assert "  1 failed: ValueError: no such city (job.py:16 in letter)" in lines
    assert "      bob Bob  log: outputs/letters/run/logs/bob.stderr.txt" in lines
    assert lines[-1] == "1 item is left. To go on: parbatch run job.py --resume"


def test_counts_are_given_by_group_where_there_are_groups(here: Path) -> None:
    write_job(here / "job.py", FAILING.replace("name=name.title()", "group='ab' if name < 'c' else 'c\\x1b[2J'"))
    typed("run", "job.py")
    lines = typed("status", "job.py").stdout.splitlines()
    assert "  ab: 1 ok, 1 failed of 2 items" in lines
    assert "  c\\x1b[2J: 1 ok of 1 item" in lines
    counts = status_of("job.py")["counts"]["by_group"]
    assert (counts["ab"]["failed"], counts["c\x1b[2J"]["ok"]) == (1, 1)


def test_when_all_is_done_it_says_so(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    assert typed("status", "job.py").stdout.splitlines()[-1] == "Nothing is left to do."


def test_failures_are_grouped_and_ten_are_named(here: Path) -> None:
    many = FAILING.replace('("ada", "bob", "cyd")', "map(str, range(100, 141))").replace(
        "item.id == 'bob'", "int(item.id)"
    )
    write_job(here / "job.py", many)
    typed("run", "job.py")
    text = typed("status", "job.py").stdout
    assert "  41 failed: ValueError: no such city" in text
    assert "      … and 31 more" in text
    (group,) = status_of("job.py")["causes"]
    assert (group["count"], len(group["first"])) == (41, 10)


def test_where_nothing_was_run_it_says_so_and_makes_nothing(here: Path) -> None:
    write_job(here / "job.py")
    before = contents(here)
    result = typed("status", "job.py")
    assert result.exit_code == 2
    assert f"There is no checkpoint in {here / 'outputs/letters'}" in result.stderr
    assert "--out" in result.stderr
    assert contents(here) == before


def test_the_job_is_not_loaded_where_the_folder_is_named(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py", "--out", "out")
    write_job(here / "job.py", "raise OSError")
    assert status_of("job.py", "--out", "out")["success"] == 3


def test_where_only_the_folder_is_named_the_command_that_goes_on_names_no_wrong_job(here: Path) -> None:
    """Without a job it would be the sample's, whose items are others."""
    write_job(here / "job.py", FAILING)
    typed("run", "job.py", "--out", "out")
    assert typed("status", "--out", "out").stdout.endswith("To go on: parbatch run JOB --out out --resume\n")
    (here / "parbatch.toml").write_text('job = "job.py"')
    assert typed("status", "--out", "out").stdout.endswith("To go on: parbatch run --out out --resume\n")


def test_it_leaves_the_folder_as_it_was(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    before = contents(here)
    assert typed("status", "job.py").exit_code == 0
    assert contents(here) == before


def test_a_damaged_checkpoint_is_named(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    (here / "outputs/letters/run/checkpoint.sqlite").write_bytes(b"no database" * 1000)
    result = typed("status", "job.py")
    assert result.exit_code == 2
    assert "checkpoint.sqlite is damaged" in result.stderr


def test_a_folder_that_is_held_by_something_else_than_its_last_run_is_busy(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    with hold(Folder(here / "outputs/letters")):
        standing = status_of("job.py")
    assert (standing["state"], standing["held_by"]["pid"]) == ("busy", os.getpid())


@pytest.mark.parametrize(
    "written",
    [
        "nonsense",
        "[]",
        '{"pid": 1}',
        '{"pid": 999999999, "host": "HOST", "started_at": "2026-01-01T00:00:00+00:00"}',
        '{"pid": PID, "host": "HOST", "started_at": "2000-01-01T00:00:00+00:00"}',
    ],
)
def test_a_holder_that_is_no_more_holds_nothing(here: Path, written: str) -> None:
    """Also one whose process id was given to another process since, and a file that nobody can read."""
    write_job(here / "job.py")
    typed("run", "job.py")
    import socket

    text = written.replace("HOST", socket.gethostname()).replace("PID", str(os.getpid()))
    (here / "outputs/letters/run/lock.json").write_text(text)
    assert status_of("job.py")["state"] == "finished"


def test_during_a_run_it_says_who_runs_and_after_a_kill_that_it_was_killed(here: Path) -> None:
    with waiting_run(here) as run:
        while (standing := status_of("job.py"))["success"] < 1:
            continue  # the first item's outcome is committed within a quarter of a second
        assert (standing["state"], standing["held_by"]["pid"]) == ("running", run.process.pid)
        assert (standing["total"], standing["pending"]) == (3, 2)
        text = typed("status", "job.py").stdout
        assert ", running" in text
        assert f"pid {run.process.pid} on " in text
        assert "To go on" not in text
        run.process.kill()
        run.process.wait()
    assert status_of("job.py")["state"] == "killed"
    text = typed("status", "job.py").stdout
    assert ", KILLED or broken off: it is not running any more" in text
    assert text.endswith("2 items are left. To go on: parbatch run job.py --resume\n")


def test_watching_goes_on_until_the_run_ends(here: Path) -> None:
    with waiting_run(here) as run:
        command = [sys.executable, "-m", "parbatch", "status", "job.py", "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            assert " of 3 items" in watching.stdout.readline()
            assert run.let_go() == 0
            lines = watching.stdout.read().splitlines()
        assert watching.returncode == 0
    assert "outputs/letters: 3 ok of 3 items" in lines
    assert lines[-1] == "Nothing is left to do."


def test_watching_a_run_that_is_killed_says_so_and_puts_its_record_right(here: Path) -> None:
    with waiting_run(here) as run:
        command = [sys.executable, "-m", "parbatch", "status", "job.py", "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            watching.stdout.readline()
            run.process.kill()
            run.process.wait()
            assert ", KILLED or broken off" in watching.stdout.read()
    (record,) = (here / "outputs/letters/run/sessions").glob("*.json")
    assert json.loads(record.read_text())["state"] == "killed"


def test_watching_can_be_ended_and_the_run_goes_on(here: Path) -> None:
    with waiting_run(here) as run:
        command = [sys.executable, "-m", "parbatch", "status", "job.py", "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
            assert watching.stdout is not None
            watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            _, said = watching.communicate()
        assert (watching.returncode, said) == (130, b"")
        assert run.let_go() == 0


def test_an_overview_that_failed_is_left(here: Path) -> None:
    failing = JOB + "\n\n@job.overview\ndef summary(run, ctx):\n    raise KeyError('total')\n"
    write_job(here / "job.py", failing)
    assert typed("run", "job.py", "--progress", "none").exit_code == 1
    shown = typed("status", "job.py").stdout
    assert "The overview is left. To go on: parbatch run job.py --resume" in shown
    assert "Nothing is left" not in shown
    write_job(here / "job.py", failing.replace("raise KeyError('total')", "(ctx.dir / 'all.txt').write_text('3')"))
    assert typed("run", "job.py", "--progress", "none", "--resume").exit_code == 0
    assert "Nothing is left to do." in typed("status", "job.py").stdout
