"""The packet generator as a parbatch job: 592 items, 992 documents, eight regional documents as the overview."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.packets_content import REGIONS, make_packet, make_regional, packet_items, packet_result
from parbatch import Item, Job
from parbatch.worker.context import Context, Run

TEMPLATE = os.environ.get("PACKETS_TEMPLATE", "")

job = Job("packets", chunk_size="auto")


@job.items
def items() -> Iterator[dict[str, Any]]:
    """The items of the plain loop."""
    return packet_items()


@job.render
def packet(item: Item, ctx: Context) -> dict[str, Any]:
    """The body of the plain loop; what the regional documents need is the item's result."""
    for edition in item.data["editions"]:
        document = make_packet(item.data, edition, ctx.document, TEMPLATE)
        document.save(str(ctx.dir / f"{item.id}-{edition}.docx"))
    return packet_result(item.data)


@job.overview
def regions(run: Run, ctx: Context) -> None:
    """One document for each region."""
    results = defaultdict(list)
    for outcome in run.outcomes():
        if outcome.status == "ok":
            results[outcome.item.group].append(outcome.result)
    for region in REGIONS:
        document = make_regional(region, results[region], ctx.document, TEMPLATE)
        document.save(str(Path(ctx.dir, f"region-{region.lower()}.docx")))
