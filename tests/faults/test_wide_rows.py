"""Rows that carry much: the parent's memory and time don't grow with what goes through it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, command, rows

# What the runner itself takes is much the same for any job; a run that kept all rows would take 120 MB more.
MOST_MORE = 40 * 1024**2


def peak(out: Path, job: str, **env: str) -> int:
    """Run a job from outside, to its end; the peak of the parent process alone, in bytes."""
    process = subprocess.Popen(
        command("run", f"{JOBS / 'wide.py'}:{job}", "--workers", "2", "--out", out, "--progress", "none"),
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


@pytest.mark.parametrize("job", ["carrying", "returning"])
def test_many_bytes_in_rows_and_results_pass_through_the_parent_and_do_not_stay(tmp_path: Path, job: str) -> None:
    slim = peak(tmp_path / "slim", job, WIDTH="10")
    wide = peak(tmp_path / "wide", job, WIDTH="300000")
    assert wide - slim < MOST_MORE
    assert rows(tmp_path / "wide", "SELECT COUNT(*), SUM(status = 'ok') FROM items") == [(400, 400)]


def test_an_item_larger_than_all_pipes_and_bounds_arrives_whole(tmp_path: Path) -> None:
    peak(tmp_path / "out", "measuring", WIDTH="20000000")
    assert rows(tmp_path / "out", "SELECT result FROM items") == [("20000000",)] * 3
