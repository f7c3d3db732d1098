"""Read back from one checkpoint what became of its items, in item order, as it is asked for.

Called by `Checkpoint`, and by `view`, which merges what several checkpoints give: each row begins with the item's
position, and `after` is the position after which they begin.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import Any, NamedTuple

import msgspec

from parbatch.model.item import Item
from parbatch.model.outcome import Outcome
from parbatch.model.problem import Evidence
from parbatch.storage.paging import pages

_COLUMNS = 'position, id, status, attempts, duration_s, name, "group", data, requires, result, priority'
_DATA, _RESULT = 7, 9  # the columns of these that can be wide
_ROW_COLUMNS = 'position, id, name, "group", status, stem, attempts, duration_s, peak_memory_bytes'
_TRIED = "status NOT IN ('ok', 'pending')"


class FailedRow(NamedTuple):
    """An item that was tried and is not ok; `evidence` is that of its last attempt, as JSON."""

    position: int
    id: str
    name: str
    group: str
    status: str
    stem: str | None
    attempts: int
    duration_s: float | None
    evidence: str
    peak_memory_bytes: int | None
    fingerprint: str | None
    alike: int


class PlainRow(NamedTuple):
    """An item without what can be wide: its data, its result, its evidence; `paths` are what it has published."""

    position: int
    id: str
    name: str
    group: str
    status: str
    stem: str | None
    attempts: int
    duration_s: float | None
    peak_memory_bytes: int | None
    paths: Sequence[str] = ()


class ItemDetails(NamedTuple):
    """What the row of one item has beside its outcome, as it is there."""

    stem: str | None
    reason: str | None
    result: str | None
    warnings: str | None
    metrics: str | None
    peak_memory_bytes: int | None
    slot: int | None
    ended_at: float | None


class AttemptRow(NamedTuple):
    """One attempt that did not end ok; `evidence` is JSON."""

    number: int
    status: str
    run_id: str
    duration_s: float | None
    cpu_s: float | None
    peak_memory_bytes: int | None
    slot: int | None
    ended_at: float | None
    evidence: str


def outcomes(db: sqlite3.Connection, after: int = -1) -> Iterator[tuple[int, Outcome]]:
    """Yield the items' outcomes with their positions."""
    query = f"SELECT {_COLUMNS} FROM items WHERE position > ? ORDER BY position"
    for rows in pages(db.execute(query, (after,)), _DATA, _RESULT):
        outputs = outputs_between(db, rows[0][0], rows[-1][0])
        for row in rows:
            yield row[0], _outcome(db, row, outputs.get(row[1], ()))


def outcome_of(db: sqlite3.Connection, item_id: str) -> Outcome | None:
    """Return one item's outcome, or None where there is no such item."""
    row = db.execute(f"SELECT {_COLUMNS} FROM items WHERE id = ?", (item_id,)).fetchone()
    if row is None:
        return None
    paths = db.execute("SELECT path FROM outputs WHERE id = ? ORDER BY path", (item_id,))
    return _outcome(db, row, [path for (path,) in paths])


def _outcome(db: sqlite3.Connection, row: Sequence[Any], outputs: Sequence[str]) -> Outcome:
    _, item_id, status, attempts, duration_s, name, group, data, requires, result, priority = row
    last = last_attempt(db, item_id) if status not in {"ok", "pending"} else None
    needed = tuple(msgspec.json.decode(requires)) if requires else ()
    return Outcome(
        item=Item(
            id=item_id,
            name=name,
            group=group,
            data=msgspec.json.decode(data),
            requires=needed,
            priority=int(priority),
        ),
        status=status,
        attempts=int(attempts),
        duration_s=duration_s,
        result=msgspec.json.decode(result) if result and status == "ok" else None,
        outputs=tuple(outputs) if status == "ok" else (),
        out_of_date=tuple(outputs) if status != "ok" else (),
        type=last[1].type if last else "",
        message=last[1].message if last else "",
    )


def last_attempt(db: sqlite3.Connection, item_id: str) -> tuple[int, Evidence] | None:
    """Return the number of the last attempt that did not end ok, and its evidence."""
    row = db.execute(
        "SELECT number, evidence FROM attempts WHERE id = ? ORDER BY rowid DESC LIMIT 1", (item_id,)
    ).fetchone()
    return (int(row[0]), msgspec.json.decode(row[1], type=Evidence)) if row else None


