"""Three letters, the second of which waits at a gate as long as there is one."""

from pathlib import Path

from parbatch import Item, Job

job = Job("letters", chunk_size=1, memory="1GB")


@job.items
def people():
    for name in ("ada", "bob", "cyd"):
        yield Item(id=name, name=name.title())


@job.render
def letter(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(f"Dear {item.name}\n")
    if item.id == "bob" and Path("gate").exists():
        Path("gate").read_bytes()
