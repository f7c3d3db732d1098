"""The keys of a merged object and who gave them, in a temporary file that SQLite removes: a million need no memory."""

import sqlite3
from collections.abc import Iterable


class KeyTable:
    """Keys in the order in which they are taken.

    They are sorted once at the end: that takes half the time of looking every key up.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE keys (number INTEGER PRIMARY KEY, key TEXT NOT NULL, item TEXT NOT NULL); BEGIN"
        )

    def take(self, keys: Iterable[str], item_id: str) -> None:
        """Remember an item's keys."""
        self._db.executemany("INSERT INTO keys (key, item) VALUES (?, ?)", [(key, item_id) for key in keys])

    def given_twice(self) -> tuple[str, str, str] | None:
        """Return a key that two items gave, and these; of several such keys, the one that came first."""
        twice = self._db.execute(
            "SELECT key, MIN(number) AS first FROM keys GROUP BY key HAVING COUNT(*) > 1 ORDER BY first LIMIT 1"
        ).fetchone()
        if twice is None:
            return None
        (first,), (second,) = self._db.execute("SELECT item FROM keys WHERE key = ? ORDER BY number LIMIT 2", twice[:1])
        return twice[0], first, second

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
