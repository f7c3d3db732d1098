"""The store of shared entries: contents as files in `run/context/`, named by their digests; the index of them.

    @job.context ─▶ Staging ─▶ run/context/<digest>      each content whole or not at all, and once
                 └▶ table `entries` ─▶ run/context/<checkpoint>.index.jsonl, which workers read

An entry is what it was when its digest is: a changed one makes the items that require it due again.
"""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from parbatch.checkpoint import Checkpoint
from parbatch.entries import Stored, Summary, checked, digest_of_content, read_index
from parbatch.errors import DataError, JobError
from parbatch.evidence import innermost_own
from parbatch.files import is_safe_name, make_durable
from parbatch.folder import Folder
from parbatch.job import Job
from parbatch.jsonvalues import NOT_JSON
from parbatch.lookup import close_to
from parbatch.units import counted

_INDEX = ".index.jsonl"
CONTEXT_CHANGED = "context changed"  # the reason why an item is due again, before the entry's id

_COLUMNS = "id, digest, kind, layout, type, source, summary, tokens, size"
_NO_CONTEXT = (
    "SELECT NOT EXISTS (SELECT 1 FROM entries) AND NOT EXISTS (SELECT 1 FROM items WHERE requires IS NOT NULL)"
)


class Staging:
    """Contents on their way into a folder: written while a run is planned, put into place once the plan holds.

    Without a folder nothing is written, as for a plan that is only looked at.
    """

    def __init__(self, folder: Folder | None) -> None:
        self._folder = folder
        self._place = folder.tmp / f"context-{uuid.uuid4().hex}" if folder is not None else Path()
        self._has_taken = False

    def take(self, summary: Summary, stored: Stored) -> None:
        """Write a content, unless it is there already. What has its name is read, for it may be something else."""
        if self._folder is None or _is_there(self._folder, summary):
            return
        self._has_taken = True
        with self._folder.tree.folder(self._place, make=True) as place, place.create(summary.digest) as file:
            file.write(stored.data)

    def settle(self) -> None:
        """Put all that was taken into place, once it is on the disk."""
        if self._folder is None or not self._has_taken:
            return
        tree, target = self._folder.tree, self._folder.context
        make_durable(self._place)
        with tree.folder(self._place) as place, tree.folder(target, make=True) as contents:
            for name in place.names():
                place.rename(name, contents, name)
        make_durable(target)

    def drop(self) -> None:
        """Remove what was taken and is not in place."""
        if self._folder is not None and self._has_taken:
            self._folder.tree.remove_tree(self._place)


@contextlib.contextmanager
def staging(folder: Folder | None) -> Iterator[Staging]:
    """A staging that leaves nothing behind."""
    stage = Staging(folder)
    try:
        yield stage
    finally:
        stage.drop()


def _is_there(folder: Folder, summary: Summary) -> bool:
    place = folder.context / summary.digest
    if (state := folder.tree.state(place)) is None or state.st_size != summary.size:
        return False
    with folder.tree.open(place) as file:
        return digest_of_content(summary.kind, summary.layout, iter(lambda: file.read(1 << 20), b"")) == summary.digest


# --- planning


def renew(checkpoint: Checkpoint, job: Job, stage: Staging, *, items_changed: bool) -> None:
    """Bring the index up to what the job's context function yields; mark the items that require a changed entry.

    Raises DataError for an entry that can't be kept, for an item that requires one that there is not, or more than a
    chunk may hold, and JobError when the context function fails.
    """
    db = checkpoint.db
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
        checkpoint.db.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _given(job: Job) -> Iterator[object]:
    """What the context function yields, one by one; its own errors with the place they come from."""
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
    db = checkpoint.db
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
    lacking = checkpoint.db.execute(
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
    was_there = checkpoint.db.execute("SELECT 1 FROM temp.entries_before WHERE id = ?", (entry_id,)).fetchone()
    what = "which is not there any more" if was_there else "and there is none"
    known = {known_id.casefold(): known_id for (known_id,) in checkpoint.db.execute("SELECT id FROM entries")}
    raise DataError(
        f"Item {item_id!r} requires the entry {entry_id!r}, {what}.{close_to(entry_id, known)}"
        " Yield it in the context function, or take it out of the item's requires."
    )


def _check_not_too_many(checkpoint: Checkpoint, job: Job) -> None:
    row = checkpoint.db.execute(
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


def entries(checkpoint: Checkpoint) -> Iterator[Summary]:
    """What is known of each entry without its content, in the order of the context function."""
    for row in checkpoint.db.execute(f"SELECT {_COLUMNS} FROM entries ORDER BY place"):
        yield Summary(*row)


def search(checkpoint: Checkpoint, text: str) -> list[Summary]:
    """The entries whose id, type, source or summary contains a text; ASCII upper and lower case are the same."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    where = " OR ".join(f"{column} LIKE :text ESCAPE '\\'" for column in ("id", "type", "source", "summary"))
    rows = checkpoint.db.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY place", {"text": pattern})
    return [Summary(*row) for row in rows]


def size_of(checkpoint: Checkpoint, entry_ids: Iterable[str]) -> int:
    """The bytes of some entries in all."""
    listed = msgspec.json.encode(list(entry_ids)).decode()
    query = "SELECT COALESCE(SUM(size), 0) FROM entries WHERE id IN (SELECT value FROM json_each(?))"
    return int(checkpoint.db.execute(query, (listed,)).fetchone()[0])


def write_index(checkpoint: Checkpoint, folder: Folder) -> Path | None:
    """Write the index that workers read, and remove contents that this checkpoint named before and nobody names now.

    Returns its path, or None where the job has no entries.
    """
    index = _index_path(folder)
    named = _digests(folder, index)
    now = set()
    if checkpoint.db.execute("SELECT 1 FROM entries LIMIT 1").fetchone():
        folder.tree.make_folder(folder.context)
        with folder.tree.written_whole(index) as file:
            for summary in entries(checkpoint):
                now.add(summary.digest)
                file.write(msgspec.json.encode(summary) + b"\n")
    elif named:
        folder.tree.remove(index)
    for digest in unnamed(folder, named - now):
        folder.tree.remove(folder.context / digest)
    return index if now else None


def unnamed(folder: Folder, digests: Iterable[str]) -> list[str]:
    """Those of the digests that no index in the folder names: several checkpoints may share one store."""
    indexes = [name for name in folder.tree.names(folder.context) if name.endswith(_INDEX)]
    named = {digest for name in indexes for digest in _digests(folder, folder.context / name)}
    return sorted(set(digests) - named)


def leftovers(folder: Folder) -> list[Path]:
    """Files of the store that no index names, such as contents that a killed run had put into place."""
    files = [name for name in folder.tree.names(folder.context) if not name.endswith(_INDEX)]
    return [folder.context / name for name in unnamed(folder, files)]


def _index_path(folder: Folder) -> Path:
    name = "checkpoint" if folder.shard is None else folder.shard.name  # shards have one store
    return folder.context / f"{name}{_INDEX}"


def _digests(folder: Folder, index: Path) -> set[str]:
    """The contents that an index names; names that no content has are nobody's."""
    try:
        with folder.tree.open(index) as lines:
            return {summary.digest for summary in read_index(lines) if is_safe_name(summary.digest)}
    except (FileNotFoundError, *NOT_JSON):
        return set()
