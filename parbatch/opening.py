"""The checkpoint of a run, opened the way that was asked for, and the plan made in it."""

import sqlite3
from collections.abc import Callable

from parbatch.checkpoint import Checkpoint, create, open_existing, set_aside, settle
from parbatch.errors import CheckpointError, FolderError, SelectionError
from parbatch.folder import Folder
from parbatch.loading import LoadedJob
from parbatch.options import Options
from parbatch.plan import Plan, check_files, mark_asked_for, remember_files, resume, start_over, summarise
from parbatch.source import Difference, fill


def open_and_plan(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    """Open the folder's checkpoint, or begin one, and plan the run in it.

    All or nothing: on any error the folder's checkpoint is what it was, or is not there. Raises FolderError for an
    unfinished earlier run that is neither to be gone on with nor started over, and as the plan does.
    """
    check_files(loaded)
    try:
        return _open_and_plan(folder, loaded, options)
    except sqlite3.OperationalError as error:
        raise CheckpointError(f"{folder.checkpoint} can't be used now: {error}. Mend that, and try again.") from None


def _open_and_plan(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    if not folder.checkpoint.exists():
        return _begin(folder, loaded, options)
    try:
        checkpoint = open_existing(folder.checkpoint)
    except CheckpointError:
        if not options.fresh:
            raise
        return _begin(folder, loaded, options)
    try:
        return checkpoint, _plan(checkpoint, folder, loaded, options)
    except sqlite3.OperationalError:
        checkpoint.close()
        raise
    except sqlite3.DatabaseError as error:
        checkpoint.close()
        raise CheckpointError(
            f"{folder.checkpoint} is damaged ({error}). Restore it, or move it away and use --fresh."
        ) from None
    except BaseException:
        checkpoint.close()
        raise


def _begin(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    """A new checkpoint, complete before it has its name."""
    new = create(folder.checkpoint)
    try:
        difference = fill(new, loaded.job)
        remember_files(new, loaded)
        plan = _finish(new, loaded, options, difference)
    except BaseException:
        new.close()
        new.path.unlink()
        raise
    if folder.checkpoint.exists():
        set_aside(folder.checkpoint)
    return settle(new, folder.checkpoint), plan


def _plan(checkpoint: Checkpoint, folder: Folder, loaded: LoadedJob, options: Options) -> Plan:
    bring_up_to_date = _way(checkpoint, folder, loaded, options)
    with checkpoint.transaction():
        return _finish(checkpoint, loaded, options, bring_up_to_date())


def _way(checkpoint: Checkpoint, folder: Folder, loaded: LoadedJob, options: Options) -> Callable[[], Difference]:
    """How the checkpoint is brought up to date: gone on with, or started over."""
    if options.resume or options.selection.exact:
        return lambda: resume(checkpoint, loaded, folder.items, options.selection, rerun_code=options.rerun_code)
    last = checkpoint.last_run()
    counts = checkpoint.counts()
    left = sum(counts.values()) - counts["ok"]
    if (left or (last and last[1] != "finished")) and not options.fresh:
        raise FolderError(
            f"{folder.root} holds an unfinished earlier run ({counts['ok']} ok, {left} not)."
            " Use --resume to go on with it, or --fresh to start over."
        )
    return lambda: start_over(checkpoint, loaded, options.selection)


def _finish(checkpoint: Checkpoint, loaded: LoadedJob, options: Options, difference: Difference) -> Plan:
    if difference.changed or difference.gone or difference.new:
        checkpoint.overview_is("stale")
    if options.selection.exact:
        mark_asked_for(checkpoint, options.selection.exact)
    plan = summarise(checkpoint, loaded, options.selection, difference)
    if not plan.total:
        raise SelectionError(
            f"{loaded.job!r} has no items: its items function gave none. Look at where they come from."
        )
    return plan
