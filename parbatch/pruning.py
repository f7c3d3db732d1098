"""What nobody needs any more: outputs of items that are gone from the source, and what killed runs left behind."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parbatch.checkpoint import Checkpoint
from parbatch.checkpoint_files import open_existing
from parbatch.errors import FolderError, SelectionError
from parbatch.folder import Folder, held
from parbatch.job import Job
from parbatch.publish import is_inside, withdraw
from parbatch.reading import copy, reading, require_checkpoint
from parbatch.reports import REPORTS
from parbatch.source import compare


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, or would be: how many items are gone, their files, and leftovers, all from the folder on."""

    out: str
    dry_run: bool
    gone: int
    outputs: list[str]
    leftovers: list[str]


def prune(folder: Folder, job: Job) -> Pruned:
    """Remove what nobody needs. The checkpoint is brought up to date with the source on the way.

    Raises FolderError when nothing was run in the folder, FolderHeldError while a run holds it, and SelectionError
    when the source has no items at all, which is more often a mistake than a wish.
    """
    require_checkpoint(folder)
    try:
        with held(folder), contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
            return _prune(checkpoint, folder, job)
    except (sqlite3.Error, OSError) as error:
        raise FolderError(f"{folder.root} can't be pruned: {error}. Mend that, and prune again.") from error


def _prune(checkpoint: Checkpoint, folder: Folder, job: Job) -> Pruned:
    with checkpoint.transaction():
        found = _look(checkpoint, folder, job, dry_run=False)
        # Files first: after a kill in between they are looked for once more, where rows first would forget them.
        withdraw(_stale(checkpoint), folder.items)
        for table in ("outputs", "attempts"):
            checkpoint.db.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM gone)")
        checkpoint.db.execute("DELETE FROM gone")
    for path in _leftovers(folder):
        _remove(path)
    return found


def rehearse(folder: Folder, job: Job) -> Pruned:
    """What `prune` would remove, found out in a copy of the checkpoint: nothing is touched, no run disturbed."""
    with reading(folder) as checkpoint:
        scratch = copy(checkpoint)
    with contextlib.closing(scratch), scratch.transaction():
        return _look(scratch, folder, job, dry_run=True)


def _look(checkpoint: Checkpoint, folder: Folder, job: Job, *, dry_run: bool) -> Pruned:
    difference = compare(checkpoint, job)
    if not difference.total:
        raise SelectionError(f"{job!r} has no items: its items function gave none. Nothing was removed.")
    if difference.new or difference.changed or difference.gone:
        checkpoint.products_are_stale()
    (gone,) = checkpoint.db.execute("SELECT COUNT(*) FROM gone").fetchone()
    stale = [folder.items / path for path in _stale(checkpoint)]
    return Pruned(
        out=str(folder.root),
        dry_run=dry_run,
        gone=gone,
        outputs=_shown(folder, (path for path in stale if is_inside(path, folder.items) and path.is_file())),
        leftovers=_shown(folder, _leftovers(folder)),
    )


def _stale(checkpoint: Checkpoint) -> list[str]:
    rows = checkpoint.db.execute("SELECT path FROM outputs WHERE id IN (SELECT id FROM gone) ORDER BY path")
    return [path for (path,) in rows]


def _leftovers(folder: Folder) -> list[Path]:
    """What lies where only a run that is going on has anything: temporary folders, and files not yet put into place."""
    temporary = [*folder.tmp.iterdir()] if folder.tmp.is_dir() else []
    unfinished = [
        *(path for name in REPORTS if (path := folder.root / f"{name}.new").exists()),
        *folder.run.glob("checkpoint.sqlite.new*"),
        *folder.sessions.glob("*.json.new"),
    ]
    return sorted(temporary + unfinished)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _shown(folder: Folder, paths: Iterator[Path] | list[Path]) -> list[str]:
    return [path.relative_to(folder.root).as_posix() for path in paths]
