"""What nobody needs any more: outputs of items that are gone from the source, and what killed runs left behind.

Called by `parbatch prune`. It goes over the parts of a folder, and treats each alike.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import msgspec

from parbatch.engine.phases import is_settled, jobs_of, with_inputs
from parbatch.engine.session import new_run_id
from parbatch.errors import FolderError, SelectionError
from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob, phases_of
from parbatch.model.merge_entries import HOW, file_name
from parbatch.planning.changes import compare
from parbatch.reports import REPORTS
from parbatch.reports.run_records import note_killed_runs
from parbatch.storage import context_store
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.gone import count_gone, forget_gone, forget_outputs, outputs_of_gone
from parbatch.storage.layout import Layout, Part, read_layout, require_layout, wanted_layout
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_to_write
from parbatch.storage.parts import output_elsewhere
from parbatch.storage.publishing import remove_published
from parbatch.storage.reader import copy, reading
from parbatch.storage.recovery import recover
from parbatch.storage.staged import is_intact
from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import is_safe_path, make_durable
from parbatch.storage.withdrawals import (
    GONE,
    count_withdrawn,
    forget_withdrawn,
    kept_paths,
    mark,
    remove_empty_folders,
    waits_below,
)


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, or would be: how many items are gone, their files, and leftovers, all from the folder on.

    `edited` are outputs of such items that somebody has edited: they are withdrawn, not removed. `withdrawn` is how
    many withdrawn outputs were kept before, and `withdrawn_removed` says whether these were removed. `left_alone` are
    phases whose items can't be told yet, because what they are made from is not finished.
    """

    out: str
    dry_run: bool
    gone: int
    outputs: list[str]
    leftovers: list[str]
    left_alone: list[str] = []
    edited: list[str] = []
    withdrawn: int = 0
    withdrawn_removed: bool = False


def prune(
    loaded: LoadedJob,
    folder: Folder,
    reading_items: Callable[[LoadedJob], AbstractContextManager[LoadedJob]] = contextlib.nullcontext,
    *,
    dry_run: bool = False,
    withdrawn: bool = False,
) -> Pruned:
    """Remove what nobody needs, part by part. Each checkpoint is brought up to date with the source on the way.

    Only what was published by this folder's runs is removed, and only as it was published; with `withdrawn`, what was
    withdrawn before is removed too. With `dry_run` it is found out in a copy of the checkpoint what would be removed:
    nothing is touched, no run disturbed. `reading_items` tells people of reading them.

    Raises FolderError when nothing was run in the folder, FolderHeldError while a run holds it, and SelectionError when
    the source has no items at all, which is more often a mistake than a wish.
    """
    layout = _layout(loaded, folder)
    found: list[tuple[str, Pruned]] = []
    left_alone = []
    with hold(layout.root) if layout.is_run_as_one and not dry_run else contextlib.nullcontext():
        for job in jobs_of(loaded, layout):
            if not job.part.folder.has_checkpoint:
                continue
            if not is_settled(job, layout.root):
                left_alone.append(job.part.name)
                continue
            with with_inputs(job, layout.root) as its_job, reading_items(its_job) as read:
                do = _rehearse if dry_run else _prune_part
                found.append((job.part.prefix, do(job.part, read.job, withdrawn=withdrawn)))
    return _together(layout, found, left_alone)


def _layout(loaded: LoadedJob, folder: Folder) -> Layout:
    """Return the layout that the job has there. Raises FolderError where nothing was run."""
    there = read_layout(folder)
    if there is not None and there.is_run_as_one:
        return wanted_layout(folder.root, [one.job.name for one in phases_of(loaded)])
    return require_layout(folder)


def _together(layout: Layout, found: list[tuple[str, Pruned]], left_alone: list[str]) -> Pruned:
    in_order = sorted if layout.is_split else list
    return Pruned(
        out=str(layout.root.root),
        dry_run=any(one.dry_run for _, one in found),
        gone=sum(one.gone for _, one in found),
        outputs=in_order(f"{prefix}{path}" for prefix, one in found for path in one.outputs),
        leftovers=in_order(f"{prefix}{path}" for prefix, one in found for path in one.leftovers),
        left_alone=left_alone,
        edited=in_order(f"{prefix}{path}" for prefix, one in found for path in one.edited),
        withdrawn=sum(one.withdrawn for _, one in found),
        withdrawn_removed=any(one.withdrawn_removed for _, one in found),
    )


