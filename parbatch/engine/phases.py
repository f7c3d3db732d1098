"""The parts of a run with the job of each: what a part takes from those before it, and which options it has.

Called by whatever goes over the parts of a run. A plain run and a shard are one part, which takes nothing from others.
"""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from parbatch.errors import JobError
from parbatch.model.loading import LoadedJob, phases_of
from parbatch.model.options import Options
from parbatch.model.units import counted
from parbatch.storage.folder import Folder, is_own_name
from parbatch.storage.layout import Layout, Part, wanted_layout
from parbatch.storage.reader import reading
from parbatch.worker.context import Previous


class PartJob(NamedTuple):
    """A part of a run and its job; whether the options that select items are for it."""

    part: Part
    loaded: LoadedJob
    is_last: bool


def layout_of(loaded: LoadedJob, options: Options) -> Layout:
    """Return the layout that a run of the job has. Raises JobError for a name that no phase can have."""
    names = [one.job.name for one in phases_of(loaded)] if loaded.job.after else []
    for name in names:
        if is_own_name(name):
            raise JobError(f"A phase can't be named {name!r}: parbatch uses that name in the output folder.")
    return wanted_layout(options.out, names, options.shard)


def jobs_of(loaded: LoadedJob, layout: Layout) -> list[PartJob]:
    """List the parts that are meant, in the order in which they are done, each with its job."""
    by_name = {one.job.name: one for one in phases_of(loaded)}
    jobs = [(part, by_name.get(part.name, loaded)) for part in layout.meant]
    return [PartJob(part, one, one.job is loaded.job) for part, one in jobs]


@contextlib.contextmanager
def with_inputs(job: PartJob, root: Folder) -> Iterator[LoadedJob]:
    """Give the part's job, with the outcomes that its items function takes as they are at this moment.

    Raises FolderError where one that comes before has not begun, and CheckpointError.
    """
    if not job.loaded.job.after:
        yield job.loaded
        return
    with contextlib.ExitStack() as open_ones:
        previous = []
        for earlier in job.loaded.job.after:
            folder = root.below(earlier.name)
            checkpoint = open_ones.enter_context(reading(folder))
            previous.append(Previous(checkpoint.counts(), checkpoint.outcomes, folder.items))
        yield msgspec.structs.replace(job.loaded, job=job.loaded.job.with_inputs(previous))


def unmet_dependency(job: PartJob, root: Folder) -> str | None:
    """Say what a part needs of those before it and does not have; None where it can begin."""
    if job.loaded.job.needs == "ok":
        return None
    for earlier in job.loaded.job.after:
        with reading(root.below(earlier.name)) as checkpoint:
            by_status = checkpoint.counts()
        total = sum(by_status.values())
        if left := total - by_status["ok"]:
            return (
                f"phase {job.part.name} needs every item of {earlier.name}, and {left} of {counted(total, 'item')}"
                f" {'is' if left == 1 else 'are'} not ok"
            )
    return None


def is_settled(job: PartJob, root: Folder) -> bool:
    """Tell whether all that a part's items are made from is there: an item that is missing for now is not gone."""
    folders = [root.below(earlier.name) for earlier in job.loaded.job.after]
    if not all(folder.has_checkpoint for folder in folders) or unmet_dependency(job, root) is not None:
        return False
    for folder in folders:
        with reading(folder) as checkpoint:
            if checkpoint.counts()["pending"]:
                return False
    return True


def options_for(job: PartJob, options: Options) -> Options:
    """Return the run's options for one part: as they are where it is the only one."""
    if job.is_last and not job.loaded.job.after:
        return options
    selection = options.selection.for_phase(is_last=job.is_last, has_begun=job.part.folder.has_checkpoint)
    return options.for_phase(job.loaded.job, job.part.folder.root, selection)


def earlier_left(job: PartJob, left: dict[str, str]) -> str | None:
    """Return what is left of a part that this one comes after, in the words of `left`; None where nothing is."""
    return next((left[one.name] for one in job.loaded.job.after if one.name in left), None)
