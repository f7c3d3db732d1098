"""A killed run leaves nothing behind, wherever it was started from, and whoever else was killed before."""

import contextlib
import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from parbatch.dispatch.guardian import Guardian
from tests.faults.outside import command, left_behind
from tests.support import write_job

JOB = """
import subprocess
from pathlib import Path
from parbatch import Job

job = Job("busy", timeout=100)
job.items(lambda: [{"id": "a"}])


@job.render
def render(item, ctx):
    child = subprocess.Popen(["sleep", "600"])
    Path(__file__).with_name("child").write_text(str(child.pid))
    while True:  # busy: it hears of no pipe that ends
        pass
"""


def until(seen: Callable[[], object]) -> None:
    while not seen():
        continue


def guardians(pid: int) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.Error):
                if "parbatch.dispatch.guardian" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
    return found


@contextlib.contextmanager
def busy(tmp_path: Path, line: list[str], **how: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A run in the middle of its item, killed at the end; then neither its worker nor the item's child is left."""
    job, out = write_job(tmp_path / "busy.py", JOB), tmp_path / "out"
    told = tmp_path / "child"
    where = ["run", str(job), "--workers", "1", "--out", str(out), "--progress", "none"]
    process = subprocess.Popen([*line, *where], **how)  # type: ignore[call-overload]
    until(lambda: process.poll() is not None or (told.exists() and told.read_text()))
    assert process.poll() is None
    yield process
    process.kill()
    process.wait()
    child = int(told.read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    until(lambda: not left_behind(out))


def test_a_guardian_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with busy(tmp_path, command()) as process:
        until(lambda: guardians(process.pid))
        (first,) = guardians(process.pid)
        first.kill()
        until(lambda: any(guardian.pid != first.pid for guardian in guardians(process.pid)))


def test_a_checkout_that_is_not_installed_has_a_guardian_too(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    paths = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}  # whose .pth files are not looked at there
    root = Path(__file__).parent.parent.parent
    line = [str(tmp_path / "venv" / "bin" / "python"), "-m", "parbatch"]
    with busy(tmp_path, line, cwd=root, env=paths) as process:
        assert guardians(process.pid)


def test_a_guardian_that_cannot_be_had_is_told_of_once() -> None:
    said: list[str] = []
    with Guardian("mark", said.append, python="/bin/false") as guardian:
        while not said:
            guardian.check()
        guardian.check()
    (told,) = said
    assert "The guardian, which ends what a killed run leaves behind, can't be had (exit code 1)." in told


def test_a_guardian_that_was_never_looked_at_is_told_of_at_the_end() -> None:
    said: list[str] = []
    with Guardian("mark", said.append, python="/bin/false"):
        pass
    assert len(said) == 1
