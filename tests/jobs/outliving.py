"""Processes that are cut loose from their worker in every way: they must not outlive the run."""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator

import parbatch
from parbatch import Item, Job
from parbatch.worker.context import Context
from parbatch.worker.process_marks import RUN_MARK

NAP = os.environ["NAP"]  # how long they would live, by which the test knows them
MODE = os.environ.get("MODE", "")

job = Job("outliving", chunk_size=1, attempts=1)
inner = Job("inner")


def start_helper() -> None:
    """Start a process with an environment and a session of its own."""
    subprocess.Popen(
        ["/bin/sleep", NAP],
        env={},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def cut_loose() -> None:
    """Start a process whose parents have ended."""
    command = f"setsid /bin/sh -c '/bin/sleep {NAP} & exit' < /dev/null > /dev/null 2>&1"
    subprocess.run(["/usr/bin/env", "-i", "/bin/sh", "-c", command], check=True)


if RUN_MARK in os.environ and "inner" not in MODE:
    start_helper()
    atexit.register(start_helper)


@job.setup
def setup() -> None:
    if "inner" not in MODE:
        start_helper()


@job.items
@inner.items
def items() -> Iterator[Item]:
    for number in range(2):
        yield Item(id=f"i{number}")


@job.render
def render(item: Item, ctx: Context) -> None:
    if MODE == "inner":
        parbatch.run(f"{__file__}:inner", workers=1, out=ctx.scratch / "out")
        return
    cut_loose()
    if MODE == "dies" and item.id == "i1":
        os._exit(3)
    if MODE == "hangs":
        nap()


@inner.render
def nap(*_: object) -> None:
    subprocess.run([sys.executable, "-c", f"import time; time.sleep({NAP})"], env={}, check=False)
