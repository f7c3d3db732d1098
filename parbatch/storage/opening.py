"""A checkpoint's file: made whole before it has its name, opened with care, set aside when it can't be read."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from parbatch.errors import DamagedCheckpointError
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words, damaged, explained, find_damage, find_flaw
from parbatch.storage.schema import APPLICATION_ID, FORMAT, MIGRATION, OLDEST_FORMAT, SCHEMA
from parbatch.storage.tree import make_file_durable

# The fact that says when a checkpoint before this one was set aside: what was in the folder by then may be parbatch's.
SET_ASIDE = "set aside ns"
_ASIDE = ".unreadable-"


def create(path: Path) -> Checkpoint:
    """Make an empty checkpoint. It has another name until `settle` puts it in place, so a kill leaves no half one."""
    new = path.with_name(path.name + ".new")
    for leftover in (new, Path(f"{new}-wal"), Path(f"{new}-shm")):
        leftover.unlink(missing_ok=True)
    return lay_out(Checkpoint(new))


def lay_out(checkpoint: Checkpoint) -> Checkpoint:
    """Make the tables of a new checkpoint. Until it is settled nothing is kept in case of a kill."""
    checkpoint._db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SCHEMA}")
    return checkpoint


def settle(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    """Put a new checkpoint in its place and open it there."""
    checkpoint.close()
    make_file_durable(checkpoint.path)
    checkpoint.path.replace(path)
    return open_existing(path)


def migrate(checkpoint: Checkpoint) -> Checkpoint:
    """Give a checkpoint of an older format the present one, and return it."""
    with checkpoint.transaction():
        for statement in MIGRATION:
            checkpoint._db.execute(statement)
    return checkpoint


def open_existing(
    path: Path,
    connect: Callable[[Path], Checkpoint] = Checkpoint,
    bring_up_to_date: Callable[[Checkpoint], Checkpoint] = migrate,
) -> Checkpoint:
    """Open a checkpoint; one of an older format is given the present one first.

    Raises DamagedCheckpointError when it is damaged, or from another version, and CheckpointError when it can't be
    opened now.
    """
    checkpoint: Checkpoint | None = None
    try:
        checkpoint = connect(path)
        checkpoint._db.execute("PRAGMA trusted_schema = OFF")
        (application,) = checkpoint._db.execute("PRAGMA application_id").fetchone()
        (version,) = checkpoint._db.execute("PRAGMA user_version").fetchone()
        if application == APPLICATION_ID and OLDEST_FORMAT <= version <= FORMAT:
            checkpoint.use_wal()
            if version < FORMAT:
                checkpoint = bring_up_to_date(checkpoint)
            checkpoint.counts()
            checkpoint.last_run()
            return checkpoint
        if application == APPLICATION_ID:
            which, advice = ("a newer", "upgrade") if version > FORMAT else ("an older", "finish it with that one")
            problem = f"was written by {which} parbatch (format {version}, this one reads {FORMAT}): {advice}"
        else:
            problem = "is not a checkpoint of parbatch: restore it"
    except (sqlite3.Error, UnicodeError) as error:
        if checkpoint is not None:
            checkpoint.close()
        raise explained(error, path) or error from None
    checkpoint.close()
    raise DamagedCheckpointError(
        f"{path} {problem}, or use --fresh: it is then set aside, and every item is done again."
    )


def open_to_write(path: Path, *, fresh: bool = False) -> Checkpoint:
    """Open a checkpoint for a run, which has to rely on it: its structure is looked at, with `fresh` all that it says.

    Raises as `open_existing` does.
    """
    with damage_in_words(path):
        checkpoint = open_existing(path)
        try:
            flaw = find_damage(checkpoint._db) if fresh else find_flaw(checkpoint._db)
        except BaseException:
            checkpoint.close()
            raise
    if flaw is not None:
        checkpoint.close()
        raise damaged(path, flaw)
    return checkpoint


def discard(path: Path) -> None:
    """Remove a checkpoint of a run that came to nothing."""
    for piece in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        piece.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Move a checkpoint that can't be read out of the way, and say where it is now."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}{_ASIDE}{number}")):
        number += 1
    path.rename(aside)
    wal = Path(f"{path}-wal")  # may hold the last outcomes, for whoever mends the file
    if wal.exists():
        wal.rename(f"{aside}-wal")
    Path(f"{path}-shm").unlink(missing_ok=True)
    return aside


def last_set_aside_ns(path: Path) -> int | None:
    """When a checkpoint of this name was set aside last, in nanoseconds; None where none was."""
    times = [other.lstat().st_ctime_ns for other in path.parent.glob(f"{path.name}{_ASIDE}*")]
    return max(times, default=None)
