import os

from parbatch import Item, Job

job = Job("dates", chunk_size=2)


@job.items
def items():
    return [Item(id=f"i{number}") for number in range(6)]


@job.render
def render(item, ctx):
    path = ctx.dir / f"{item.id}.txt"
    path.write_text(item.id)
    if item.id == "i3":
        os.utime(path, ns=(10**19, 10**19))  # as an archive may bring it along
