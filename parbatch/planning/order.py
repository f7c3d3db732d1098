"""The order of dispatch where it is not the items' own, kept in a temporary table: memory does not grow with items."""

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from parbatch.model.item import Task
from parbatch.model.selection import Selection
from parbatch.planning.packing import pack, ranks
from parbatch.storage.checkpoint import DATA, TASK_COLUMNS, Checkpoint
from parbatch.storage.filters import due, offer_selection
from parbatch.storage.paging import PAGE, page

# So many items are packed together. More are sorted first, so that those that share entries come near each other; what
# is in a smaller window is then so much alike that a larger one would gain a twentieth, for twice the time.
WINDOW = 4_096
_SORTED_WINDOW = 1_024
# What `auto` is packed for: it aims at a second of work, and an order for 50 serves chunks of 10 and of 1,000 as well.
_AUTO_SIZE = 50

# What was never tried goes first, and of the rest what takes least; an attempt that timed out took all it could.
_TIER = "CASE status WHEN 'pending' THEN 0 WHEN 'timeout' THEN 2 ELSE 1 END"
_CHEAP_FIRST = f"{_TIER}, CASE status WHEN 'pending' THEN 0 ELSE duration_s END, position"
_IS_ORDERED = "SELECT EXISTS (SELECT 1 FROM items WHERE priority <> 0)"
_IS_PACKED = "SELECT EXISTS (SELECT 1 FROM items WHERE requires IS NOT NULL)"
_LINEUP = "place INTEGER PRIMARY KEY, position INTEGER NOT NULL, sample INTEGER, level INTEGER, tier INTEGER"
_COLUMNS = "position, sample, level, tier"


class Bounds(NamedTuple):
    """How large a chunk gets: items (None: `auto`), and the distinct entries that these may require."""

    items: int | None = None
    most_entries: int = 200


ANY_BOUNDS = Bounds()


def has_order(checkpoint: Checkpoint) -> bool:
    """Whether items have priorities, or require entries, so that they don't go as they come."""
    return any(checkpoint._db.execute(query).fetchone()[0] for query in (_IS_ORDERED, _IS_PACKED))


