"""What nobody needs any more: outputs of items that are gone from the source, and what killed runs left behind."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parbatch import store
from parbatch.checkpoint import Checkpoint
from parbatch.checkpoint_files import open_existing
from parbatch.errors import FolderError, SelectionError
from parbatch.folder import Folder, held
from parbatch.job import Job
from parbatch.loading import LoadedJob
from parbatch.merging import HOW, file_name
from parbatch.phase_folders import begun, has_begun
from parbatch.phase_plans import Phase, fed, phases_in, unmet
from parbatch.publish import is_published, withdraw
from parbatch.reading import copy, reading, require_checkpoint
from parbatch.reports import REPORTS
from parbatch.sessions import note_killed_runs
from parbatch.shards import check_shard, parts_in, shards_in
from parbatch.source import compare


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, or would be: how many items are gone, their files, and leftovers, all from the folder on.

    `left_alone` are phases whose items can't be told yet, because what they are made from is not finished.
    """

    out: str
    dry_run: bool
    gone: int
    outputs: list[str]
    leftovers: list[str]
    left_alone: list[str] = []


def prune(folder: Folder, job: Job) -> Pruned:
    """Remove what nobody needs. The checkpoint is brought up to date with the source on the way.

    Raises FolderError when nothing was run in the folder, FolderHeldError while a run holds it, and SelectionError
    when the source has no items at all, which is more often a mistake than a wish.
    """
    if folder.shard is None and (parts := shards_in(folder)):
        return _together(folder, [prune(part, job) for part in parts if part.has_checkpoint])
    check_shard(folder)
    require_checkpoint(folder)
    try:
        with held(folder):
            note_killed_runs(folder)
            with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
                return _prune(checkpoint, folder, job)
    except (sqlite3.Error, OSError) as error:
        raise FolderError(f"{folder.root} can't be pruned: {error}. Mend that, and prune again.") from error


def _prune(checkpoint: Checkpoint, folder: Folder, job: Job) -> Pruned:
    with checkpoint.transaction():
        found = _look(checkpoint, folder, job, dry_run=False)
        # Files first: after a kill in between they are looked for once more, where rows first would forget them.
        withdraw(_stale(checkpoint, folder), folder.items)
        for table in ("outputs", "attempts"):
            checkpoint.db.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM gone)")
        checkpoint.db.execute("DELETE FROM gone")
    for path in _leftovers(folder):
        folder.tree.remove_tree(path)
    return found


def rehearse(folder: Folder, job: Job) -> Pruned:
    """What `prune` would remove, found out in a copy of the checkpoint: nothing is touched, no run disturbed."""
    if folder.shard is None and (parts := shards_in(folder)):
        return _together(folder, [rehearse(part, job) for part in parts if part.has_checkpoint])
    check_shard(folder)
    with reading(folder) as checkpoint:
        scratch = copy(checkpoint)
    with contextlib.closing(scratch), scratch.transaction():
        return _look(scratch, folder, job, dry_run=True)


def prune_phases(loaded: LoadedJob, root: Folder, *, dry_run: bool) -> Pruned:
    """The same for each phase that has begun, one after another. Raises as `prune` and `rehearse` do."""
    if not has_begun(root):
        require_checkpoint(root)
    found: list[tuple[str, Pruned]] = []
    left_alone = []
    with contextlib.nullcontext() if dry_run else held(root):
        for phase in phases_in(loaded, root):
            if not phase.folder.has_checkpoint:
                continue
            if not _is_settled(phase, root):
                left_alone.append(phase.name)
                continue
            with fed(phase, root) as its_job:
                one = rehearse(phase.folder, its_job.job) if dry_run else prune(phase.folder, its_job.job)
            found.append((phase.name, one))
    return Pruned(
        out=str(root.root),
        dry_run=dry_run,
        gone=sum(one.gone for _, one in found),
        outputs=[f"{name}/{path}" for name, one in found for path in one.outputs],
        leftovers=[f"{name}/{path}" for name, one in found for path in one.leftovers],
        left_alone=left_alone,
    )


def _is_settled(phase: Phase, root: Folder) -> bool:
    """Whether all that a phase's items are made from is there: an item that is missing for now is not gone."""
    parts = begun(root, tuple(job.name for job in phase.loaded.job.after))
    if len(parts) < len(phase.loaded.job.after) or unmet(phase, root) is not None:
        return False
    for part in parts:
        with reading(part.folder) as checkpoint:
            if checkpoint.counts()["pending"]:
                return False
    return True


def _together(folder: Folder, each: list[Pruned]) -> Pruned:
    return Pruned(
        out=str(folder.root),
        dry_run=any(one.dry_run for one in each),
        gone=sum(one.gone for one in each),
        outputs=sorted(path for one in each for path in one.outputs),
        leftovers=sorted(path for one in each for path in one.leftovers),
    )


def _look(checkpoint: Checkpoint, folder: Folder, job: Job, *, dry_run: bool) -> Pruned:
    difference = compare(checkpoint, job, folder.shard)
    if not difference.total and not difference.elsewhere:
        raise SelectionError(f"{job!r} has no items: its items function gave none. Nothing was removed.")
    if difference.new or difference.changed or difference.gone:
        checkpoint.products_are_stale()
    (gone,) = checkpoint.db.execute("SELECT COUNT(*) FROM gone").fetchone()
    stale = [folder.items / path for path in _stale(checkpoint, folder) if is_published(path, folder.items)]
    return Pruned(
        out=str(folder.root),
        dry_run=dry_run,
        gone=gone,
        outputs=_shown(folder, stale),
        leftovers=_shown(folder, _leftovers(folder)),
    )


def _stale(checkpoint: Checkpoint, folder: Folder) -> list[str]:
    """What items that are gone have published, but for what an item of another shard has published there since."""
    query = "SELECT place, path FROM outputs WHERE id IN (SELECT id FROM gone) ORDER BY path"
    stale: dict[str, str] = dict(checkpoint.db.execute(query))
    others = parts_in(folder) if stale and folder.shard is not None else []
    for part in others:
        if part.folder.shard != folder.shard:
            with reading(part.folder) as other:
                stale = {place: path for place, path in stale.items() if other.live_owner(place) is None}
    return list(stale.values())


def _leftovers(folder: Folder) -> list[Path]:
    """What lies where only a run that is going on has anything: temporary folders, and files not yet put into place."""
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
            *store.leftovers(folder),
        ]
    return sorted(temporary + unfinished)


def _shown(folder: Folder, paths: Iterator[Path] | list[Path]) -> list[str]:
    return [path.relative_to(folder.root).as_posix() for path in paths]
