"""Items that take memory in ways that a limit on the process alone can't see, or that pile it up."""

import mmap
import os
import subprocess
import sys
import time

from parbatch import Item, Job

job = Job("hungry", chunk_size=10, memory="256MB")

hoard = []


@job.items
def items():
    for number in range(30):
        yield Item(id=f"i{number:02d}", data={"number": number})


@job.render
def take(item, ctx):
    how = os.environ["HUNGRY"]
    if how == "leak":
        hoard.append(bytearray(b"x" * 12 * 1024**2))
    elif item.data["number"] != 14:
        return {"pid": os.getpid()}
    elif how == "child":
        eat = "x = bytearray(b'x' * 100 * 1024**2); import time; time.sleep(60)"
        children = [subprocess.Popen([sys.executable, "-c", eat]) for _ in range(3)]
        for child in children:
            child.wait()
    elif how == "map a file":
        with open(os.environ["HUNGRY_FILE"], "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        hoard.append(pages)
        deadline = time.monotonic() + 0.6  # for the watch over its size to look twice
        while time.monotonic() < deadline:
            sum(pages[at] for at in range(0, len(pages), mmap.PAGESIZE))
    elif how == "killed by the system":
        hoard.append(bytearray(b"x" * 200 * 1024**2))
    elif how == "little by little":
        blocks = []
        while True:
            blocks.append(bytearray(b"x" * 1024**2))
    return {"pid": os.getpid()}
