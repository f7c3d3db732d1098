"""Forty documents and an overview of them."""

import os

from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    for number in range(40):
        yield Item(id=f"person-{number:02d}", name=f"Person {number}", data={"number": number, "set": ["b", "a"]})


@job.render
def letter(item, ctx):
    document = ctx.document()
    document.core_properties.title = item.name
    document.add_heading(f"Dear {item.name}", 1)
    table = document.add_table(rows=5, cols=3)
    for row in table.rows:
        for cell in row.cells:
            cell.text = ", ".join({item.name, *item.data["set"]})
    (ctx.dir / "notes").mkdir()
    (ctx.dir / "notes" / f"{item.id}.txt").write_text(f"{item.data['number']}\n")
    if item.id in os.environ.get("LETTERS_FAIL", "").split():
        raise ValueError(f"no address for {item.name}")
    return document


@job.overview
def overview(run, ctx):
    document = ctx.document()
    for outcome in run.outcomes():
        document.add_paragraph(f"{outcome.item.name}: {outcome.status}")
    return document
