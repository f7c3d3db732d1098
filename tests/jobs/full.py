"""Sixty items of a hundred kilobytes each."""

from parbatch import Item, Job

job = Job("full")


@job.items
def items():
    for number in range(60):
        yield Item(id=f"i{number:02d}")


@job.render
def one(item, ctx):
    (ctx.dir / f"{item.id}.bin").write_bytes(b"x" * 100_000)
