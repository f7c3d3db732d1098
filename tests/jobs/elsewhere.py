"""A job whose worker finds other surroundings than its parent, as the environment says."""

import os

from parbatch import Item, Job

job = Job("elsewhere", identity=["STAGE"])

if os.environ.get("CHANGED") == "file" and "PARBATCH_SLOT" in os.environ:
    with open(__file__, "a") as file:
        file.write("# changed\n")


@job.items
def items():
    yield Item(id="a")


@job.render
def one(item, ctx):
    (ctx.dir / "touched.txt").write_text("an item was begun")
