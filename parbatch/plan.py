"""What a run has to do and why: the checkpoint brought up to date with source, outputs, files and code.

Nothing is rendered here, and all of it happens in one transaction: an error leaves the checkpoint as it was.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from parbatch.checkpoint import Checkpoint
from parbatch.errors import JobError, SelectionError
from parbatch.loading import LoadedJob
from parbatch.lookup import MOST_COMPARED, close_to, find
from parbatch.model import Output, Task
from parbatch.publish import digest_file, is_intact
from parbatch.source import Difference, compare, rows


class Selection(NamedTuple):
    """Which items a person asked for: shell patterns for ids or names (none: all), and at most how many.

    `exact` is the id of the one item that is asked for, done or not.
    """

    only: Sequence[str] = ()
    limit: int | None = None
    exact: str | None = None

    def matches(self, item_id: str, name: str) -> bool:
        """Whether an item is asked for; upper and lower case are the same."""
        if self.exact is not None:
            return item_id == self.exact
        if not self.only:
            return True
        return any(_pattern(only).fullmatch(text.casefold()) for only in self.only for text in (item_id, name))

    @property
    def narrows(self) -> bool:
        """Whether not every item is asked for."""
        return bool(self.only) or self.exact is not None

    def describe(self) -> str:
        """The selection as a person typed it."""
        return " ".join(f"--only {pattern!r}" for pattern in self.only)


_REASON = "COALESCE(reason, CASE status WHEN 'pending' THEN 'not finished' ELSE status || ' before' END)"


class Plan(NamedTuple):
    """What a run has to do: `due` items of `matching` ones of `total`, with the reasons counted."""

    total: int
    matching: int
    due: int
    reasons: dict[str, int]
    difference: Difference
    older_code: int
    code: int
    stale: int


def current_files(loaded: LoadedJob) -> dict[str, str | None]:
    """The job's files with the digest that each has now; None for one that is not there."""
    return {str(path): _digest(path) for path in (loaded.base / file for file in loaded.job.files)}


def check_files(loaded: LoadedJob) -> None:
    """Raise JobError when a file that the job says it depends on is not there."""
    for path, digest in current_files(loaded).items():
        if digest is None:
            raise JobError(
                f"{loaded.job!r}: files= names {path}, which can't be read. Paths start from the job's folder."
            )


def code_digest(loaded: LoadedJob) -> str:
    """A digest of the job's source file; empty for a job that has none."""
    return (loaded.file and _digest(loaded.file)) or ""


def resume(
    checkpoint: Checkpoint, loaded: LoadedJob, items: Path, selection: Selection, *, rerun_code: bool
) -> Difference:
    """Mark what has to be done again, and why. Call inside a transaction."""
    difference = compare(checkpoint, loaded.job)
    _mark_changed_files(checkpoint, loaded)
    _mark_broken_outputs(checkpoint, items)
    if rerun_code:
        code = checkpoint.code_version(code_digest(loaded))
        offer_selection(checkpoint, selection)
        _mark(checkpoint, "code changed", "code <> ? AND selected(id, name)", code)
    return difference


def start_over(checkpoint: Checkpoint, loaded: LoadedJob, selection: Selection) -> Difference:
    """Make every selected item due again. Call inside a transaction."""
    difference = compare(checkpoint, loaded.job)
    db = checkpoint.db
    offer_selection(checkpoint, selection)
    most = -1 if selection.limit is None else selection.limit
    chosen = "(SELECT id FROM items WHERE selected(id, name) ORDER BY position LIMIT ?)"
    db.execute(f"DELETE FROM attempts WHERE id IN {chosen}", (most,))
    db.execute(
        "UPDATE items SET status = 'pending', attempts = 0, duration_s = NULL, result = NULL, reason = 'started over'"
        f" WHERE id IN {chosen}",
        (most,),
    )
    remember_files(checkpoint, loaded)
    return difference


def remember_files(checkpoint: Checkpoint, loaded: LoadedJob) -> None:
    """Write down the state of all files that the outputs depend on."""
    now = current_files(loaded)
    for path in checkpoint.files():
        now.setdefault(path, _digest(Path(path)))
    for path, digest in now.items():
        checkpoint.set_file(path, digest)


