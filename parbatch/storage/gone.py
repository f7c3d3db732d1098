"""Items that the source no longer has: what a checkpoint still knows of them, and how it forgets them.

Called by planning, which finds out which are gone, and by `prune`. It removes no file.
"""

from collections.abc import Iterable
from typing import NamedTuple

from parbatch.model.outcome import Output
from parbatch.storage.checkpoint import Checkpoint


class GoneOutput(NamedTuple):
    """What an item that is gone has published, and the place that it takes."""

    place: str
    id: str
    output: Output


def count_gone(checkpoint: Checkpoint) -> int:
    """Return how many items are gone and not forgotten."""
    return int(checkpoint._db.execute("SELECT COUNT(*) FROM gone").fetchone()[0])


def outputs_of_gone(checkpoint: Checkpoint) -> list[GoneOutput]:
    """Return what items that are gone have published, by path."""
    rows = checkpoint._db.execute(
        "SELECT place, id, path, size, mtime_ns, digest FROM outputs WHERE id IN (SELECT id FROM gone) ORDER BY path"
    )
    return [
        GoneOutput(place, item_id, Output(path, size, mtime_ns, digest))
        for place, item_id, path, size, mtime_ns, digest in rows
    ]


def forget_outputs(checkpoint: Checkpoint, paths: Iterable[str]) -> None:
    """Forget that something was published at these paths. Call inside a transaction."""
    checkpoint._db.executemany("DELETE FROM outputs WHERE path = ?", [(path,) for path in paths])


def forget_gone(checkpoint: Checkpoint) -> None:
    """Forget all items that are gone, what they have published and how they failed. Call inside a transaction."""
    for table in ("outputs", "attempts"):
        checkpoint._db.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM gone)")
    checkpoint._db.execute("DELETE FROM gone")
