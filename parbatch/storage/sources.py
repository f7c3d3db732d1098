"""The checkpoints that a view reads: each with the ways from all to its own folder, and their rows merged.

Called by `view` alone. Rows begin with a position; those of pieces of one list are merged by it.
"""

import contextlib
import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from parbatch.errors import CheckpointError
from parbatch.model.outcome import Outcome
from parbatch.storage import outcomes as stored
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part
from parbatch.storage.reader import reading

PAGE = 500  # rows read at once of a checkpoint that is not kept open

Row = TypeVar("Row", bound=tuple[Any, ...])


class Source:
    """One of the checkpoints that a view reads, with the ways that lead from all to its own folder."""

    def __init__(self, part: Part, root: Folder, checkpoint: Checkpoint | None) -> None:
        self.part = part
        self.checkpoint = checkpoint
        self.prefix = part.prefix
        self.root_way = _way_between(root.root, part.folder.root)
        self.items_way = _way_between(root.items, part.folder.items)

    @contextlib.contextmanager
    def open(self) -> Iterator[Checkpoint]:
        """Give the checkpoint, opened for this once where it is not kept open."""
        if self.checkpoint is not None:
            yield self.checkpoint
            return
        with reading(self.part.folder) as checkpoint:
            yield checkpoint

    def rows(self, read: Callable[[Checkpoint, int], Iterator[Row]]) -> Iterator[Row]:
        """Return the rows that `read` gives from a position on, each beginning with its position."""
        return self._pages(read) if self.checkpoint is None else read(self.checkpoint, -1)

    def _pages(self, read: Callable[[Checkpoint, int], Iterator[Row]]) -> Iterator[Row]:
        """Read a page at a time, the checkpoint open only as long."""
        position = -1
        while True:
            with self.open() as checkpoint:
                rows = list(islice(read(checkpoint, position), PAGE))
            yield from rows
            if len(rows) < PAGE:
                return
            position = rows[-1][0]

    def ids(self) -> Iterator[str]:
        """Yield the ids of the items, sorted."""
        after = ""
        while True:
            with self.open() as checkpoint:
                ids = stored.ids(checkpoint._db, after, PAGE)
            yield from ids
            if len(ids) < PAGE:
                return
            after = ids[-1]

    def of_all(self, outcome: Outcome) -> Outcome:
        """Return an outcome under the name that its item has among those of all parts."""
        if not self.prefix:
            return outcome
        return msgspec.structs.replace(
            outcome,
            item=msgspec.structs.replace(outcome.item, id=f"{self.prefix}{outcome.item.id}"),
            outputs=tuple(f"{self.items_way}{path}" for path in outcome.outputs),
            out_of_date=tuple(f"{self.items_way}{path}" for path in outcome.out_of_date),
        )


def merge(columns: Sequence[tuple[Source, Iterator[Row]]]) -> Iterator[tuple[Source, Row]]:
    """Merge rows by their positions, which each begins with."""
    if len(columns) == 1:
        ((source, rows),) = columns
        return zip(repeat(source), rows)  # of the many items of one part nothing is spent on merging
    return heapq.merge(*(zip(repeat(source), rows) for source, rows in columns), key=lambda row: row[1][0])


def check_disjoint(sources: Sequence[Source]) -> None:
    """Raise CheckpointError for an item that is in two of them, wherever it stands there."""
    before = None
    for item_id in heapq.merge(*(source.ids() for source in sources)):
        if item_id == before:
            names = ", ".join(source.part.name for source in sources)
            raise CheckpointError(
                f"{sources[0].part.folder.root}: the same item is in two of {names}. Was one copied? Remove the one"
                " that is wrong."
            )
        before = item_id


def _way_between(here: Path, there: Path) -> str:
    """Return what has to be put before a path from one folder so that it starts from another."""
    if here == there:
        return ""
    way = Path(os.path.relpath(there, here)).as_posix()
    return "" if way == "." else f"{way}/"