def summarise(checkpoint: Checkpoint, loaded: LoadedJob, selection: Selection, difference: Difference) -> Plan:
    """Count what is due. Raises SelectionError when the selection matches no item."""
    db = checkpoint.db
    offer_selection(checkpoint, selection)
    condition = _due(selection)
    (total,) = db.execute("SELECT COUNT(*) FROM items").fetchone()
    (matching,) = (
        db.execute("SELECT COUNT(*) FROM items WHERE selected(id, name)").fetchone() if selection.narrows else (total,)
    )
    if total and not matching:
        raise SelectionError(f"No item matches {selection.describe()}.{_close_matches(checkpoint, selection)}")
    reasons = dict(db.execute(f"SELECT {_REASON}, COUNT(*) FROM items WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1"))
    code = checkpoint.code_version(code_digest(loaded))
    (older,) = db.execute("SELECT COUNT(*) FROM items WHERE status = 'ok' AND code <> ?", (code,)).fetchone()
    count = sum(reasons.values())
    limited = count if selection.limit is None else min(count, selection.limit)
    (stale,) = db.execute("SELECT COUNT(DISTINCT id) FROM outputs WHERE id NOT IN (SELECT id FROM items)").fetchone()
    return Plan(total, matching, limited, reasons, difference, older, code, stale)


def tasks_due(checkpoint: Checkpoint, selection: Selection) -> Iterator[Task]:
    """The items that a run takes on, in item order, read as they are needed."""
    offer_selection(checkpoint, selection)
    return checkpoint.tasks(_due(selection), selection.limit)


def reasons_due(checkpoint: Checkpoint, selection: Selection) -> Iterator[tuple[str, str, str, str]]:
    """The same items one by one: id, name, group and why each is due."""
    offer_selection(checkpoint, selection)
    limit = -1 if selection.limit is None else selection.limit
    yield from checkpoint.db.execute(
        f'SELECT id, name, "group", {_REASON} FROM items WHERE {_due(selection)} ORDER BY position LIMIT ?', (limit,)
    )


def _due(selection: Selection) -> str:
    return "status <> 'ok' AND selected(id, name)" if selection.narrows else "status <> 'ok'"


def mark_asked_for(checkpoint: Checkpoint, item_id: str) -> None:
    """Make one item due, whatever its status."""
    checkpoint.db.execute("UPDATE items SET status = 'pending', reason = 'asked for' WHERE id = ?", (item_id,))


def _mark(checkpoint: Checkpoint, reason: str, condition: str, *values: object) -> None:
    checkpoint.db.execute(
        f"UPDATE items SET status = 'pending', attempts = 0, reason = ? WHERE status = 'ok' AND {condition}",
        (reason, *values),
    )


def _mark_changed_files(checkpoint: Checkpoint, loaded: LoadedJob) -> None:
    before = checkpoint.files()
    remember_files(checkpoint, loaded)
    after = checkpoint.files()
    changed = sorted(path for path in before if after[path] != before[path])
    if changed:
        names = ", ".join(Path(path).name for path in changed)
        _mark(checkpoint, f"file changed: {names}", "1")


def _mark_broken_outputs(checkpoint: Checkpoint, items: Path) -> None:
    published = checkpoint.db.execute(
        "SELECT items.position, path, size, mtime_ns, outputs.digest FROM outputs JOIN items ON items.id = outputs.id"
        " WHERE status = 'ok'"
    )
    broken = [
        ("output missing" if state is None else "output changed", position)
        for position, *output in published
        if not (state := is_intact(Output(*output), items))
    ]
    checkpoint.db.executemany(
        "UPDATE items SET status = 'pending', attempts = 0, reason = ? WHERE position = ?", broken
    )


def offer_selection(checkpoint: Checkpoint, selection: Selection) -> None:
    """Let SQL ask `selected(id, name)`."""
    checkpoint.db.create_function("selected", 2, selection.matches, deterministic=True)


def _close_matches(checkpoint: Checkpoint, selection: Selection) -> str:
    by_text = {}
    for item_id, name in checkpoint.db.execute("SELECT id, name FROM items LIMIT ?", (MOST_COMPARED,)):
        by_text[item_id.casefold()] = by_text[name.casefold()] = item_id
    return close_to(selection.only[0], by_text)


def find_item(loaded: LoadedJob, asked: str) -> str:
    """The id of the job's item that a person names. Raises SelectionError as `lookup.find` does."""
    return find(asked, ((item_id, name) for item_id, name, *_ in rows(loaded.job)))


def _pattern(only: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(only.casefold()))


def _digest(path: Path) -> str | None:
    try:
        return digest_file(path)
    except OSError:
        return None
