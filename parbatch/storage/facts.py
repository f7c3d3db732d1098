"""What a checkpoint remembers besides its items: products, time spent, files and code that outputs depend on, runs.

The half of `Checkpoint` that knows nothing of items.
"""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterable

import msgspec

from parbatch.model.outcome import Output
from parbatch.model.result import RunEnd
from parbatch.model.roles import MERGE, OVERVIEW


class Facts:
    """Facts of one open checkpoint."""

    _db: sqlite3.Connection

    def is_current(self, product: str) -> bool:
        """Whether no outcome has changed since the overview, or another product of all outcomes, was made."""
        return bool(self._db.execute("SELECT 1 FROM facts WHERE key = ? AND value = 'current'", (product,)).fetchone())

    def products_are_stale(self) -> None:
        """Remember that outcomes have changed since the products were made."""
        self._db.execute("UPDATE facts SET value = 'stale' WHERE key IN (?, ?)", (OVERVIEW, MERGE))
        self._db.execute("INSERT OR REPLACE INTO facts VALUES ('outcomes', ?)", (uuid.uuid4().hex,))

    @property
    def outcomes_mark(self) -> str:
        """A text that is another one as soon as an outcome has changed; empty while there is none."""
        row = self._db.execute("SELECT value FROM facts WHERE key = 'outcomes'").fetchone()
        return row[0] if row else ""

    def product_outputs(self, product: str) -> list[Output]:
        """Return the files of a product, as they were published."""
        rows = self._db.execute("SELECT path, size, mtime_ns, digest FROM products WHERE product = ?", (product,))
        return [Output(*row) for row in rows]

    @property
    def spent_s(self) -> float:
        """How long the run that began with this checkpoint has rendered, with its resumptions."""
        row = self._db.execute("SELECT value FROM facts WHERE key = 'spent_s'").fetchone()
        return float(row[0]) if row else 0.0

    def set_spent(self, seconds: float) -> None:
        """Remember how long it has rendered."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES ('spent_s', ?)", (str(round(seconds, 3)),))

    def set_fact(self, key: str, value: str) -> None:
        """Remember something about the folder."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def fact(self, key: str) -> str | None:
        """Return what is remembered about the folder under this key."""
        row = self._db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def unread(self) -> bool:
        """Whether the source was not read to its end, as a limit needed no more of it."""
        return bool(self._db.execute("SELECT 1 FROM facts WHERE key = 'unread' AND value = 'yes'").fetchone())

    def set_unread(self, *, unread: bool) -> None:
        """Remember whether the source was read to its end."""
        if unread != self.unread:
            self.set_fact("unread", "yes" if unread else "no")

    def set_product(self, product: str, outputs: Iterable[Output]) -> None:
        """Replace what a product is known to have published, and remember that it is made of the outcomes there are."""
        self._db.execute("DELETE FROM products WHERE product = ?", (product,))
        self._db.executemany(
            "INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?, ?)",
            [(product, o.path, o.size, o.mtime_ns, o.digest) for o in outputs],
        )
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, 'current')", (product,))

    # --- what the outputs depend on, and the runs

    def code_version(self, digest: str) -> int:
        """Return the number of a version of the job's code."""
        self._db.execute("INSERT OR IGNORE INTO codes (digest) VALUES (?)", (digest,))
        return int(self._db.execute("SELECT code FROM codes WHERE digest = ?", (digest,)).fetchone()[0])

    def files(self) -> dict[str, str | None]:
        """Return the files that the outputs depend on, each with its digest when it was used (None: not there)."""
        return dict(self._db.execute("SELECT path, digest FROM files"))

    def set_file(self, path: str, digest: str | None) -> None:
        """Remember a file that the outputs depend on."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (path, digest))

    def move_file(self, path: str, place: str) -> None:
        """Know a file that the outputs depend on by another path."""
        self._db.execute("UPDATE OR REPLACE files SET path = ? WHERE path = ?", (place, path))

    def last_run(self) -> tuple[str, str] | None:
        """Return the id and state of the newest run; the state is `running` for one that was killed."""
        row: tuple[str, str] | None
        row = self._db.execute("SELECT run_id, state FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        return row

    def runs_without_an_end(self) -> list[str]:
        """Return the ids of runs that have not written down their end, the oldest first: going on, or killed."""
        return [
            run_id for (run_id,) in self._db.execute("SELECT run_id FROM runs WHERE state = 'running' ORDER BY rowid")
        ]

    def run_was_killed(self, run_id: str) -> None:
        """Write down that a run did not come to its end; it keeps its place among the runs."""
        self._db.execute("UPDATE runs SET state = 'killed' WHERE run_id = ?", (run_id,))

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, the newest first."""
        return [run_id for (run_id,) in self._db.execute("SELECT run_id FROM runs ORDER BY rowid DESC")]

    def set_run(self, run_id: str, state: str, end: RunEnd | None = None) -> None:
        """Write down a run: `running`, or how it ended."""
        record = "{}" if end is None else msgspec.json.encode(end).decode()
        self._db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run_id, state, record))

    def end_of_last_run(self) -> RunEnd:
        """Return what is known of the newest run's end; nothing of one that was killed."""
        row = self._db.execute("SELECT record FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(row[0], type=RunEnd) if row else RunEnd()
        return RunEnd()
