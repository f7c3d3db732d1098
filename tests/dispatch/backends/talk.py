"""A job for backends, and a backend of one slot that a test talks with."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from parbatch.dispatch.backends.base import Backend, Died, start
from parbatch.model.loading import load
from parbatch.model.messages import Chunk, Ended, Message
from parbatch.worker.settings import WorkerSettings
from tests.support import task, write_job

JOB = """
import os, sys
from parbatch import Job

job = Job("contract")
job.items(lambda: [])


@job.setup
def load():
    print("words of the setup")
    return {"greeting": "Dear"}


@job.render
def one(item, ctx):
    what = item.id
    if what == "raises":
        print("before it went wrong", file=sys.stderr)
        (ctx.dir / "half.txt").write_text("half")
        raise ValueError("no such city")
    if what == "exits":
        sys.exit(3)
    if what == "lambda":
        return lambda: None
    if what == "moves":
        os.chdir("/")
    if what == "where":
        return os.getcwd()
    if what == "metric":
        ctx.metric("pages", 3)
    if what == "sleeps":
        while True:
            pass
    print("hello from", what)
    (ctx.dir / f"{what}.txt").write_text(f"{ctx.shared['greeting']} {what}, {ctx.number}")
    return {"id": what, "number": ctx.number}
"""


Heard = Message | Died


class Talk:
    """A backend of one slot, and all that it has said."""

    def __init__(self, backend: Backend, tmp: Path) -> None:
        self.backend = backend
        self.tmp = tmp
        self.heard: list[Heard] = []

    def until(self, done: Callable[[Heard], bool]) -> list[Heard]:
        """What is heard up to the message that a test waits for."""
        first = len(self.heard)
        while not any(done(message) for message in self.heard[first:]):
            self.heard += [message for _, message in self.backend.wait(30)]
        return self.heard[first:]

    def ends(self, *ids: str, number: int = 1) -> dict[str, Ended]:
        """How attempts at these items end, handed over as one chunk."""
        tasks = [task(position, item_id=item_id, number=number) for position, item_id in enumerate(ids)]
        self.backend.send(0, Chunk(1, tasks))
        found: dict[str, Ended] = {}
        while len(found) < len(tasks):
            for message in self.until(lambda message: isinstance(message, Ended)):
                if isinstance(message, Ended):
                    found[tasks[message.position].id] = message
        return found


@contextlib.contextmanager
def talking(name: str, root: Path, text: str = JOB, **more: object) -> Iterator[Talk]:
    job = write_job(root / "job.py", text)
    tmp = root / "tmp"
    tmp.mkdir()
    settings = WorkerSettings(load(str(job)).ref, str(root), str(tmp), f"{tmp}/slot-", memory_cap=None)
    backend = start(name, msgspec.structs.replace(settings, **more), f"test-{uuid.uuid4().hex}", 1)
    try:
        yield Talk(backend, tmp)
    finally:
        backend.close(at_once=True)


CHUNKED = """
import time
from parbatch import Job

job = Job("chunked")
job.items(lambda: [])


@job.render_chunk
def all_of_them(items, ctx):
    try:
        for item in items:
            if item.id == "slow":
                while True:
                    pass
            if item.id == "template":
                ctx.document("letter.docx")
            yield ("nobody" if item.id == "strange" else item.id), item.id
            end = time.monotonic() + 0.2
            while time.monotonic() < end:
                pass
    finally:
        print("the end")
"""
