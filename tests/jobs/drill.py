"""A job of everything that a run writes: files, logs, results, a merged file, an overview; the source can be changed.

What it does is told by the environment: DRILL_VERSION is in every file and row, DRILL_BROKEN names items that raise,
DRILL_GONE items that the source no longer has, DRILL_SECOND=0 leaves out each item's second file.
"""

import os

from parbatch import Item, Job

VERSION = os.environ.get("DRILL_VERSION", "1")
BROKEN = os.environ.get("DRILL_BROKEN", "").split()
GONE = os.environ.get("DRILL_GONE", "").split()
job = Job("drill", chunk_size=3, merge="lines")


@job.items
def items():
    for name in (f"i{number}" for number in range(9)):
        if name not in GONE:
            yield Item(id=name, group=f"g{int(name[1:]) % 2}", data={"version": VERSION})


@job.render
def render(item, ctx):
    print("printed by", item.id)
    if item.id in BROKEN:
        raise ValueError("broken")
    (ctx.dir / f"{item.id}.txt").write_text(f"{item.id} {VERSION}\n" * 500)
    if os.environ.get("DRILL_SECOND", "1") == "1":
        (ctx.dir / "second").mkdir()
        (ctx.dir / "second" / f"{item.id}.txt").write_text(f"second {item.id} {VERSION}\n")
    return f"{item.id} {VERSION}"


@job.overview
def overview(run, ctx):
    (ctx.dir / "overview.txt").write_text("".join(f"{one.item.id} {one.status}\n" for one in run.outcomes()))
