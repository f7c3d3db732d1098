"""A real run, in a process of its own, that waits in its second item until it is let go."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support import JOB, write_job

WAITING = JOB.replace(
    "    (ctx.dir",
    "    if item.id == 'bob':\n        open('gate').read()\n    (ctx.dir",
)


class WaitingRun:
    """The run: `let_go` opens the gate and waits for its end."""

    def __init__(self, process: "subprocess.Popen[bytes]", gate: int) -> None:
        self.process = process
        self._gate = gate

    def let_go(self) -> int:
        os.close(self._gate)
        return self.process.wait()


@contextlib.contextmanager
def waiting_run(here: Path, *, stdout: int = subprocess.DEVNULL, stderr: int | None = None) -> Iterator[WaitingRun]:
    """A run of three items in the current folder: the first has ended, the second is in flight."""
    write_job(here / "job.py", WAITING)
    os.mkfifo(here / "gate")
    command = [sys.executable, "-m", "parbatch", "run", "job.py", "--workers", "1", "--chunk-size", "1"]
    with subprocess.Popen(command, cwd=here, stdout=stdout, stderr=stderr) as process:
        try:
            yield WaitingRun(process, os.open(here / "gate", os.O_WRONLY))  # opens when the item has opened its end
        finally:
            process.kill()
