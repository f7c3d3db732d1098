"""The job's items against the checkpoint: what is new, changed, gone.

Called by `plan`, `prepare` and `prune`. Where the source begins as the checkpoint does, which is the usual case of a
resumption, rows are only compared; from the first difference on, the rest goes into the checkpoint's table anew, each
item keeping its status if it is what it was.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from parbatch.errors import DataError
from parbatch.model.file_names import folded, is_safe, marked_stem
from parbatch.model.job import Job
from parbatch.model.shard import Shard
from parbatch.planning.placing import Placed, PlacedRows, Wanted
from parbatch.planning.source import rows
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.schema import COLUMNS, ITEM_COLUMNS

_MOST_TWICE = 5  # ids that come more than once, by name, after the first


class Difference(NamedTuple):
    """What the source's items are against the checkpoint's, in numbers; `elsewhere` belong to other shards."""

    total: int
    new: int
    changed: int
    gone: int
    elsewhere: int = 0


def fill(checkpoint: Checkpoint, job: Job, shard: Shard | None = None, wanted: Wanted | None = None) -> Difference:
    """Put all items, or a shard's, into a new checkpoint; each has its place in the whole source as its position.

    Where only some are `wanted`, not many more are read. Raises DataError for an id that comes twice, and as `rows`
    does.
    """
    db = checkpoint._db
    db.execute("BEGIN")
    cased, source = _CasedIds(db), PlacedRows(rows(job), shard, wanted)
    db.executemany(
        'INSERT INTO items (position, id, name, "group", data, requires, priority, reason)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'new')",
        cased.noted(source),
    )
    _index(db)
    cased.part()
    checkpoint.set_unread(unread=source.unread)
    db.execute("COMMIT")
    (total,) = db.execute("SELECT COUNT(*) FROM items").fetchone()
    return Difference(total, new=total, changed=0, gone=0, elsewhere=source.elsewhere)


def compare(checkpoint: Checkpoint, job: Job, shard: Shard | None = None, wanted: Wanted | None = None) -> Difference:
    """Bring an existing checkpoint up to the source's items, or a shard's, inside the caller's transaction.

    Where only some new ones are `wanted`, and what is known is as it was, not many more are read.
    """
    (count_known,) = checkpoint._db.execute("SELECT COUNT(*) FROM items").fetchone() if wanted else (0,)
    placed = PlacedRows(rows(job), shard, wanted, count_known)
    source = iter(placed)
    same, after, other = 0, 0, None
    # Closed before the table is replaced, and before an error leaves: a cursor left open keeps the file open.
    with contextlib.closing(checkpoint._db.cursor()) as known:
        known.execute('SELECT position, id, name, "group", data, requires, priority FROM items ORDER BY position')
        for row in source:
            if known.fetchone() != row:
                other = row
                if same < count_known:
                    placed.read_all()
                break
            same, after = same + 1, row[0] + 1
        if other is None and known.fetchone() is None:
            checkpoint.set_unread(unread=placed.unread)
            return Difference(same, 0, 0, 0, placed.elsewhere)
    difference = _rebuild(checkpoint, after, chain((other,) if other else (), source))
    checkpoint.set_unread(unread=placed.unread)
    return difference._replace(elsewhere=placed.elsewhere)


def _rebuild(checkpoint: Checkpoint, same: int, rest: Iterator[Placed]) -> Difference:
    """Keep the rows up to position `same`; take the others from `rest`, each with its old status if it is the same."""
    db = checkpoint._db
    db.execute("DROP TABLE IF EXISTS temp.incoming")
    db.execute(
        'CREATE TEMP TABLE incoming (position INTEGER PRIMARY KEY, id TEXT, name TEXT, "group" TEXT, data TEXT,'
        " requires TEXT, priority INTEGER)"
    )
    cased = _CasedIds(db)
    for (item_id,) in db.execute("SELECT id FROM items WHERE position < ?", (same,)):
        cased.note(item_id)
    db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?)", cased.noted(rest))
    db.execute("DELETE FROM gone WHERE id IN (SELECT id FROM items WHERE position < ?)", (same,))
    db.execute(f"CREATE TABLE items_new ({ITEM_COLUMNS})")
    db.execute(
        f"INSERT INTO items_new ({COLUMNS}) SELECT {COLUMNS} FROM items WHERE position < ? ORDER BY position",
        (same,),
    )
    db.execute(_CARRY_OVER, {"same": same})
    new, changed = db.execute(_COUNT_NEW_AND_CHANGED, {"same": same}).fetchone()
    db.execute("DELETE FROM gone WHERE id IN (SELECT id FROM incoming)")
    gone = db.execute(
        f"INSERT INTO gone ({COLUMNS}) SELECT {COLUMNS} FROM items WHERE position >= ?"
        " AND id NOT IN (SELECT id FROM incoming)",
        (same,),
    ).rowcount
    db.execute("DROP TABLE items")
    db.execute("ALTER TABLE items_new RENAME TO items")
    _index(db)
    cased.part()
    (total,) = db.execute("SELECT COUNT(*) FROM items").fetchone()
    return Difference(total, new, changed, gone)


def _kept(column: str, otherwise: str) -> str:
    return f"CASE WHEN {_SAME} THEN COALESCE(old.{column}, back.{column}) ELSE {otherwise} END"


_AGAINST_BEFORE = """
FROM incoming i
LEFT JOIN items old ON old.id = i.id AND old.position >= :same
LEFT JOIN gone back ON back.id = i.id
"""
_SAME = (
    "COALESCE(old.data, back.data) = i.data AND COALESCE(old.name, back.name) = i.name"
    ' AND COALESCE(old."group", back."group") = i."group" AND COALESCE(old.requires, back.requires) IS i.requires'
)


_CARRY_OVER = f"""
INSERT INTO items_new
    (position, id, status, attempts, duration_s, name, "group", data, requires, reason, code, result, stem,
    slot, ended_at, peak_memory_bytes, fingerprint, alike, warnings, metrics, priority,
    published)
