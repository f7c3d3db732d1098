"""When and where items were rendered, as one checkpoint knows it: what the charts are drawn from.

Called by `view`. A chart has room for so many items: with more, each nth is read.
"""

import sqlite3
from typing import NamedTuple

_TIMED = """
WITH RECURSIVE picked(p) AS (
    SELECT ? UNION ALL SELECT p + ? FROM picked WHERE p < (SELECT MAX(position) FROM items))
SELECT slot, status, ended_at, duration_s, peak_memory_bytes FROM picked CROSS JOIN items ON position = p
WHERE ended_at IS NOT NULL AND status <> 'pending' ORDER BY slot, ended_at
"""
_DEATHS = """
SELECT slot, ended_at, id, number, status, evidence FROM attempts
WHERE run_id = ? AND status IN ('crashed', 'timeout', 'memory') ORDER BY ended_at LIMIT ?
"""


class Timed(NamedTuple):
    """An item that has ended: where and when, how long it took, and what memory it took."""

    slot: int
    status: str
    ended_at: float
    duration_s: float
    peak_memory_bytes: int | None


class Death(NamedTuple):
    """An attempt that ended with the death of its worker, or was ended; `evidence` is JSON."""

    slot: int
    ended_at: float
    id: str
    number: int
    status: str
    evidence: str


def first_position(db: sqlite3.Connection) -> int | None:
    """Return the position of the first item."""
    position: int | None
    (position,) = db.execute("SELECT MIN(position) FROM items").fetchone()
    return position


def timed(db: sqlite3.Connection, first: int, every: int) -> list[Timed]:
    """Return each nth item from a position on, of those that have ended, by slot and time."""
    return [Timed(*row) for row in db.execute(_TIMED, (first, every))]


def deaths(db: sqlite3.Connection, run_id: str, most: int) -> list[Death]:
    """Return the attempts of a run that a worker did not survive, in the order of their ends."""
    return [Death(*row) for row in db.execute(_DEATHS, (run_id, most))]


def slots(db: sqlite3.Connection) -> int:
    """Return how many slots the workers have had."""
    rows = db.execute("SELECT MAX(slot) FROM items UNION ALL SELECT MAX(slot) FROM attempts")
    return 1 + max((slot for (slot,) in rows if slot is not None), default=-1)


def last_end(db: sqlite3.Connection) -> float | None:
    """Return when the last item ended."""
    end: float | None
    (end,) = db.execute("SELECT MAX(ended_at) FROM items").fetchone()
    return end
