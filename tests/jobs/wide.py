"""Items that carry many bytes, as a picture given as text, and items that return as many."""

import os

from parbatch import Item, Job

WIDTH = int(os.environ["WIDTH"])
carrying, returning = Job("carrying"), Job("returning")
measuring = Job("measuring", chunk_size=3)


@carrying.items
def pictures():
    text = "x" * WIDTH
    return (Item(id=f"i{n}", data={"picture": text, "n": n}) for n in range(400))


@carrying.render
def look(item, ctx):
    assert len(item.data["picture"]) == WIDTH


@returning.items
def numbers():
    return (Item(id=f"i{n}") for n in range(400))


@returning.render
def draw(item, ctx):
    return "x" * WIDTH


@measuring.items
def giants():
    return (Item(id=f"i{n}", data="x" * WIDTH) for n in range(3))


@measuring.render
def measure(item, ctx):
    return len(item.data)
