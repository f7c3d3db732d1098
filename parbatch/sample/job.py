"""The built-in job: a brief for every country and territory of the world, and an overview of them all.

    parbatch run parbatch.sample.job

It is an ordinary job, and may serve as a model: items come from a data file, one function writes a document,
another sums up what became of them all. How the documents look is said in `template.docx` alone.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from parbatch import Item, Job
from parbatch.sample.country import country_of, read_entries

if TYPE_CHECKING:
    from docx.document import Document

    from parbatch.worker.context import Context, Run

TEMPLATE = "template.docx"

job = Job("countries", memory="512MB", timeout=60, files=[TEMPLATE])


@job.items
def countries() -> Iterator[Item]:
    """Yield an item for each country, by name; the groups are the continents."""
    for entry in read_entries():
        yield Item(id=entry["id"], name=entry["name"], group=entry["continent"], data=entry)


@job.render
def brief(item: Item, ctx: "Context") -> "Document":
    """Write one country's brief."""
    from parbatch.sample.brief import write_brief  # noqa: PLC0415 -- python-docx is loaded where documents are made

    country = country_of(item.data)
    document = ctx.document(TEMPLATE)
    write_brief(document, country)
    ctx.metric("cities", len(country.cities))
    return document


@job.overview
def overview(run: "Run", ctx: "Context") -> "Document":
    """Write the overview of all briefs."""
    from parbatch.sample.overview import write_overview  # noqa: PLC0415 -- as above

    document = ctx.document(TEMPLATE)
    write_overview(document, run.counts, list(run.outcomes()))
    return document
