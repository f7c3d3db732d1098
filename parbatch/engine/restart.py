"""Whether several parts are gone on with or started over, decided once for all of them, before the first is planned.

Called by `run`, which holds the folder of all. A part alone decides that for itself, when it is planned.
"""

import contextlib

from parbatch.engine.phases import PartJob, jobs_of, options_for
from parbatch.errors import DamagedCheckpointError, FolderError
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.units import counted
from parbatch.planning.plan import make_due_again
from parbatch.storage.damage import damage_in_words
from parbatch.storage.layout import Layout
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_existing, open_to_write, set_aside


def decide_for_all(loaded: LoadedJob, layout: Layout, options: Options) -> Options:
    """Start all parts over, unless they are gone on with. Returns the options with which each is planned.

    Raises FolderError for an unfinished earlier run where neither was asked for, and where there is nothing to retry.
    """
    earlier = layout.begun()
    if options.selection.retry and not earlier:
        raise FolderError(
            f"{layout.root.root} holds no run of which items could be tried again. parbatch run begins one."
        )
    if options.resume:
        return options
    if earlier and not options.fresh and (unfinished := _unfinished(layout)):
        raise FolderError(
            f"{layout.root.root} holds an unfinished earlier run ({unfinished})."
            " Use --resume to go on with it, or --fresh to start over."
        )
    _start_over(jobs_of(loaded, layout), options)
    return options.starting_over()


def _unfinished(layout: Layout) -> str:
    """Say what an earlier run has left; empty where nothing is left."""
    ok = left = 0
    states = []
    for part in layout.parts:
        if part.folder.has_checkpoint:
            with contextlib.closing(open_existing(part.folder.checkpoint)) as checkpoint:
                by_status, last = checkpoint.counts(), checkpoint.last_run()
            ok += by_status["ok"]
            left += sum(by_status.values()) - by_status["ok"]
            states.append(last[1] if last else "finished")
        else:
            states.append("not begun")
    if not left and set(states) == {"finished"}:
        return ""
    not_begun = states.count("not begun")
    return f"{ok} ok, {left} not" + (f", {counted(not_begun, 'phase')} not begun" if not_begun else "")


def _start_over(jobs: list[PartJob], options: Options) -> None:
    """Make all that there is due again, the last part first: after a kill no part is taken as done anew."""
    for job in reversed(jobs):
        folder = job.part.folder
        if not folder.has_checkpoint:
            continue
        with hold(folder) as held:
            held.keep()
            try:
                _make_due_again(job, options)
            except DamagedCheckpointError:
                if not options.fresh:
                    raise
                set_aside(folder.checkpoint)


def _make_due_again(job: PartJob, options: Options) -> None:
    place = job.part.folder.checkpoint
    with (
        damage_in_words(place),
        contextlib.closing(open_to_write(place, fresh=True)) as checkpoint,
        checkpoint.transaction(),
    ):
        make_due_again(checkpoint, options_for(job, options).selection)
