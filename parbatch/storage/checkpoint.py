"""The checkpoint: one SQLite file that knows every item's status. The parent alone writes it.

`tables` says what is in it.
"""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parbatch.errors import CheckpointError
from parbatch.model.item import Task
from parbatch.model.outcome import STATUSES, Outcome, Output
from parbatch.model.problem import NO_DATA, Evidence, feedback_after
from parbatch.model.result import RunEnd
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.storage.folder import FOREIGN
from parbatch.storage.outcomes import last_attempt, outcome_of, outcomes
from parbatch.storage.paging import PAGE, page
from parbatch.storage.tree import is_safe_name

_BUSY_S = 60  # how long another program may hold the file, such as a backup, before a run breaks off
TASK_COLUMNS = (
    'position, id, name, "group", data, requires, stem, priority, status, attempts, result, reason, fingerprint'
)
DATA = 4  # the one of these that can be wide
OWNER = "owner"  # the fact that says whose the folder is


class Checkpoint:
    """An open checkpoint."""

    def __init__(self, path: Path, db: sqlite3.Connection | None = None) -> None:
        self.path = path
        self._db = db or sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)

    def use_wal(self) -> None:
        """Let readers and the writer not block each other (WAL).

        NORMAL: a power cut can undo the last commits but never spoil the file, and what was committed by then has its
        outputs on the disk already.
        """
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000;")

    def share_memory(self, count: int) -> None:
        """Hold so much less of the file in memory as one of `count` that are open at once."""
        self._db.execute(f"PRAGMA cache_size = -{max(256, 16_000 // count)}")

    def close(self) -> None:
        """Close the file; what was not committed is undone."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside; what is written outside lasts at once."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors, such as a full disk, have undone it already
                self._db.execute("ROLLBACK")
            raise

    @property
    def is_open(self) -> bool:
        """Whether it can still be read."""
        try:
            self._db.execute("SELECT 1")
        except sqlite3.ProgrammingError:
            return False
        return True

    # --- counting and reading

    def counts(self) -> dict[str, int]:
        """How many items have each status; every status is there."""
        found = dict(self._db.execute("SELECT status, COUNT(*) FROM items GROUP BY status"))
        return {status: found.get(status, 0) for status in STATUSES}

    def counts_by_group(self) -> dict[str, dict[str, int]]:
        """The same for each group; items without a group are under the empty name."""
        if not self._db.execute("SELECT 1 FROM items WHERE \"group\" <> '' LIMIT 1").fetchone():
            counts = self.counts()  # in half the time
            return {"": counts} if any(counts.values()) else {}
        groups: dict[str, dict[str, int]] = {}
        for group, status, count, _ in self.groups():
            groups.setdefault(group, dict.fromkeys(STATUSES, 0))[status] = count
        return groups

    def groups(self) -> list[tuple[str, str, int, int]]:
        """Return each group's items by status, in item order: group, status, count, the first one's position."""
        return self._db.execute(
            'SELECT "group", status, COUNT(*), MIN(position) FROM items GROUP BY "group", status ORDER BY 4'
        ).fetchall()

    def has_item(self, item_id: str) -> bool:
        """Tell whether there is an item of this id."""
        return self._db.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone() is not None

    def ended_since(self, when: float) -> int:
        """Return how many items have ended since a time, and are not pending again."""
        query = "SELECT COUNT(*) FROM items WHERE status <> 'pending' AND ended_at >= ?"
        return int(self._db.execute(query, (when,)).fetchone()[0])

    def tasks(self, where: str = "status <> 'ok'", limit: int | None = None) -> Iterator[Task]:
        """First attempts at the items that the SQL condition selects, in item order, read a page at a time."""
        position, left = -1, limit if limit is not None else -1
        while left:
            rows = page(
                self._db.execute(
                    f"SELECT {TASK_COLUMNS} FROM items WHERE position > ? AND ({where}) ORDER BY position LIMIT ?",
                    (position, PAGE if left < 0 else min(left, PAGE)),
                ),
                DATA,
            )
            if not rows:
                return
            for row in rows:
                yield self.as_task(row)
            position = rows[-1][0]
            left -= len(rows) if left > 0 else 0

    def as_task(self, row: Sequence[Any]) -> Task:
        """The next attempt at the item of a row of TASK_COLUMNS: the first in this run, unless one broke off its tries.

        It is told what was wrong with the attempt before, in whatever run that was.
        """
        position, item_id, name, group, data, requires, stem, priority, *before = row
        status, attempts, result, reason, fingerprint = before
        if stem and not is_safe_name(stem):
            raise CheckpointError(f"{self.path} names the files of item {item_id!r} {stem!r}. {FOREIGN}")
        needed = tuple(msgspec.json.decode(requires)) if requires else ()
        task = Task(position, item_id, name, group, msgspec.Raw(data.encode()), needed, stem or "", 1, priority)
        broken_off = status == "pending" and reason is None
        if not attempts or not (broken_off or fingerprint) or (last := last_attempt(self._db, item_id)) is None:
            return task
        number, evidence = last
        feedback = feedback_after(evidence, msgspec.Raw(result.encode()) if result else NO_DATA)
        return msgspec.structs.replace(task, number=number + 1 if broken_off else 1, feedback=feedback)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every item's outcome in item order, without holding them all."""
        return (outcome for _, outcome in outcomes(self._db))

    def outcome_of(self, item_id: str) -> Outcome | None:
        """Return one item's outcome, or None where there is no such item."""
        return outcome_of(self._db, item_id)

    def last_evidence(self, item_id: str) -> Evidence | None:
        """Return why the item's last attempt did not end ok."""
        last = last_attempt(self._db, item_id)
        return last[1] if last else None

    # --- outputs

    def live_owner(self, place: str) -> str | None:
        """The id of the item that is ok by virtue of a file there; `place` is the folded path."""
        row = self._db.execute(
            "SELECT outputs.id FROM outputs JOIN items ON items.id = outputs.id WHERE place = ? AND status = 'ok'",
            (place,),
        ).fetchone()
        return row[0] if row else None

    @property
    def has_outputs(self) -> bool:
        """Whether anything is known to be published."""
        return self._db.execute("SELECT 1 FROM outputs LIMIT 1").fetchone() is not None

    def live_outputs(self) -> Iterator[tuple[str, str, str]]:
        """Yield what items that are ok have published, by place: folded path, the item's id, path."""
        query = (
            "SELECT place, outputs.id, path FROM outputs JOIN items ON items.id = outputs.id WHERE status = 'ok'"
            " ORDER BY place"
        )
        yield from map(tuple, self._db.execute(query))

    def path_at(self, place: str) -> str | None:
        """The path of the file that was published there last."""
        row = self._db.execute("SELECT path FROM outputs WHERE place = ?", (place,)).fetchone()
        return row[0] if row else None

    def outputs_of(self, item_id: str) -> dict[str, str]:
        """What an item has published: folded path to path."""
        return dict(self._db.execute("SELECT place, path FROM outputs WHERE id = ?", (item_id,)))

    def mark_due(self, reason: str, where: str = "1", values: Sequence[object] = (), *, table: str = "items") -> None:
        """Make items due again, as if none had been tried, and say why; `where` is an SQL condition on them.

        Of items that are `gone`, it counts once they are back.
        """
        self._db.execute(
            f"UPDATE {table} SET status = 'pending', attempts = 0, reason = ? WHERE {where}", (reason, *values)
        )

    def mark_each_due(self, items: Iterable[tuple[str, int]]) -> None:
        """Make the items at these positions due again, each with its reason."""
        self._db.executemany("UPDATE items SET status = 'pending', attempts = 0, reason = ? WHERE position = ?", items)

    def set_outputs(self, item_id: str, outputs: Iterable[tuple[str, Output]]) -> None:
        """Replace what an item is known to have published."""
        outputs = tuple(outputs)
        self._db.execute("DELETE FROM outputs WHERE id = ?", (item_id,))
        for place, _ in outputs:
            self.mark_due("output replaced", "id = (SELECT id FROM outputs WHERE place = ?)", (place,), table="gone")
        self._db.executemany(
            "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)",
            [(place, item_id, out.path, out.size, out.mtime_ns, out.digest) for place, out in outputs],
        )

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
        """The files of a product, as they were published."""
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
        """What is remembered about the folder under this key."""
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
        """The number of a version of the job's code."""
        self._db.execute("INSERT OR IGNORE INTO codes (digest) VALUES (?)", (digest,))
        return int(self._db.execute("SELECT code FROM codes WHERE digest = ?", (digest,)).fetchone()[0])

    def files(self) -> dict[str, str | None]:
        """The files that the outputs depend on, each with its digest when it was used (None: it was not there)."""
        return dict(self._db.execute("SELECT path, digest FROM files"))

    def set_file(self, path: str, digest: str | None) -> None:
        """Remember a file that the outputs depend on."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (path, digest))

    def move_file(self, path: str, place: str) -> None:
        """Know a file that the outputs depend on by another path."""
        self._db.execute("UPDATE OR REPLACE files SET path = ? WHERE path = ?", (place, path))

    def last_run(self) -> tuple[str, str] | None:
        """The id and state of the newest run; the state is `running` for one that was killed."""
        row: tuple[str, str] | None
        row = self._db.execute("SELECT run_id, state FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        return row

    def runs_without_an_end(self) -> list[str]:
        """The ids of runs that have not written down their end, the oldest first: going on, or killed."""
        return [
            run_id for (run_id,) in self._db.execute("SELECT run_id FROM runs WHERE state = 'running' ORDER BY rowid")
        ]

    def run_was_killed(self, run_id: str) -> None:
        """Write down that a run did not come to its end; it keeps its place among the runs."""
        self._db.execute("UPDATE runs SET state = 'killed' WHERE run_id = ?", (run_id,))

    def run_ids(self) -> list[str]:
        """The ids of all runs, the newest first."""
        return [run_id for (run_id,) in self._db.execute("SELECT run_id FROM runs ORDER BY rowid DESC")]

    def set_run(self, run_id: str, state: str, end: RunEnd | None = None) -> None:
        """Write down a run: `running`, or how it ended."""
        record = "{}" if end is None else msgspec.json.encode(end).decode()
        self._db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run_id, state, record))

    def end_of_last_run(self) -> RunEnd:
        """What is known of the newest run's end; nothing of one that was killed."""
        row = self._db.execute("SELECT record FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(row[0], type=RunEnd) if row else RunEnd()
        return RunEnd()
