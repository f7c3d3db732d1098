"""Fifteen items that say which process made them, and how many it had seen by then."""

import os

from parbatch import Item, Job

seen = []
chunk = Job("chunk", chunk_size=5, fresh_worker="chunk")
attempt = Job("attempt", chunk_size=5, fresh_worker="attempt")


def numbers():
    for number in range(15):
        yield Item(id=f"i{number:02d}")


def render(item, ctx):
    seen.append(item.id)
    return {"pid": os.getpid(), "seen": len(seen)}


def check(item, ctx):
    if item.id == "i03" and ctx.number == 1:
        yield "wrong at first"


for job in (chunk, attempt):
    job.items(numbers)
    job.render(render)
    job.validate(check)
