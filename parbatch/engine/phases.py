"""What each phase of a run takes from the phases before it, and what a run would do in each."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from parbatch.errors import JobError
from parbatch.model.loading import LoadedJob, phases_of
from parbatch.model.options import Options
from parbatch.model.selection import Selection
from parbatch.model.units import counted
from parbatch.planning.plan import Plan
from parbatch.planning.prepare import preview
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder, is_own_name
from parbatch.storage.reader import reading
from parbatch.worker.context import Previous


class Phase(NamedTuple):
    """A job of the run, and its folder; whether it is the last."""

    loaded: LoadedJob
    folder: Folder
    is_last: bool

    @property
    def name(self) -> str:
        """The name of job and folder."""
        return self.loaded.job.name


def phases_in(loaded: LoadedJob, root: Folder) -> list[Phase]:
    """The phases of a job in the order in which they are done. Raises JobError for a name that none can have."""
    phases = [Phase(one, root.below(one.job.name), one is loaded) for one in phases_of(loaded)]
    for phase in phases:
        if is_own_name(phase.name):
            raise JobError(f"A phase can't be named {phase.name!r}: parbatch uses that name in the output folder.")
    return phases


@contextlib.contextmanager
def fed(phase: Phase, root: Folder) -> Iterator[LoadedJob]:
    """The phase's job, with the outcomes that its items function takes as they are at this moment.

    Raises FolderError where one that comes before has not begun, and CheckpointError.
    """
    job = phase.loaded.job
    with contextlib.ExitStack() as open_ones:
        previous = []
        for earlier in job.after:
            folder = root.below(earlier.name)
            checkpoint = open_ones.enter_context(reading(folder))
            previous.append(Previous(checkpoint.counts(), checkpoint.outcomes, folder.items))
        yield msgspec.structs.replace(phase.loaded, job=job.with_inputs(previous))


def unmet(phase: Phase, root: Folder) -> str | None:
    """What a phase needs of those before it and does not have, in words; None where it can begin."""
    if phase.loaded.job.needs == "ok":
        return None
    for earlier in phase.loaded.job.after:
        with reading(root.below(earlier.name)) as checkpoint:
            by_status = checkpoint.counts()
        total = sum(by_status.values())
        if left := total - by_status["ok"]:
            return (
                f"phase {phase.name} needs every item of {earlier.name}, and {left} of {counted(total, 'item')}"
                f" {'is' if left == 1 else 'are'} not ok"
            )
    return None


def options_for(phase: Phase, asked: Options) -> Options:
    """The run's options for one phase: what selects items is for the last, and those before are done whole.

    A retry takes groups that have pending items too: what an earlier phase has mended makes new ones.
    """
    selection = asked.selection
    if not phase.is_last:
        selection = Selection(retry_failed=selection.retry_failed, retry=selection.retry)
    selection = selection._replace(unfinished_groups=True)
    if not phase.folder.has_checkpoint:
        selection = selection._replace(retry=False)
    return asked.for_phase(phase.loaded.job, phase.folder.root, selection)


class PhasePlan(NamedTuple):
    """What a run would do in a phase; where that is not known yet, `waits_for` says why, and there is no plan."""

    name: str
    out: str
    selection: Selection
    plan: Plan | None = None
    checkpoint: Checkpoint | None = None
    waits_for: str | None = None


def previews(loaded: LoadedJob, asked: Options) -> Iterator[PhasePlan]:
    """What a run would do in each phase, in order; the checkpoint with the plan is open until the next is asked for.

    A phase is known once those that it comes after have nothing left to do.
    """
    root = Folder(asked.out)
    left: dict[str, str] = {}
    for phase in phases_in(loaded, root):
        options = options_for(phase, asked)
        told = PhasePlan(phase.name, str(phase.folder.root), options.selection)
        why = next((left[job.name] for job in phase.loaded.job.after if job.name in left), None) or unmet(phase, root)
        if why is not None:
            left[phase.name] = f"{phase.name} is not known yet"
            yield told._replace(waits_for=why)
            continue
        with fed(phase, root) as its_job:
            checkpoint, plan = preview(phase.folder, its_job, options)
        with contextlib.closing(checkpoint):
            if plan.due:
                is_due = "is" if plan.due == 1 else "are"
                left[phase.name] = f"{counted(plan.due, 'item')} of {phase.name} {is_due} due"
            yield told._replace(plan=plan, checkpoint=checkpoint)
