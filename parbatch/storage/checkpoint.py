"""The checkpoint: one SQLite file that knows every item's status. The parent alone writes it.

`schema` says what is in it.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parbatch.errors import CheckpointError
from parbatch.model.item import Task
from parbatch.model.outcome import STATUSES, Outcome, Output
from parbatch.model.problem import NO_DATA, Evidence, feedback_after
from parbatch.storage.facts import Facts
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


class Checkpoint(Facts):
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
        """Count the items of each group by status; items without a group are under the empty name."""
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
        """Return the next attempt at the item of a row of TASK_COLUMNS, the run's first unless one broke off its tries.

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
        """Return the id of the item that is ok by virtue of a file there; `place` is the folded path."""
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
        """Return the path of the file that was published there last."""
        row = self._db.execute("SELECT path FROM outputs WHERE place = ?", (place,)).fetchone()
        return row[0] if row else None

    def outputs_of(self, item_id: str) -> dict[str, str]:
        """Return what an item has published: folded path to path."""
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
