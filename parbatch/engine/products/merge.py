"""The results of all items that are ok, in item order, as one file: made anew from the checkpoint, so never doubled."""

import os
from collections.abc import Iterable
from pathlib import Path

from parbatch.engine.products.merge_writer import merge
from parbatch.engine.products.product import Making, call, keep, put, why_not
from parbatch.errors import MergeError, PublishError
from parbatch.model.job import Job
from parbatch.model.merge_entries import ENTRIES, file_name
from parbatch.model.result import ProductReport
from parbatch.model.roles import MERGE
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.staged import stage

# Named as an attempt is: what is published out of it, and not committed, is found after a kill.
_STAGED = "-2.1"


def make(checkpoint: Checkpoint, job: Job, making: Making) -> ProductReport:
    """Merge the results, as they are or as the job's own function gives them. A failure is a report, no exception."""
    if MERGE not in job.functions:
        return _merge(checkpoint, job, making, making.view.results())
    entries = Path(making.tmp, ENTRIES)
    ended = call(making, MERGE, lambda staged, _: os.replace(staged / ENTRIES, entries))
    if ended is None or ended.status != "ok":
        return why_not(ended)
    with making.folder.tree.open(entries) as lines:
        named = ((f"entry {number}", line.rstrip(b"\n")) for number, line in enumerate(lines, start=1))
        return _merge(checkpoint, job, making, named)


def _merge(checkpoint: Checkpoint, job: Job, making: Making, results: Iterable[tuple[str, bytes]]) -> ProductReport:
    assert job.merging is not None
    path = Path(making.tmp, _STAGED, file_name(job.merging))
    path.parent.mkdir()
    try:
        with making.folder.tree.create(path) as file:
            merge(results, job.merging, file)
        publication = put(checkpoint, making, _STAGED, stage(path.parent))
    except (MergeError, PublishError) as error:
        return ProductReport(error=str(error))
    return keep(checkpoint, making, MERGE, publication)
