"""A folder's checkpoint for those who only look: also during a run, and without leaving a trace."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from parbatch.errors import CheckpointError, DamagedCheckpointError
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.layout import require_checkpoint
from parbatch.storage.lock import holder
from parbatch.storage.opening import lay_out, migrate, open_existing


@contextlib.contextmanager
def reading(folder: Folder) -> Iterator[Checkpoint]:
    """Return the folder's checkpoint as it is at this moment; what a run writes meanwhile is not seen.

    Raises FolderError when there is none, CheckpointError when it can't be read.
    """
    require_checkpoint(folder)
    checkpoint = _opened(folder)
    with contextlib.closing(checkpoint), damage_in_words(folder.checkpoint):
        checkpoint._db.execute("BEGIN")
        yield checkpoint


def _opened(folder: Folder) -> Checkpoint:
    try:
        return open_existing(folder.checkpoint, _connect, _migrated_copy)
    except DamagedCheckpointError:
        raise
    except CheckpointError:
        # A full disk has no room for SQLite's helper files; where nobody writes, and all is in place, they are no loss.
        journal = folder.tree.state(f"{folder.checkpoint}-wal")
        if holder(folder) is not None or (journal is not None and journal.st_size):
            raise
        return open_existing(folder.checkpoint, _connect_unchanging, _migrated_copy)


def copy(checkpoint: Checkpoint) -> Checkpoint:
    """Copy a checkpoint into a temporary file that nobody else sees, and that is gone when it is closed."""
    scratch = _scratch()
    checkpoint._db.backup(scratch._db)
    return scratch


def _migrated_copy(checkpoint: Checkpoint) -> Checkpoint:
    """Return what an older version wrote, in the present format; the file itself is left to the next run."""
    with contextlib.closing(checkpoint):
        return migrate(copy(checkpoint))


def empty() -> Checkpoint:
    """Return a new checkpoint without items, in a temporary file as well."""
    return lay_out(_scratch())


def _scratch() -> Checkpoint:
    # To SQLite the empty name is a file that it makes in its folder for temporary files, and removes at once.
    return Checkpoint(Path(), sqlite3.connect("", isolation_level=None))


def _connect(path: Path) -> Checkpoint:
    """Return a connection that can't write.

    A read-only mode of opening would leave SQLite's two helper files behind, so it is opened like any other and told to
    refuse writing. Where the folder can't be written, the helpers can't be made and nobody changes the file.
    """
    unchanging = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return _connect_unchanging(path) if unchanging else _connect_by(path, "mode=rw")


def _connect_unchanging(path: Path) -> Checkpoint:
    """Return a connection to a file that nobody changes: SQLite takes no locks, and makes no helper files."""
    return _connect_by(path, "immutable=1")


def _connect_by(path: Path, mode: str) -> Checkpoint:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
    db.execute("PRAGMA query_only = 1")
    return Checkpoint(path, db)
