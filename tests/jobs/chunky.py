"""Forty items rendered ten at a time, in the ways in which that can go wrong."""

import os
import signal
import time

from parbatch import Item, Job

HOW = os.environ.get("CHUNKY", "dict")
job = Job("chunky", chunk_size=10, timeout=3, merge="object")


@job.items
def numbers():
    for number in range(40):
        yield Item(id=f"i{number:02d}", data={"number": number})


@job.render_chunk
def render(items, ctx):
    print(f"{len(items)} items of attempt {ctx.of(items[0]).number}")
    if HOW == "dict":
        return {item.id: {item.id: item.data["number"]} for item in items}
    return one_by_one(items, ctx)


def one_by_one(items, ctx):
    for item in items:
        number = item.data["number"]
        if number == 13:
            misbehave(item, items)
            if HOW == "leaves out":
                continue
        (ctx.of(item).dir / f"{item.id}.txt").write_text(f"{number}\n")
        yield item.id, {item.id: number}
        if number == 19 and HOW == "raises at the end":
            raise RuntimeError("the database went away")


def misbehave(item, items):
    if HOW == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if HOW == "hangs":
        time.sleep(600)
    if HOW == "raises":
        raise ValueError("13 is unlucky")
