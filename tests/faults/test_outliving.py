"""Nothing outlives a run: not what has an environment and a session of its own, however the run ends."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.outside import JOBS, finish, start

_naps = itertools.count(os.getpid() * 100 + 5_000_000)


@pytest.fixture
def nap() -> Iterator[str]:
    """A number of seconds, in the command line of every process that a test cuts loose; none is left at its end."""
    text = str(next(_naps))
    yield text
    for process in napping(text):
        with contextlib.suppress(psutil.Error):
            process.kill()


def napping(nap: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(nap in word for word in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("mode", "code"), [("", 0), ("dies", 1)])
def test_no_helper_of_a_worker_outlives_a_run_that_ends(tmp_path: Path, nap: str, mode: str, code: int) -> None:
    env = {"NAP": nap, "MODE": mode}
    ended, printed = finish("run", f"{JOBS / 'outliving.py'}:job", "--workers", 2, "--out", tmp_path / "out", env=env)
    assert ended == code, printed
    assert napping(nap) == []


@pytest.mark.parametrize("mode", ["hangs", "inner"])
def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path, nap: str, mode: str) -> None:
    """Two workers hang in a process with no environment; in a run within the run they do so a step further down."""
    env = {"NAP": nap, "MODE": mode}
    run = start("run", f"{JOBS / 'outliving.py'}:job", "--workers", 2, "--out", tmp_path / "out", env=env)
    wait_until(lambda: sum("time.sleep" in " ".join(process.cmdline()) for process in napping(nap)) == 2)
    run.kill()
    run.communicate()
    wait_until(lambda: napping(nap) == [])
