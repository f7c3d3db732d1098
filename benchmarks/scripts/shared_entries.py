"""2,000 items over 500 entries of 200 KB, two workers: what is read from disk, and how private memory grows.

Prints the bytes of all entries, the bytes that workers read from disk when nothing of them is in the cache, the largest
growth of a worker's private memory, the largest chunk's share, the entry loads and those in source order.

Usage: python -m benchmarks.scripts.shared_entries FOLDER
"""

import contextlib
import json
import os
import random
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parbatch
from parbatch import Entry, Item, Job
from parbatch.planning.packing import loads

ENTRIES, SIZE, ITEMS, SUBJECTS, WIDE, CHUNK = 500, 200_000, 2_000, 50, 14, 100

job = Job("shared", chunk_size=CHUNK)


def needs() -> list[list[int]]:
    """Four entries of one of the overlapping subjects each, popular ones more often, entries in no order."""
    rng = random.Random(1)
    names = rng.sample(range(ENTRIES), ENTRIES)
    found = []
    for _ in range(ITEMS):
        first = int(rng.random() ** 1.5 * SUBJECTS) * ENTRIES // SUBJECTS
        found.append([names[number % ENTRIES] for number in rng.sample(range(first, first + WIDE), 4)])
    return found


def private_bytes() -> int:
    """The private memory of this process, mapped files that nobody else has mapped included."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def read_bytes() -> int:
    """What this process has had read from disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes")))


@job.context
def entries() -> Iterator[Entry]:
    """Texts that differ in every page."""
    for number in range(ENTRIES):
        yield Entry(f"e{number}", random.Random(number).randbytes(SIZE // 2).hex())


@job.items
def items() -> Iterator[Item]:
    """In the order in which they came, which is none."""
    for number, need in enumerate(needs()):
        yield Item(id=f"i{number}", requires=tuple(f"e{entry}" for entry in need))


@job.setup
def before() -> dict[str, int]:
    """What there is before the first item."""
    return {"private": private_bytes(), "read": read_bytes()}


@job.render
def use(item: Item, ctx: Any) -> dict[str, int]:
    """Look at every character."""
    found = sum(ctx.context[name].content.count("00") for name in item.requires)
    return {
        "found": found,
        "pid": os.getpid(),
        "grown": private_bytes() - ctx.shared["private"],
        "read": read_bytes() - ctx.shared["read"],
    }


def main(folder: str) -> None:
    """Write the entries, put them out of the cache, render, and print."""
    name = "benchmarks/scripts/shared_entries.py"
    parbatch.run(name, workers=1, out=folder, progress="none", limit=1)
    os.sync()
    for path in Path(folder, "run", "context").iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    result = parbatch.run(name, workers=2, out=folder, progress="none", resume=True)
    assert result.success == ITEMS
    assert result.chunks is not None
    read: dict[int, int] = {}
    grown = 0
    with contextlib.closing(sqlite3.connect(Path(folder, "run", "checkpoint.sqlite"))) as db:
        for (text,) in db.execute("SELECT result FROM items ORDER BY ended_at").fetchall()[1:]:
            told = json.loads(text)
            read[told["pid"]] = max(told["read"], read.get(told["pid"], 0))
            grown = max(grown, told["grown"])
    print(ENTRIES * SIZE, sum(read.values()), grown, int(result.chunks.bytes.max))
    print(int(result.chunks.entries.sum), loads(needs(), CHUNK, job.max_entries), result.duration_s)


if __name__ == "__main__":
    main(sys.argv[1])
