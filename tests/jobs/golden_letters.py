"""Letters that go well, fail, are refused, are mended, warn, crash, share inputs, or leave several files.

One attempt each: how second attempts and first ones share chunks depends on how long items take.
"""

import json
import os
from pathlib import Path

from parbatch import Entry, Item, Job, Problem

HERE = Path(__file__).parent

job = Job("letters", chunk_size=2, merge="lines", attempts=1, memory="1GB", identity=["LETTERS_TOKEN", "LETTERS_CITY"])


@job.context
def prices():
    for name, text in json.loads((HERE / "prices.json").read_text()).items():
        yield Entry(name, text, summary=f"prices of {name}", tokens=len(text.split()))


@job.items
def people():
    for row in json.loads((HERE / "people.json").read_text()):
        yield Item(
            id=row["id"], name=row["id"].title(), group=row["group"], requires=tuple(row.get("needs", ())), data=row
        )


@job.setup
def pen():
    return "blue"


@job.render
def letter(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(f"Dear {item.name}, attempt {ctx.number}, {ctx.shared}\n")
    return WAYS[item.data["way"]](item, ctx)


def well(item, ctx):
    ctx.metric("words", len(item.name))
    return {"words": len(item.name)}


def fails(item, ctx):
    print("about to look for a city")
    return item.data["city"]["name"]


def refused(item, ctx):
    return {"words": -1}


def mends(item, ctx):
    return {"words": 1 if ctx.feedback else -1}


def warns(item, ctx):
    print("a remark")
    os.write(2, b"a complaint\n")
    return {"words": 20_000}


def twice(item, ctx):
    (ctx.dir / "more").mkdir()
    (ctx.dir / "more" / f"{item.id}-2.txt").write_text("more\n")
    return {"words": 2}


def shares(item, ctx):
    return {"words": len(ctx.context["tea"].content.split())}


def document(item, ctx):
    document = ctx.document()
    document.add_heading("Your order")
    return document


def exits(item, ctx):
    os._exit(3)


WAYS = {way.__name__: way for way in (well, fails, refused, mends, warns, twice, shares, document, exits)}


@job.validate
def check(item, ctx):
    words = (ctx.result or {"words": 1})["words"]
    if words < 0:
        yield Problem("negative", f"{words} words", where="last row", suggestion="count again")
    if words > 10_000:
        yield Problem("long", f"{words:,} words", severity="warning")


@job.overview
def summary(run, ctx):
    lines = [f"{one.item.id} {one.status} {one.result}\n" for one in run.outcomes()]
    (ctx.dir / "overview.txt").write_text("".join(lines))
