"""What a run would do in each part, and why; nothing is touched.

Called by `parbatch plan`. It makes the plans that a run would make, in copies of the checkpoints.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from parbatch.engine.phases import earlier_left, jobs_of, layout_of, options_for, unmet_dependency, with_inputs
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.selection import Selection
from parbatch.model.units import counted
from parbatch.planning.plan import Plan
from parbatch.planning.prepare import preview
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.layout import Part


class PartPlan(NamedTuple):
    """What a run would do in a part; where that is not known yet, `waits_for` says why, and there is no plan."""

    part: Part
    name: str
    selection: Selection
    plan: Plan | None = None
    checkpoint: Checkpoint | None = None
    waits_for: str | None = None


def previews(
    loaded: LoadedJob, options: Options, reading: Callable[[LoadedJob], AbstractContextManager[LoadedJob]]
) -> Iterator[PartPlan]:
    """Yield what a run would do in each part, in order; the checkpoint is open until the next is asked for.

    A part is known once those that it comes after have nothing left to do. `reading` tells people of reading items.
    """
    layout = layout_of(loaded, options)
    left: dict[str, str] = {}
    for job in jobs_of(loaded, layout):
        name, its_own = job.loaded.job.name, options_for(job, options)
        told = PartPlan(job.part, name, its_own.selection)
        why = earlier_left(job, left) or unmet_dependency(job, layout.root)
        if why is not None:
            left[name] = f"{name} is not known yet"
            yield told._replace(waits_for=why)
            continue
        with with_inputs(job, layout.root) as its_job, reading(its_job) as read:
            checkpoint, plan = preview(job.part.folder, read, its_own)
        with contextlib.closing(checkpoint):
            if plan.due:
                is_due = "is" if plan.due == 1 else "are"
                left[name] = f"{counted(plan.due, 'item')} of {name} {is_due} due"
            yield told._replace(plan=plan, checkpoint=checkpoint)
