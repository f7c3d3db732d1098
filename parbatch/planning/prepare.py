"""The checkpoint of a run, opened the way that was asked for, and the plan made in it."""

import contextlib
import sqlite3
from collections.abc import Callable

import msgspec

from parbatch.errors import CheckpointError, DamagedCheckpointError, FolderError, SelectionError
from parbatch.model.json_values import NOT_JSON
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.planning.changes import Difference, fill
from parbatch.planning.context_entries import renew
from parbatch.planning.plan import (
    Plan,
    check_files,
    mark_asked_for,
    remember_files,
    resume,
    start_over,
    summarise,
    wanted,
)
from parbatch.storage.checkpoint import OWNER, Checkpoint
from parbatch.storage.context_store import staging
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.folder_owner import check_no_others_reports
from parbatch.storage.layout import check_on_disk, wanted_layout
from parbatch.storage.opening import SET_ASIDE, create, last_set_aside_ns, open_to_write, set_aside, settle
from parbatch.storage.owner import Owner, owner_of
from parbatch.storage.reader import copy, empty, reading


def open_and_plan(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    """Open the folder's checkpoint, or begin one, and plan the run in it.

    All or nothing: on any error the folder's checkpoint is what it was, or is not there. Raises FolderError for an
    unfinished earlier run that is neither to be gone on with nor started over, and as the plan does.
    """
    check_files(loaded)
    with folder.in_use():
        return _open_and_plan(folder, loaded, options)


def _open_and_plan(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    if not folder.has_checkpoint:
        if options.selection.retry:
            raise FolderError(
                f"{folder.root} holds no run of which items could be tried again. parbatch run begins one."
            )
        check_no_others_reports(folder)
        return _begin(folder, loaded, options)
    try:
        checkpoint = open_to_write(folder.checkpoint, fresh=options.fresh)
        try:
            with damage_in_words(folder.checkpoint):
                return checkpoint, _plan(checkpoint, folder, loaded, options)
        except BaseException:
            checkpoint.close()
            raise
    except DamagedCheckpointError:
        if not options.fresh:
            raise
        return _begin(folder, loaded, options)


def preview(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    """Find out in a copy, which the caller closes, what `open_and_plan` would come to; the folder is not touched.

    A run that is going on is neither waited for nor disturbed.
    """
    check_files(loaded)
    check_on_disk(wanted_layout(folder.root, shard=options.shard))
    begun = folder.has_checkpoint
    if begun:
        with reading(folder) as checkpoint:
            scratch = copy(checkpoint)
    else:
        scratch = empty()
    try:
        if begun:
            plan = _plan(scratch, folder, loaded, options, looking=True)
        else:
            plan = _first_plan(scratch, loaded, options, None)
    except sqlite3.Error as error:
        scratch.close()
        raise CheckpointError(
            f"The plan can't be made in a temporary file: {error}. Mend that, and try again."
        ) from None
    except BaseException:
        scratch.close()
        raise
    return scratch, plan


def _begin(folder: Folder, loaded: LoadedJob, options: Options) -> tuple[Checkpoint, Plan]:
    """Return a new checkpoint, complete before it has its name."""
    with damage_in_words(folder.checkpoint.with_name(f"{folder.checkpoint.name}.new")):
        new = create(folder.checkpoint)
        try:
            plan = _first_plan(new, loaded, options, folder)
            if folder.has_checkpoint:
                set_aside(folder.checkpoint)
            if (when := last_set_aside_ns(folder.checkpoint)) is not None:
                new.set_fact(SET_ASIDE, str(when))
        except BaseException:
            new.close()
            with contextlib.suppress(OSError):  # the first error is the one to tell
                new.path.unlink()
            raise
        return settle(new, folder.checkpoint), plan


def _first_plan(checkpoint: Checkpoint, loaded: LoadedJob, options: Options, folder: Folder | None) -> Plan:
    difference = fill(checkpoint, loaded.job, options.shard, wanted(options.selection, checkpoint))
    remember_files(checkpoint, loaded)
    return _finish(checkpoint, loaded, options, difference, folder)


def _plan(
    checkpoint: Checkpoint, folder: Folder, loaded: LoadedJob, options: Options, *, looking: bool = False
) -> Plan:
    bring_up_to_date = _way(checkpoint, folder, loaded, options)
    goes_on = options.resume or options.selection.exact is not None
    before = checkpoint.counts_by_group()
    with checkpoint.transaction():
        _follow_files(checkpoint, loaded, folder)
        plan = _finish(checkpoint, loaded, options, bring_up_to_date(), None if looking else folder)
    starts_all_over = not goes_on and plan.due == plan.total
    return plan._replace(before=None if starts_all_over else before)


def _follow_files(checkpoint: Checkpoint, loaded: LoadedJob, folder: Folder) -> None:
    """Know the files that the job depends on again, where job and folder were moved or copied with them."""
    if (written := checkpoint.fact(OWNER)) is None:
        return
    with contextlib.suppress(*NOT_JSON):  # somebody else's text: then the files are where they were
        was = msgspec.json.decode(written, type=Owner)
        now = owner_of(loaded, folder.root)
        for path in checkpoint.files():
            if (place := was.place_now(path, now)) != path:
                checkpoint.move_file(path, place)


def _way(checkpoint: Checkpoint, folder: Folder, loaded: LoadedJob, options: Options) -> Callable[[], Difference]:
    """How the checkpoint is brought up to date: gone on with, or started over."""
    if options.resume or options.selection.exact:
        return lambda: resume(
            checkpoint, loaded, folder.items, options.selection, rerun_code=options.rerun_code, shard=options.shard
        )
    last = checkpoint.last_run()
    counts = checkpoint.counts()
    left = sum(counts.values()) - counts["ok"]
    if (left or checkpoint.unread or (last and last[1] != "finished")) and not options.fresh:
        unread = ", the source not read to its end" if checkpoint.unread else ""
        raise FolderError(
            f"{folder.root} holds an unfinished earlier run ({counts['ok']} ok, {left} not{unread})."
            " Use --resume to go on with it, or --fresh to start over."
        )
    return lambda: start_over(checkpoint, loaded, options.selection, options.shard)


def _finish(
    checkpoint: Checkpoint, loaded: LoadedJob, options: Options, difference: Difference, folder: Folder | None
) -> Plan:
    """Return the plan, once the items are read. Without a folder no entries are written: the plan is only looked at."""
    with staging(folder) as stage:
        items_changed = bool(difference.changed or difference.gone or difference.new)
        renew(checkpoint, loaded.job, stage, items_changed=items_changed)
        if items_changed:
            checkpoint.products_are_stale()
        if options.selection.exact:
            mark_asked_for(checkpoint, options.selection.exact)
        if folder is not None:
            owner = owner_of(loaded, folder.root)
            checkpoint.set_fact(OWNER, msgspec.json.encode(owner).decode())
        plan = summarise(checkpoint, loaded, options.selection, difference)
        if not plan.total and not difference.elsewhere:
            raise SelectionError(
                f"{loaded.job!r} has no items: its items function gave none. Look at where they come from."
            )
        stage.settle()
    return plan