def _prune_part(part: Part, job: Job, *, withdrawn: bool) -> Pruned:
    folder = part.folder
    try:
        with hold(folder):
            note_killed_runs(folder)
            with (
                damage_in_words(folder.checkpoint),
                contextlib.closing(open_to_write(folder.checkpoint)) as checkpoint,
            ):
                return _prune(checkpoint, part, job, withdrawn=withdrawn)
    except OSError as error:
        raise FolderError(f"{folder.root} can't be pruned: {in_words(error)}. Mend that, and prune again.") from error


def _rehearse(part: Part, job: Job, *, withdrawn: bool) -> Pruned:
    with reading(part.folder) as checkpoint:
        scratch = copy(checkpoint)
    with contextlib.closing(scratch), scratch.transaction():
        return _look(scratch, part, job, dry_run=True, withdrawn=withdrawn)


def _prune(checkpoint: Checkpoint, part: Part, job: Job, *, withdrawn: bool) -> Pruned:
    folder = part.folder
    with checkpoint.transaction():
        found = _look(checkpoint, part, job, dry_run=False, withdrawn=withdrawn)
        kept = kept_paths(checkpoint, folder) if withdrawn else []
        stale = _stale(checkpoint, folder)
        checkpoint.mark_due("pruned", table="gone")
        edited = [(one.id, one.path, f"items/{one.path}", GONE) for one in stale if one.is_intact is False]
        mark(checkpoint, folder, new_run_id(), edited)
        forget_outputs(checkpoint, [path for _, path, _, _ in edited])
    # What is written down is on the disk before a file goes: nothing is ever ok by virtue of what is not there. After a
    # kill on the way, the rows still say what is to go.
    make_durable(folder.run)
    recover(checkpoint, folder)
    tree = folder.tree
    with tree.folder(folder.items) as items:
        for one in stale:
            if one.is_intact:
                remove_published(items, one.path)
    for path in kept:
        tree.remove(folder.root / path)
        remove_empty_folders(folder, path)
    for leftover in _leftovers(folder):
        if leftover.parent == folder.tmp and waits_below(checkpoint, folder, leftover.name):
            continue
        tree.remove_tree(leftover)
    with checkpoint.transaction():
        forget_gone(checkpoint)
        forget_withdrawn(checkpoint, kept)
    return found


class _Stale(NamedTuple):
    """An output of an item that is gone; `is_intact` is False where it was edited, None where it is not there."""

    id: str
    path: str
    is_intact: bool | None


def _look(checkpoint: Checkpoint, part: Part, job: Job, *, dry_run: bool, withdrawn: bool) -> Pruned:
    folder = part.folder
    difference = compare(checkpoint, job, part.shard)
    if not difference.total and not difference.elsewhere:
        raise SelectionError(f"{job!r} has no items: its items function gave none. Nothing was removed.")
    if difference.new or difference.changed or difference.gone:
        checkpoint.products_are_stale()
    stale = _stale(checkpoint, folder)
    return Pruned(
        out=str(folder.root),
        dry_run=dry_run,
        gone=count_gone(checkpoint),
        outputs=[f"items/{one.path}" for one in stale if one.is_intact],
        leftovers=_shown(folder, _leftovers(folder)),
        edited=[f"items/{one.path}" for one in stale if one.is_intact is False],
        withdrawn=count_withdrawn(checkpoint),
        withdrawn_removed=withdrawn,
    )


def _stale(checkpoint: Checkpoint, folder: Folder) -> list[_Stale]:
    """List what items that are gone have published, but for what another part has published there since."""
    return [
        _Stale(item_id, output.path, is_intact(output, folder.items))
        for place, item_id, output in outputs_of_gone(checkpoint)
        if is_safe_path(output.path)
        if (elsewhere := output_elsewhere(folder, place)) is None or not elsewhere.is_live
    ]


def _leftovers(folder: Folder) -> list[Path]:
    """List what lies where only a run that goes on has anything: temporary folders, files not yet put into place."""
    with folder.in_use():
        temporary = [folder.tmp / name for name in folder.tree.names(folder.tmp)]
        made = ("lock.json.new", "phases.json.new", "whole.json.new")
        published = [Path(f"{folder.report(name)}.new") for name in (*REPORTS, *sorted(map(file_name, HOW)))]
        unfinished = [
            *(path for path in published if folder.tree.state(path) is not None),
            *(
                folder.run / name
                for name in folder.tree.names(folder.run)
                if name in made or name.startswith(f"{folder.checkpoint.name}.new")
            ),
            *(folder.sessions / name for name in folder.tree.names(folder.sessions) if name.endswith(".json.new")),
            *context_store.leftovers(folder),
        ]
    return sorted(temporary + unfinished)


def _shown(folder: Folder, paths: Iterator[Path] | list[Path]) -> list[str]:
    return [path.relative_to(folder.root).as_posix() for path in paths]
