"""The results of all items that are ok, in item order, as one file: made anew from the checkpoint, so never doubled."""

import os
from collections.abc import Iterable
from pathlib import Path

from parbatch.checkpoint import Checkpoint
from parbatch.files import digest_file
from parbatch.job import Job
from parbatch.merge_writer import merge
from parbatch.merging import ENTRIES, MergeError, file_name
from parbatch.model import MERGE, Output
from parbatch.products import Making, call, keep, why_not
from parbatch.publish import mtime_of
from parbatch.result import ProductReport


def make(checkpoint: Checkpoint, job: Job, making: Making) -> ProductReport:
    """Merge the results, as they are or as the job's own function gives them. A failure is a report, no exception."""
    if MERGE not in job.functions:
        return _merge(checkpoint, job, making, checkpoint.results())
    entries = Path(making.tmp, ENTRIES)
    ended = call(checkpoint, making, MERGE, lambda staged, _: os.replace(staged / ENTRIES, entries))
    if ended is None or ended.status != "ok":
        return why_not(ended)
    with entries.open("rb") as lines:
        named = ((f"entry {number}", line.rstrip(b"\n")) for number, line in enumerate(lines, start=1))
        return _merge(checkpoint, job, making, named)


def _merge(checkpoint: Checkpoint, job: Job, making: Making, results: Iterable[tuple[str, bytes]]) -> ProductReport:
    assert job.merging is not None
    name = file_name(job.merging)
    path = making.folder.root / name
    try:
        with making.folder.tree.written_whole(path) as file:
            merge(results, job.merging, file)
    except MergeError as error:
        return ProductReport(error=str(error))
    state = path.stat()
    return keep(checkpoint, making.folder, MERGE, [Output(name, state.st_size, mtime_of(state), digest_file(path))])
