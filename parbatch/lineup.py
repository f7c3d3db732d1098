"""The order of dispatch where it is not the items' own, kept in a temporary table: memory does not grow with items."""

from collections.abc import Iterator

from parbatch.checkpoint import PAGE, TASK_COLUMNS, Checkpoint
from parbatch.model import Task
from parbatch.selection import Selection, due, offer_selection

# What was never tried goes first, and of the rest what takes least; an attempt that timed out took all it could.
_CHEAP_FIRST = """CASE status WHEN 'pending' THEN 0 WHEN 'timeout' THEN 2 ELSE 1 END,
    CASE status WHEN 'pending' THEN 0 ELSE duration_s END, position"""


class LineUp:
    """The items that a run takes on, in an order that stays, whatever becomes of them while they are read.

    For a retry, pending items go first, then cheap failures, and time-outs last. With samples, the first item of each
    group goes before all others; items without a group are a group of their own.
    """

    def __init__(self, checkpoint: Checkpoint, selection: Selection) -> None:
        self._checkpoint = checkpoint
        offer_selection(checkpoint, selection)
        order = _CHEAP_FIRST if selection.retry else "position"
        sample = f'ROW_NUMBER() OVER (PARTITION BY "group" ORDER BY {order}) = 1' if selection.sample_groups else "0"
        db = checkpoint.db
        db.execute("DROP TABLE IF EXISTS temp.lineup")
        db.execute("CREATE TEMP TABLE lineup (place INTEGER PRIMARY KEY, position INTEGER NOT NULL, sample INTEGER)")
        db.execute(
            f"INSERT INTO temp.lineup (position, sample) SELECT position, {sample} AS sample FROM items"
            f" WHERE {due(selection)} ORDER BY sample DESC, {order} LIMIT ?",
            (-1 if selection.limit is None else selection.limit,),
        )

    def samples(self) -> tuple[Iterator[Task], int]:
        """One item of each group, and how many these are."""
        return self._tasks("sample"), self._count("sample")

    def others(self) -> tuple[Iterator[Task], int]:
        """All items that are no samples, and how many these are."""
        return self._tasks("NOT sample"), self._count("NOT sample")

    def leave_out_failed_groups(self) -> int:
        """Take out the items of groups whose sample is not ok. Returns how many."""
        return self._checkpoint.db.execute(_LEAVE_OUT).rowcount

    def _count(self, which: str) -> int:
        return int(self._checkpoint.db.execute(f"SELECT COUNT(*) FROM temp.lineup WHERE {which}").fetchone()[0])

    def _tasks(self, which: str) -> Iterator[Task]:
        place = 0
        while rows := self._checkpoint.db.execute(
            f"SELECT place, {TASK_COLUMNS} FROM temp.lineup JOIN items USING (position) WHERE place > ? AND {which}"
            " ORDER BY place LIMIT ?",
            (place, PAGE),
        ).fetchall():
            place = rows[-1][0]
            for _, *row in rows:
                yield self._checkpoint.as_task(row)


_LEAVE_OUT = """
DELETE FROM temp.lineup WHERE NOT sample AND position IN (
    SELECT position FROM items WHERE "group" IN (
        SELECT "group" FROM temp.lineup JOIN items USING (position) WHERE sample AND status <> 'ok'))
"""