SELECT i.position, i.id, {_kept("status", "'pending'")}, {_kept("attempts", "0")}, {_kept("duration_s", "NULL")},
    i.name, i."group", i.data, i.requires,
    {_kept("reason", "CASE WHEN old.id IS NULL AND back.id IS NULL THEN 'new' ELSE 'data changed' END")},
    {_kept("code", "NULL")}, {_kept("result", "NULL")}, COALESCE(old.stem, back.stem),
    {_kept("slot", "NULL")}, {_kept("ended_at", "NULL")}, {_kept("peak_memory_bytes", "NULL")},
    {_kept("fingerprint", "NULL")}, {_kept("alike", "0")}, {_kept("warnings", "NULL")}, {_kept("metrics", "NULL")},
    i.priority, {_kept("published", "NULL")}
{_AGAINST_BEFORE}
ORDER BY i.position
"""

_COUNT_NEW_AND_CHANGED = f"""
SELECT COUNT(*) FILTER (WHERE old.id IS NULL AND back.id IS NULL),
    COUNT(*) FILTER (WHERE COALESCE(old.id, back.id) IS NOT NULL AND NOT ({_SAME}))
{_AGAINST_BEFORE}
"""


def _index(db: sqlite3.Connection) -> None:
    """Index the ids. An index made after the rows is quicker than one that grows with them, and finds duplicates."""
    try:
        db.execute("CREATE UNIQUE INDEX items_by_id ON items (id)")
        # Empty for most jobs, and so they tell at once that nothing has to be looked after.
        db.execute("CREATE INDEX items_requiring ON items (position) WHERE requires IS NOT NULL")
        db.execute("CREATE INDEX items_by_priority ON items (priority) WHERE priority <> 0")
    except sqlite3.IntegrityError:
        twice = db.execute(
            "SELECT id, MIN(position) + 1, MAX(position) + 1, COUNT(*) FROM items GROUP BY id HAVING COUNT(*) > 1"
            " ORDER BY MIN(position)"
        ).fetchall()
        item_id, first, last, count = twice[0]
        named = ", ".join(repr(other) for other, *_ in twice[1 : _MOST_TWICE + 1])
        rest = f", … and {len(twice) - 1 - _MOST_TWICE:,} more" if len(twice) - 1 > _MOST_TWICE else ""
        more = f" Others come more than once, too: {named}{rest}." if named else ""
        raise DataError(
            f"The id {item_id!r} comes {count} times (first as item {first}, last as item {last})."
            f" Each item needs an id of its own.{more}"
        ) from None


class _CasedIds:
    """Ids that a case-insensitive disk could take for others; those that do clash get a stem of their own."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._batch: list[tuple[str, str]] = []
        db.execute("DROP TABLE IF EXISTS temp.cased")
        db.execute("CREATE TEMP TABLE cased (key TEXT, id TEXT)")

    def noted(self, source: Iterable[Placed]) -> Iterator[Placed]:
        """Yield the rows as they come, and note their ids on the way."""
        for row in source:
            item_id = row[1]
            if not (item_id.islower() and item_id.isascii()):
                self.note(item_id)
            yield row

    def note(self, item_id: str) -> None:
        key = folded(item_id)
        if key != item_id and is_safe(item_id):
            self._batch.append((key, item_id))
            if len(self._batch) >= 1000:
                self._flush()

    def part(self) -> None:
        """Mark the stems of ids that fold like another id; what was published under the old one is made again.

        The id that is its own folding keeps its name, and a stem that was marked once stays marked.
        """
        self._flush()
        if not self._db.execute("SELECT 1 FROM cased LIMIT 1").fetchone():
            return
        self._db.execute("CREATE INDEX temp.cased_by_key ON cased (key)")
        clashing = self._db.execute(
            "SELECT id FROM cased WHERE key IN (SELECT key FROM cased GROUP BY key HAVING COUNT(*) > 1)"
            " OR key IN (SELECT id FROM items)"
        ).fetchall()
        self._db.executemany(
            "UPDATE items SET stem = :stem, status = 'pending', attempts = 0,"
            " reason = CASE status WHEN 'pending' THEN reason ELSE 'name clashes' END"
            " WHERE id = :id AND stem IS NOT :stem",
            [{"stem": marked_stem(item_id), "id": item_id} for (item_id,) in clashing],
        )

    def _flush(self) -> None:
        self._db.executemany("INSERT INTO cased VALUES (?, ?)", self._batch)
        self._batch.clear()
