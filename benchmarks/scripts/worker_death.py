"""A worker that dies while it renders, and when its slot renders again: prints seconds, one line a death.

Usage: python -m benchmarks.scripts.worker_death
"""

import os
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import parbatch
from parbatch import Item, Job
from parbatch.worker.context import Context

DEATHS = 7

job = Job("deaths", chunk_size=5)


@job.items
def items() -> Iterator[Item]:
    """Chunks of five, of which one dies."""
    for number in range(DEATHS * 5):
        yield Item(id=f"item-{number}", data={"dies": number % 5 == 2})


@job.render
def note_and_die(item: Item, ctx: Context) -> None:
    """Write down the time; die on the first try if that is this item's lot."""
    with Path(os.environ["DEATHS_LOG"]).open("a") as log:
        log.write(f"{int(item.data['dies'] and ctx.number == 1)} {time.monotonic()}\n")
    if item.data["dies"] and ctx.number == 1:
        os._exit(1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEATHS_LOG"] = f"{folder}/log"
        result = parbatch.run("benchmarks/scripts/worker_death.py", workers=1, out=f"{folder}/out", progress="none")
        assert result.success == DEATHS * 5, result.failures
        lines = [line.split() for line in Path(f"{folder}/log").read_text().splitlines()]
        for (died, at), (_, again) in pairwise(lines):
            if died == "1":
                print(float(again) - float(at))
