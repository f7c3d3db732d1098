"""Items that compare with a baseline; each computation of it is written down, with what the environment asks for."""

import os
import time
from pathlib import Path

from parbatch import Item, Job

job = Job("prices", chunk_size=5)


def work(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@job.items
def items():
    for number in range(40):
        yield Item(id=f"i{number:02d}")


@job.baseline(key=lambda: os.environ["BASELINE_KEY"])
def prices():
    with Path(os.environ["BASELINE_LOG"]).open("a") as log:
        log.write(f"{os.getpid()}\n")
    if os.environ.get("BASELINE_FAILS"):
        raise LookupError("the price list can't be reached")
    work(0.3)
    return {"bread": 2.5, "key": os.environ["BASELINE_KEY"]}


@job.render
def one(item, ctx):
    work(float(os.environ.get("BASELINE_ITEM_S", "0")))  # so that every worker gets a share
    return {"bread": ctx.baseline["bread"], "key": ctx.baseline["key"], "pid": os.getpid()}
