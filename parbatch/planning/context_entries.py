"""The store of shared entries: contents as files in `run/context/`, named by their digests; the index of them.

    @job.context ─▶ Staging ─▶ run/context/<digest>      each content whole or not at all, and once
                 └▶ table `entries` ─▶ run/context/<checkpoint>.index.jsonl, which workers read

An entry is what it was when its digest is: a changed one makes the items that require it due again.
"""

from collections.abc import Iterator

import msgspec

from parbatch.errors import DataError, JobError
from parbatch.model.entry import checked
from parbatch.model.job import Job
from parbatch.model.lookup import close_to
from parbatch.model.tracebacks import innermost_own
from parbatch.model.units import counted
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.context_store import COLUMNS, Staging

CONTEXT_CHANGED = "context changed"  # the reason why an item is due again, before the entry's id

_NO_CONTEXT = (
    "SELECT NOT EXISTS (SELECT 1 FROM entries) AND NOT EXISTS (SELECT 1 FROM items WHERE requires IS NOT NULL)"
)


# --- planning


def renew(checkpoint: Checkpoint, job: Job, stage: Staging, *, items_changed: bool) -> None:
    """Bring the index up to what the job's context function yields; mark the items that require a changed entry.

    Raises DataError for an entry that can't be kept, for an item that requires one that there is not, or more than a
    chunk may hold, and JobError when the context function fails.
    """
    db = checkpoint._db
    if "context" not in job.functions and db.execute(_NO_CONTEXT).fetchone()[0]:
        return
    db.execute("DROP TABLE IF EXISTS temp.entries_before")
    db.execute("CREATE TEMP TABLE entries_before AS SELECT id, digest FROM entries")
    db.execute("DELETE FROM entries")
    _fill(checkpoint, job, stage)
    _mark_changed(checkpoint)
    (gone,) = db.execute("SELECT COUNT(*) FROM temp.entries_before WHERE id NOT IN (SELECT id FROM entries)").fetchone()
    if items_changed or gone:
        _check_all_there(checkpoint, job)
    _check_not_too_many(checkpoint, job)


def _fill(checkpoint: Checkpoint, job: Job, stage: Staging) -> None:
    seen: set[str] = set()
    for number, given in enumerate(_given(job), start=1):
        summary, stored = checked(given, number)
        if summary.id in seen:
            raise DataError(
                f"Entry {number}: the id {summary.id!r} was given before. Each entry needs an id of its own."
            )
        seen.add(summary.id)
        stage.take(summary, stored)
        row = msgspec.structs.astuple(summary)
        checkpoint._db.execute(f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _given(job: Job) -> Iterator[object]:
    """Yield what the context function yields, one by one; its own errors with the place they come from."""
    if "context" not in job.functions:
        return
    number = 0
    try:
        for number, one in enumerate(job.entries(), start=1):  # noqa: B007 -- what was given before an error
            yield one
    except JobError:
        raise
    except (Exception, SystemExit) as error:
        raise JobError(_failed(job, number, error)) from error


def _failed(job: Job, after: int, error: BaseException) -> str:
    place, line = innermost_own(error.__traceback__)
    where = f" at {place.partition(':')[0]}:{line}" if place else ""
    return (
        f"{job!r}: its context function failed after {counted(after, 'entry')}{where}: {type(error).__name__}: {error}"
    )


_CHANGED = (
    "SELECT entries.id FROM entries JOIN temp.entries_before AS old ON old.id = entries.id"
    " WHERE old.digest <> entries.digest"
)


def _mark_changed(checkpoint: Checkpoint) -> None:
    db = checkpoint._db
    db.execute("DROP TABLE IF EXISTS temp.entries_changed")
    db.execute("CREATE TEMP TABLE entries_changed (id TEXT PRIMARY KEY) WITHOUT ROWID")
    if not db.execute(f"INSERT INTO temp.entries_changed {_CHANGED}").rowcount:
        return
    needs_one = (
        "requires IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(requires) WHERE value IN temp.entries_changed)"
    )
    db.execute(f"UPDATE items SET alike = 0 WHERE alike AND {needs_one}")
    db.execute(
        "UPDATE items SET status = 'pending', attempts = 0, reason = ? || ': '"
        " || (SELECT value FROM json_each(requires) WHERE value IN temp.entries_changed LIMIT 1)"
        f" WHERE status = 'ok' AND {needs_one}",
        (CONTEXT_CHANGED,),
    )


def _check_all_there(checkpoint: Checkpoint, job: Job) -> None:
    lacking = checkpoint._db.execute(
        "SELECT items.id, needed.value FROM items, json_each(items.requires) AS needed"
        " WHERE items.requires IS NOT NULL AND needed.value NOT IN (SELECT id FROM entries) LIMIT 1"
    ).fetchone()
    if lacking is None:
        return
    item_id, entry_id = lacking
    if "context" not in job.functions:
        raise DataError(
            f"Item {item_id!r} requires the entry {entry_id!r}, and {job!r} has no entries: add a function under"
            " @job.context that yields them."
        )
    was_there = checkpoint._db.execute("SELECT 1 FROM temp.entries_before WHERE id = ?", (entry_id,)).fetchone()
    what = "which is not there any more" if was_there else "and there is none"
    known = {known_id.casefold(): known_id for (known_id,) in checkpoint._db.execute("SELECT id FROM entries")}
    raise DataError(
        f"Item {item_id!r} requires the entry {entry_id!r}, {what}.{close_to(entry_id, known)}"
        " Yield it in the context function, or take it out of the item's requires."
    )


def _check_not_too_many(checkpoint: Checkpoint, job: Job) -> None:
    row = checkpoint._db.execute(
        "SELECT id, json_array_length(requires) FROM items"
        " WHERE requires IS NOT NULL AND json_array_length(requires) > ? LIMIT 1",
        (job.max_entries,),
    ).fetchone()
    if row is not None:
        raise DataError(
            f"Item {row[0]!r} requires {counted(row[1], 'entry')}, and a chunk holds at most"
            f" {job.max_entries} (Job(max_entries=…)). Raise that, or split the item."
        )


# --- the index
