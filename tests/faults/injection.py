"""A command that is killed, or given an error, at its N-th call of a named system call. Needs strace and Linux.

strace follows the parent's main thread alone: it is the parent that publishes, withdraws and writes the checkpoint. Its
workers run untouched.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.faults.outside import command

# All that changes what is on the disk, and what waits for the disk.
CALLS = (
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
    "pwrite64", "write", "ftruncate", "fsync", "fdatasync", "syncfs",
)  # fmt: skip


class Point(NamedTuple):
    """Where a command is hit: at so many calls of a system call, by SIGKILL or by an error such as ENOSPC."""

    call: str
    when: int
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.call} {self.when}" + (f" with {self.error}" if self.error else "")

    @property
    def injection(self) -> str:
        """What strace is told."""
        how = f"error={self.error}" if self.error else "signal=KILL"
        return f"inject={self.call}:{how}:when={self.when}"


class Ending(NamedTuple):
    """How a command ended: its exit code, negative for a signal, and all that it printed."""

    code: int
    printed: str

    @property
    def own_traceback(self) -> bool:
        """Whether it showed a traceback of parbatch's own code."""
        return "Traceback (most recent call last)" in self.printed and re.search(
            r'File "[^"]*/parbatch/[a-z_/]+\.py"', self.printed
        ) is not None  # fmt: skip


@cache
def why_not() -> str:
    """Why nothing can be injected here; empty where it can be."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace can't trace here: {tried.stderr.strip()}" if tried.returncode else ""


def hit(arguments: Sequence[object], point: Point, env: Mapping[str, str], *, timeout: float = 120) -> Ending:
    """Run a parbatch command that is hit at this point, to its end."""
    return _traced(["-e", f"trace={point.call}", "-e", point.injection], arguments, env, timeout)


def count(arguments: Sequence[object], env: Mapping[str, str], log: Path) -> Counter[str]:
    """Run a parbatch command to its end: how often its main thread makes each of CALLS."""
    _traced(["-e", f"trace={','.join(CALLS)}", "-o", str(log)], arguments, env, 120)
    return Counter(line.partition("(")[0] for line in log.read_text().splitlines() if "(" in line)


def _traced(options: Sequence[str], arguments: Sequence[object], env: Mapping[str, str], timeout: float) -> Ending:
    output = [] if "-o" in options else ["-o", os.devnull]
    process = subprocess.run(
        ["strace", "-qq", *output, *options, *command(*arguments)],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    return Ending(process.returncode, process.stdout)
