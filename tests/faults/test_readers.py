"""Readers of outcomes, in processes of their own, that are interrupted or just end: the run ends in order."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parbatch.dispatch.dispatcher import GRACE_S
from tests.faults.outside import finish, left_behind, rows
from tests.support import write_job

MANY = """
from parbatch import Item, Job

job = Job("many", chunk_size=1)
job.items(lambda: [Item(id=f"i{n}", data=n) for n in range(700)])


@job.render
def one(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(str(item.data))
"""

# Each says that it has the first outcome, and then waits for what never comes.
READERS = {
    "in a loop": """
stream = parbatch.stream("many.py", workers=2)
for outcome in stream:
    print("reading", flush=True)
    signal.pause()
""",
    "in a with block": """
with parbatch.stream("many.py", workers=2) as stream:
    next(stream)
    print("reading", flush=True)
    signal.pause()
""",
    "in an event loop": """
async def read():
    stream = parbatch.astream("many.py", workers=2)
    async for outcome in stream:
        print("reading", flush=True)
        await asyncio.Event().wait()


asyncio.run(read())
""",
}

NOT_READ_ON = """
stream = parbatch.stream("many.py", workers=2)
next(stream)
"""


def reader(here: Path, text: str, job: str = MANY) -> "subprocess.Popen[str]":
    write_job(here / "many.py", job)
    script = write_job(here / "reader.py", f"import asyncio\nimport signal\n\nimport parbatch\n{text}")
    return subprocess.Popen([sys.executable, str(script)], cwd=here, stdout=subprocess.PIPE, text=True)


def assert_it_ended_in_order(here: Path) -> None:
    out = here / "outputs" / "many"
    assert left_behind(out) == []
    ((state,),) = rows(out, "SELECT state FROM runs")
    assert state == "stopped"
    ((done,),) = rows(out, "SELECT COUNT(*) FROM items WHERE status = 'ok'")
    assert 0 < done < 700
    assert len(list((out / "items").iterdir())) == done
    assert finish("run", "many.py", "--workers", 2, "--resume", "--progress", "none")[0] == 0
    assert rows(out, "SELECT MIN(status), MAX(status), MAX(attempts) FROM items") == [("ok", "ok", 1)]


@pytest.mark.parametrize("where", READERS)
def test_ctrl_c_in_the_reader_ends_the_run_in_order(here: Path, where: str) -> None:
    with reader(here, READERS[where]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
    assert_it_ended_in_order(here)


def test_a_second_ctrl_c_does_not_wait_for_what_is_in_flight(here: Path) -> None:
    os.mkfifo(here / "gate")
    text = "print([*parbatch.stream('many.py', workers=1, progress='lines')])"
    began = time.monotonic()
    with reader(here, text, MANY.replace("    (ctx", "    open('gate').read()\n    (ctx")) as process:
        gate = os.open(here / "gate", os.O_WRONLY)  # opens when an item in flight has opened its end
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Stopping: what is in flight may go on for 10 s.")
        process.send_signal(signal.SIGINT)
        assert process.wait() != 0
        os.close(gate)
    assert time.monotonic() - began < GRACE_S
    assert left_behind(here / "outputs" / "many") == []
    assert rows(here / "outputs" / "many", "SELECT state FROM runs") == [("stopped",)]


def test_a_reader_that_ends_without_reading_on_ends_the_run_in_order(here: Path) -> None:
    with reader(here, NOT_READ_ON) as process:
        assert process.wait() == 0
    assert_it_ended_in_order(here)
