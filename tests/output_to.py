"""Jobs that print, and commands whose output goes wherever a shell sends it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parbatch.storage.checkpoint import Checkpoint
from tests.support import JOB

FULL = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")

# Prints while it is loaded, while its items are read, as it ends, from Python, past Python, and in a child process.
PRINTS = """
import atexit, os, subprocess, sys

from parbatch import Item, Job

def tell(when):
    print(f"printed {when}")
    sys.__stdout__.write(f"written {when}\\n")
    os.write(1, f"said {when}\\n".encode())
    subprocess.run(["echo", f"echoed {when}"], check=True)

tell("at import")
atexit.register(tell, "at exit")
job = Job("prints")


@job.items
def items():
    tell("by the items function")
    yield Item(id="a", data=1)


@job.render
def render(item, ctx):
    tell("by render")
    return 1


@job.overview
def overview(run, ctx):
    tell("by overview")
"""

# The same by `print` alone, which parbatch sees to; code that writes past Python is told so by itself.
PRINTS_PLAINLY = PRINTS.replace(PRINTS[PRINTS.index("    sys.__stdout__") : PRINTS.index('tell("at import')], "\n")
WAITING = JOB.replace("    (ctx", "    if item.id == 'bob':\n        open('gate').read()\n    (ctx")


def start(*arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "parbatch", *arguments], **more)


def shell(text: str) -> "subprocess.CompletedProcess[str]":
    """A line of shell with `$P` for the command, as people redirect it."""
    env = {**os.environ, "P": f"{sys.executable} -m parbatch"}
    env.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["sh", "-c", text], check=False, env=env, capture_output=True, text=True)


def statuses(out: Path) -> dict[str, int]:
    checkpoint = Checkpoint(out / "run" / "checkpoint.sqlite")
    try:
        return {status: count for status, count in checkpoint.counts().items() if count}
    finally:
        checkpoint._db.close()