class LineUp:
    """The items that a run takes on, in an order that stays, whatever becomes of them while they are read.

    Higher priorities go first. For a retry, pending items go before cheap failures, and time-outs last. With samples,
    the first item of each group goes before all others; items without a group are a group of their own. Items that
    require entries are packed, so that those in a chunk share them.
    """

    def __init__(self, checkpoint: Checkpoint, selection: Selection, bounds: Bounds = ANY_BOUNDS) -> None:
        self._checkpoint = checkpoint
        offer_selection(checkpoint, selection)
        tier, order = (_TIER, _CHEAP_FIRST) if selection.retry else ("0", "position")
        order = f"priority DESC, {order}"
        sample = f'ROW_NUMBER() OVER (PARTITION BY "group" ORDER BY {order}) = 1' if selection.sample_groups else "0"
        db = checkpoint._db
        db.execute("DROP TABLE IF EXISTS temp.lineup")
        db.execute(f"CREATE TEMP TABLE lineup ({_LINEUP})")
        db.execute(
            f"INSERT INTO temp.lineup ({_COLUMNS}) SELECT position, {sample} AS sample, priority, {tier} FROM items"
            f" WHERE {due(selection)} ORDER BY sample DESC, {order} LIMIT ?",
            (-1 if selection.limit is None else selection.limit,),
        )
        if db.execute(_IS_PACKED).fetchone()[0]:
            self._pack(bounds.items or _AUTO_SIZE, bounds.most_entries)

    def samples(self) -> tuple[Iterator[Task], int]:
        """One item of each group, and how many these are."""
        return self._tasks("sample"), self._count("sample")

    def others(self) -> tuple[Iterator[Task], int]:
        """All items that are no samples, and how many these are."""
        return self._tasks("NOT sample"), self._count("NOT sample")

    def leave_out_failed_groups(self) -> int:
        """Take out the items of groups whose sample is not ok. Returns how many."""
        return self._checkpoint._db.execute(_LEAVE_OUT).rowcount

    def _count(self, which: str) -> int:
        return int(self._checkpoint._db.execute(f"SELECT COUNT(*) FROM temp.lineup WHERE {which}").fetchone()[0])

    def _tasks(self, which: str) -> Iterator[Task]:
        place = 0
        query = (
            f"SELECT place, {TASK_COLUMNS} FROM temp.lineup JOIN items USING (position) WHERE place > ? AND {which}"
            " ORDER BY place LIMIT ?"
        )
        while rows := page(self._checkpoint._db.execute(query, (place, PAGE)), 1 + DATA):
            place = rows[-1][0]
            for _, *row in rows:
                yield self._checkpoint.as_task(row)

    # --- packing

    def _pack(self, size: int, most: int) -> None:
        """Put the line-up into the order of packing, a window at a time, each level of precedence for itself."""
        db = self._checkpoint._db
        (count,) = db.execute("SELECT COUNT(*) FROM temp.lineup").fetchone()
        window_size = WINDOW
        if count > WINDOW:
            self._sort_by_nearness(count, most)
            window_size = _SORTED_WINDOW
        db.execute("ALTER TABLE temp.lineup RENAME TO unpacked")
        db.execute(f"CREATE TEMP TABLE lineup ({_LINEUP})")
        for window in self._windows(window_size):
            for _, level in groupby(window, key=lambda row: row[1:4]):
                rows = [*level]
                order = pack(_numbered([row[4] for row in rows]), size, most)
                db.executemany(
                    f"INSERT INTO temp.lineup ({_COLUMNS}) VALUES (?, ?, ?, ?)", [rows[index][:4] for index in order]
                )
        db.execute("DROP TABLE temp.unpacked")

    def _windows(self, size: int) -> Iterator[list[tuple[Any, ...]]]:
        place = 0
        while rows := self._checkpoint._db.execute(
            "SELECT position, sample, level, tier, requires, place FROM temp.unpacked JOIN items"
            " USING (position) WHERE place > ? ORDER BY place LIMIT ?",
            (place, size),
        ).fetchall():
            place = rows[-1][5]
            yield rows

    def _sort_by_nearness(self, count: int, most: int) -> None:
        """Sort each level by what its items require, entries that go together in a part of the items being near."""
        db = self._checkpoint._db
        part = db.execute(
            "SELECT requires FROM temp.lineup JOIN items USING (position) WHERE place % ? = 0 AND requires IS NOT NULL",
            (count // WINDOW + 1,),
        ).fetchall()
        entries: dict[str, int] = {}
        rank = ranks(_numbered([requires for (requires,) in part], entries), most)

        def nearness(requires: str | None) -> bytes:
            needed = msgspec.json.decode(requires) if requires else ()
            numbers = (entries.setdefault(entry, len(entries)) for entry in needed)
            places = sorted(rank.setdefault(number, len(rank)) for number in numbers)
            return struct.pack(f">{len(places)}I", *places)

        db.create_function("nearness", 1, nearness)
        db.execute("ALTER TABLE temp.lineup RENAME TO unsorted")
        db.execute(f"CREATE TEMP TABLE lineup ({_LINEUP})")
        db.execute(
            f"INSERT INTO temp.lineup ({_COLUMNS}) SELECT position, sample, level, tier FROM temp.unsorted"
            " JOIN items USING (position) ORDER BY sample DESC, level DESC, tier, nearness(requires), place"
        )
        db.execute("DROP TABLE temp.unsorted")


def _numbered(required: Sequence[str | None], known: dict[str, int] | None = None) -> list[list[int]]:
    """Return what items require, in JSON, as numbers of entries."""
    numbers = {} if known is None else known
    return [
        [numbers.setdefault(entry, len(numbers)) for entry in msgspec.json.decode(text)] if text else []
        for text in required
    ]


_LEAVE_OUT = """
DELETE FROM temp.lineup WHERE NOT sample AND position IN (
    SELECT position FROM items WHERE "group" IN (
        SELECT "group" FROM temp.lineup JOIN items USING (position) WHERE sample AND status <> 'ok'))
"""
