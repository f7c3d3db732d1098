"""The rows of a source, each with its place in it, read no further than a run needs them."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from parbatch.errors import NothingRunError
from parbatch.model.shard import Shard

# An item of the source: id, name, group, data and requires as JSON, priority; and with its place before them.
Row = tuple[str, str, str, str, str | None, int]
Placed = tuple[int, str, str, str, str, str | None, int]

# How far a source is read beyond what is needed.
AHEAD_ITEMS, AHEAD_S = 10_000, 1.0


class Wanted(NamedTuple):
    """How many new items a run needs, which count (by id, name and group), and whether to read on for a little."""

    number: int
    counts: Callable[[str, str, str], bool]
    reads_on: bool = True


class PlacedRows:
    """The rows of the items that belong to a shard, each with its place in the whole source.

    `elsewhere` counts the items of other shards on the way. Where only some are `wanted`, reading goes on for a little
    while once there are enough, so that a person is told how many are left of an ordinary source, and then ends, also
    when the source fails by then; `unread` says so. The first `known` items don't count. With priorities all are read:
    the last item may go first.
    """

    def __init__(self, rows: Iterator[Row], shard: Shard | None, wanted: Wanted | None = None, known: int = 0) -> None:
        self._rows = rows
        self._shard = shard
        self._wanted = wanted
        self._known = known
        self._ahead_until: tuple[int, float] | None = None
        self.elsewhere = 0
        self.unread = False

    def __iter__(self) -> Iterator[Placed]:
        shard = self._shard
        source = enumerate(self._rows) if self._wanted is None else self._enough(self._wanted)
        for place, row in source:
            if shard is None or shard.has(row[0]):
                yield (place, *row)
            else:
                self.elsewhere += 1

    def read_all(self) -> None:
        """Read to the end after all: what comes later decides about what came before."""
        self._wanted = self._ahead_until = None

    def _enough(self, wanted: Wanted) -> Iterator[tuple[int, Row]]:
        own = found = 0
        for place in count():
            if self._wanted is not None and own >= self._known and found >= wanted.number:
                self._ahead_until = self._ahead_until or _ahead(place, reads_on=wanted.reads_on)
            if self._ahead_until and (place >= self._ahead_until[0] or time.monotonic() >= self._ahead_until[1]):
                self.unread = True
                return
            try:
                row = next(self._rows)
            except StopIteration:
                return
            except NothingRunError:
                if self._ahead_until is None:
                    raise
                self.unread = True
                return
            if self._shard is None or self._shard.has(row[0]):
                own += 1
                found += own > self._known and wanted.counts(*row[:3])
            if row[5]:
                self.read_all()
            yield place, row


def _ahead(place: int, *, reads_on: bool) -> tuple[int, float]:
    """Up to which place, and until when, to read on once there are enough."""
    return (place + AHEAD_ITEMS, time.monotonic() + AHEAD_S) if reads_on else (place, 0.0)
