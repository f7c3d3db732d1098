"""The ids of items that begin with what was typed, for the shell: read quickly, in passing, and without a complaint.

Called by the command line's completion. It leaves nothing beside the checkpoint, and gives up early.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from parbatch.storage.directory import Directory

_WAIT_S = 0.2


def ids_beginning(checkpoint: Path, begun: str, most: int) -> Iterator[str]:
    """Yield the first ids in a checkpoint that begin so; none where it can't be read now."""
    # Without a journal nobody is writing, and the file can be read without leaving anything beside it.
    with contextlib.suppress(sqlite3.Error, OSError, UnicodeError), Directory.at(str(checkpoint.parent)) as run:
        beside = [run.check_plain(f"{checkpoint.name}{end}") for end in ("", "-shm", "-wal")]
        mode = "mode=ro" if beside[-1] else "mode=ro&immutable=1"
        uri = f"{checkpoint.absolute().as_uri()}?{mode}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as db:
            query = "SELECT id FROM items WHERE substr(id, 1, ?) = ? ORDER BY position LIMIT ?"
            for (item_id,) in db.execute(query, (len(begun), begun, most)):
                yield item_id