def results(db: sqlite3.Connection, after: int = -1) -> Iterator[tuple[int, str, bytes]]:
    """Yield the items that are ok and have a result: position, id, the result as JSON."""
    query = (
        "SELECT position, id, result FROM items WHERE position > ? AND status = 'ok' AND result IS NOT NULL"
        " ORDER BY position"
    )
    for position, item_id, result in db.execute(query, (after,)):
        yield position, item_id, result.encode()


def ids(db: sqlite3.Connection, after: str, most: int) -> list[str]:
    """Return the next ids after one, sorted: so many, or fewer at the end."""
    rows = db.execute("SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?", (after, most))
    return [item_id for (item_id,) in rows]


def plain_rows(db: sqlite3.Connection, after: int = -1, *, outputs: bool = True) -> Iterator[PlainRow]:
    """Yield the items with the paths that each is known to have published; none without `outputs`."""
    query = f"SELECT {_ROW_COLUMNS} FROM items WHERE position > ? ORDER BY position"
    for rows in pages(db.execute(query, (after,))):
        published = outputs_between(db, rows[0][0], rows[-1][0]) if outputs else {}
        for row in rows:
            yield PlainRow._make((*row, published.get(row[1], ())))


def tried_rows(db: sqlite3.Connection, after: int = -1) -> Iterator[PlainRow]:
    """Yield the items that were tried and are not ok."""
    query = f"SELECT {_ROW_COLUMNS} FROM items WHERE position > ? AND {_TRIED} ORDER BY position"
    yield from starmap(PlainRow, db.execute(query, (after,)))


def failed_rows(db: sqlite3.Connection, after: int = -1) -> Iterator[FailedRow]:
    """Yield the items that were tried and are not ok, with the evidence of the last attempt."""
    query = (
        'SELECT position, items.id, name, "group", items.status, stem, items.attempts, items.duration_s, evidence,'
        " attempts.peak_memory_bytes, items.fingerprint, alike FROM items JOIN attempts ON attempts.rowid ="
        " (SELECT MAX(rowid) FROM attempts WHERE attempts.id = items.id)"
        f" WHERE position > ? AND items.{_TRIED} ORDER BY position"
    )
    yield from map(FailedRow._make, db.execute(query, (after,)))


def warned_rows(db: sqlite3.Connection, after: int = -1) -> Iterator[tuple[int, str, str, str]]:
    """Yield the items that are ok and have warnings: position, id, name, the warnings as JSON."""
    query = (
        "SELECT position, id, name, warnings FROM items WHERE position > ? AND warnings IS NOT NULL AND status = 'ok'"
        " ORDER BY position"
    )
    yield from map(tuple, db.execute(query, (after,)))


def names(db: sqlite3.Connection, after: int = -1) -> Iterator[tuple[int, str, str]]:
    """Yield the items' positions, ids and names."""
    query = "SELECT position, id, name FROM items WHERE position > ? ORDER BY position"
    yield from map(tuple, db.execute(query, (after,)))


def outputs_between(db: sqlite3.Connection, first: int, last: int) -> dict[str, list[str]]:
    """Return published paths by item id, for the items from one position to another."""
    found: dict[str, list[str]] = {}
    for item_id, path in db.execute(
        "SELECT items.id, path FROM items JOIN outputs ON outputs.id = items.id"
        " WHERE position BETWEEN ? AND ? ORDER BY path",
        (first, last),
    ):
        found.setdefault(item_id, []).append(path)
    return found


def details_of(db: sqlite3.Connection, item_id: str) -> ItemDetails:
    """Return what the row of an item that is there has beside its outcome."""
    query = "SELECT stem, reason, result, warnings, metrics, peak_memory_bytes, slot, ended_at FROM items WHERE id = ?"
    return ItemDetails(*db.execute(query, (item_id,)).fetchone())


def attempts_of(db: sqlite3.Connection, item_id: str) -> list[AttemptRow]:
    """Return the attempts at an item that did not end ok, in order."""
    rows = db.execute(
        "SELECT number, status, run_id, duration_s, cpu_s, peak_memory_bytes, slot, ended_at, evidence FROM attempts"
        " WHERE id = ? ORDER BY rowid",
        (item_id,),
    )
    return [AttemptRow(*row) for row in rows]
