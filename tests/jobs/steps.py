"""500 short items that write down, outside what is published, when each rendering began and ended."""

import os
import time

from parbatch import Item, Job

job = Job("steps", chunk_size=10)


def note(word, item):
    line = f"{word} {item.id} {time.monotonic()}\n".encode()
    descriptor = os.open(os.environ["STEPS_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line)
    os.close(descriptor)


@job.items
def steps():
    for number in range(int(os.environ.get("STEPS_ITEMS", "500"))):
        yield Item(id=f"step-{number:03d}", data={"number": number})


@job.render
def step(item, ctx):
    note("begin", item)
    target = time.process_time() + float(os.environ.get("STEPS_SECONDS", "0.01"))
    while time.process_time() < target:
        pass
    (ctx.dir / f"{item.id}.txt").write_text(f"{item.data['number']}\n" * 2000)
    note("end", item)
