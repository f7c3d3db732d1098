"""A command says why it ended, and ends: whatever the job's code has called, and whatever threads it has left."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.outside import command, finish

JOB = """
import os, threading, time
from parbatch import Job

job = Job("ends")
if os.environ.get("ENDS") == "the import":
    os._exit(0)


@job.items
def items():
    yield {"id": "a"}
    if os.environ.get("ENDS") == "a fork":
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    if os.environ.get("ENDS") == "items":
        os._exit(0)


@job.render
def render(item, ctx):
    if os.environ.get("ENDS") == "an item":
        os._exit(0)
    seconds = float(os.environ.get("STAYS", "0"))
    if seconds:
        threading.Thread(target=time.sleep, args=(seconds,), name="uploader").start()
"""


@pytest.fixture
def job(here: Path) -> Path:
    (here / "job.py").write_text(JOB)
    return here / "job.py"


@pytest.mark.parametrize(("ends", "line"), [("the import", 7), ("items", 18), ("an item", 24)])
def test_an_exit_by_the_jobs_code_is_told_and_is_no_success(job: Path, ends: str, line: int) -> None:
    code, printed = finish("run", job, "--backend", "inline", "--progress", "none", env={"ENDS": ends})
    assert code == 1
    assert f"{job}:{line} called os._exit(0), which ends parbatch itself" in printed
    code, printed = finish("run", job, "--resume", "--progress", "none")
    assert code == 0, printed


def test_a_process_that_the_job_forks_may_end_as_it_likes(job: Path) -> None:
    code, printed = finish("run", job, "--backend", "inline", "--progress", "none", env={"ENDS": "a fork"})
    assert code == 0
    assert "os._exit" not in printed


@pytest.mark.parametrize(("stays", "is_told"), [("1000", True), ("0.5", False)])
def test_a_thread_that_an_item_has_left_is_given_a_moment_and_then_ended(job: Path, stays: str, is_told: bool) -> None:
    code, printed = finish("run", job, "--backend", "inline", "--progress", "none", env={"STAYS": stays}, timeout=50)
    assert code == 0
    assert "ends finished: 1 ok of 1 item" in printed
    assert ("left threads running, which were ended with the command: uploader" in printed) is is_told


def test_what_was_written_before_is_all_there_where_threads_are_ended(job: Path) -> None:
    done = subprocess.run(
        command("run", job, "--backend", "inline", "--json"),
        env={"STAYS": "1000"}, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.endswith("}\n")
