"""What a run has to do and why: the checkpoint brought up to date with source, outputs, files and code.

Nothing is rendered here, and all of it happens in one transaction: an error leaves the checkpoint as it was.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from parbatch.errors import JobError, SelectionError
from parbatch.model.item import Task
from parbatch.model.loading import LoadedJob
from parbatch.model.lookup import MOST_COMPARED, close_to, find
from parbatch.model.outcome import Output
from parbatch.model.selection import Selection
from parbatch.model.shard import Shard
from parbatch.model.units import counted
from parbatch.planning.changes import Difference, compare
from parbatch.planning.context_entries import CONTEXT_CHANGED
from parbatch.planning.order import ANY_BOUNDS, Bounds, LineUp, has_order
from parbatch.planning.placing import Wanted
from parbatch.planning.source import rows
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.filters import OK_ALREADY, due, known_to_fail, left_out, narrowed, offer_selection
from parbatch.storage.staged import is_intact
from parbatch.storage.tree import digest_file

_MOST_ENTRIES_NAMED = 5
# The row of the table `files` that holds the key of the job's baseline in place of a digest; all paths are absolute.
BASELINE = "baseline:"

_REASON = "COALESCE(reason, CASE status WHEN 'pending' THEN 'not finished' ELSE status || ' before' END)"


class Plan(NamedTuple):
    """What a run has to do: `due` items of `matching` ones of `total`, with the reasons counted.

    `known_to_fail` of the matching ones failed alike before and are not tried. `before` has the items by group and
    status as an earlier run left them; None where there is nothing to go on with. `unread` says that the source was not
    read to its end, as a limit needs no more of it.
    """

    total: int
    matching: int
    due: int
    reasons: dict[str, int]
    difference: Difference
    older_code: int
    code: int
    stale: int
    known_to_fail: int = 0
    before: dict[str, dict[str, int]] | None = None
    unread: bool = False


def current_files(loaded: LoadedJob) -> dict[str, str | None]:
    """Return the job's files with the digest of each now, None for one that is not there; and its baseline's key."""
    files = {str(path): _digest(path) for path in (loaded.base / file for file in loaded.job.files)}
    key = loaded.job.baseline_key()
    return files if key is None else {**files, BASELINE: key}


def check_files(loaded: LoadedJob) -> None:
    """Raise JobError when a file that the job says it depends on is not there."""
    for path, digest in current_files(loaded).items():
        if digest is None:
            raise JobError(
                f"{loaded.job!r}: files= names {path}, which can't be read. Paths start from the job's folder."
            )


def code_digest(loaded: LoadedJob) -> str:
    """Return a digest of the job's source file; empty for a job that has none."""
    return (loaded.file and _digest(loaded.file)) or ""


def wanted(selection: Selection, checkpoint: Checkpoint, *, fresh: bool = False) -> Wanted | None:
    """How many new items a run needs of the source, which may start over; None where it has to know of all.

    A source that was not read to its end is read no further by what takes on known items, or one by its id. Once that
    is known, no more is read than is needed.
    """
    if selection.exact is not None or selection.retry:
        known = checkpoint._db.execute("SELECT 1 FROM items WHERE id = ?", (selection.exact,)).fetchone()
        needed = 1 if selection.exact is not None and not known else 0
        return Wanted(needed, selection.asks_for, reads_on=False) if checkpoint.unread else None
    if selection.limit is None or selection.sample_groups:
        return None
    offer_selection(checkpoint, selection)
    condition = narrowed(selection) if fresh else due(selection)
    (known,) = checkpoint._db.execute(f"SELECT COUNT(*) FROM items WHERE {condition}").fetchone()
    return Wanted(max(0, selection.limit - known), selection.asks_for, reads_on=not checkpoint.unread)


def resume(
    checkpoint: Checkpoint,
    loaded: LoadedJob,
    items: Path,
    selection: Selection,
    *,
    rerun_code: bool,
    shard: Shard | None = None,
) -> Difference:
    """Mark what has to be done again, and why. Call inside a transaction."""
    difference = compare(checkpoint, loaded.job, shard, wanted(selection, checkpoint))
    _mark_changed_files(checkpoint, loaded)
    _mark_broken_outputs(checkpoint, items)
    code = checkpoint.code_version(digest := code_digest(loaded))
    if digest:
        _forget_failures(checkpoint, "code IS NOT ?", code)
    else:
        _forget_failures(checkpoint, "1")  # nobody can say that code without a file is what it was
    if rerun_code:
        offer_selection(checkpoint, selection)
        _mark(checkpoint, "code changed", f"code <> ? AND {narrowed(selection)}", code)
    return difference


def start_over(
    checkpoint: Checkpoint, loaded: LoadedJob, selection: Selection, shard: Shard | None = None
) -> Difference:
    """Make every selected item due again. Call inside a transaction."""
    difference = compare(checkpoint, loaded.job, shard, wanted(selection, checkpoint, fresh=True))
    make_due_again(checkpoint, selection)
    remember_files(checkpoint, loaded)
    return difference


def make_due_again(checkpoint: Checkpoint, selection: Selection) -> None:
    """Make the selected items that there are due again, as if none had been tried. Call inside a transaction."""
    db = checkpoint._db
    offer_selection(checkpoint, selection)
    most = -1 if selection.limit is None else selection.limit
    order = "position" if selection.limit is None else "priority DESC, position"
    chosen = f"(SELECT id FROM items WHERE {narrowed(selection)} ORDER BY {order} LIMIT ?)"
    db.execute(f"DELETE FROM attempts WHERE id IN {chosen}", (most,))
    db.execute(
        "UPDATE items SET status = 'pending', attempts = 0, duration_s = NULL, result = NULL, reason = 'started over',"
        f" alike = 0, fingerprint = NULL, warnings = NULL, metrics = NULL WHERE id IN {chosen}",
        (most,),
    )
    checkpoint.set_spent(0.0)


def remember_files(checkpoint: Checkpoint, loaded: LoadedJob) -> None:
    """Write down the state of all files that the outputs depend on."""
    now = current_files(loaded)
    for path in checkpoint.files():
        now.setdefault(path, _digest(Path(path)))
    for path, digest in now.items():
        checkpoint.set_file(path, digest)


def summarise(checkpoint: Checkpoint, loaded: LoadedJob, selection: Selection, difference: Difference) -> Plan:
    """Count what is due. Raises SelectionError when the selection matches no item."""
    db = checkpoint._db
    offer_selection(checkpoint, selection)
    (total,) = db.execute("SELECT COUNT(*) FROM items").fetchone()
    out = left_out(checkpoint, selection)
    matching = total - sum(out.values())
    if total and not matching and out.get(OK_ALREADY) != total:
        raise SelectionError(_nothing_left(checkpoint, selection, total, out))
    reasons = _few_words(
        db.execute(f"SELECT {_REASON}, COUNT(*) FROM items WHERE {due(selection)} GROUP BY 1 ORDER BY 2 DESC, 1")
    )
    code = checkpoint.code_version(code_digest(loaded))
    (older,) = db.execute("SELECT COUNT(*) FROM items WHERE status = 'ok' AND code <> ?", (code,)).fetchone()
    count = sum(reasons.values())
    limited = count if selection.limit is None else min(count, selection.limit)
    (stale,) = db.execute("SELECT COUNT(DISTINCT id) FROM outputs WHERE id NOT IN (SELECT id FROM items)").fetchone()
    known = known_to_fail(checkpoint, selection)
    return Plan(total, matching, limited, reasons, difference, older, code, stale, known, unread=checkpoint.unread)


def _few_words(counted_reasons: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Reasons with their counts; where many entries have changed, they are one reason."""
    reasons = dict(counted_reasons)
    changed = [reason for reason in reasons if reason.startswith(CONTEXT_CHANGED)]
    if len(changed) > _MOST_ENTRIES_NAMED:
        count = sum(reasons.pop(reason) for reason in changed)
        reasons[f"{CONTEXT_CHANGED}: {len(changed)} entries"] = count
    return reasons


def tasks_due(checkpoint: Checkpoint, selection: Selection, bounds: Bounds = ANY_BOUNDS) -> Iterator[Task]:
    """Return the items that a run takes on, in the order of dispatch, read as they are needed.

    Where items require entries, they are packed for chunks of these bounds.
    """
    if selection.retry or has_order(checkpoint):
        return LineUp(checkpoint, selection, bounds).others()[0]
    offer_selection(checkpoint, selection)
    return checkpoint.tasks(due(selection), selection.limit)


def reasons_due(checkpoint: Checkpoint, selection: Selection) -> Iterator[tuple[str, str, str, str]]:
    """Yield the items that are due, higher priorities first, in item order: id, name, group and why each is due."""
    offer_selection(checkpoint, selection)
    limit = -1 if selection.limit is None else selection.limit
    yield from checkpoint._db.execute(
        f'SELECT id, name, "group", {_REASON} FROM items WHERE {due(selection)}'
        " ORDER BY priority DESC, position LIMIT ?",
        (limit,),
    )


def mark_asked_for(checkpoint: Checkpoint, item_id: str) -> None:
    """Make one item due, whatever its status."""
    checkpoint._db.execute("UPDATE items SET status = 'pending', reason = 'asked for' WHERE id = ?", (item_id,))


def _mark(checkpoint: Checkpoint, reason: str, condition: str, *values: object) -> None:
    checkpoint.mark_due(reason, f"status = 'ok' AND {condition}", values)


def _forget_failures(checkpoint: Checkpoint, condition: str, *values: object) -> None:
    """Start counting anew in how many runs items failed alike: something that they depend on has changed."""
    checkpoint._db.execute(f"UPDATE items SET alike = 0 WHERE alike AND {condition}", values)


def _mark_changed_files(checkpoint: Checkpoint, loaded: LoadedJob) -> None:
    before = checkpoint.files()
    remember_files(checkpoint, loaded)
    after = checkpoint.files()
    changed = sorted(path for path in before if after[path] != before[path])
    if (BASELINE in before or BASELINE in after) and before.get(BASELINE) != after[BASELINE]:
        _mark(checkpoint, f"baseline changed: {after[BASELINE] or 'there is none now'}", "1")
        _forget_failures(checkpoint, "1")
        changed = [path for path in changed if path != BASELINE]
    if changed:
        names = ", ".join(dict.fromkeys(Path(path).name for path in changed))
        _mark(checkpoint, f"file changed: {names}", "1")
        _forget_failures(checkpoint, "1")


def _mark_broken_outputs(checkpoint: Checkpoint, items: Path) -> None:
    published = checkpoint._db.execute(
        "SELECT items.position, published IS NOT NULL, path, size, mtime_ns, outputs.digest"
        " FROM outputs JOIN items ON items.id = outputs.id WHERE status = 'ok'"
    )
    broken, known = [], 0
    for position, is_counted, *output in published:
        known += is_counted
        if not (state := is_intact(Output(*output), items)):
            broken.append(("output missing" if state is None else "output changed", position))
    (wanted,) = checkpoint._db.execute("SELECT TOTAL(published) FROM items WHERE status = 'ok'").fetchone()
    if known < wanted:  # rows were lost, as from a damaged file
        broken += checkpoint._db.execute(
            "SELECT 'output missing', position FROM items WHERE status = 'ok' AND published >"
            " (SELECT COUNT(*) FROM outputs WHERE outputs.id = items.id)"
        )
    checkpoint.mark_each_due(broken)


def _nothing_left(checkpoint: Checkpoint, selection: Selection, total: int, out: dict[str, int]) -> str:
    """Say that a selection leaves nothing, and which rule left how many out."""
    text = "No item is left to retry." if selection.retry else f"No item matches {selection.describe()}."
    if len(out) > 1:
        parts = ", ".join(f"{count:,} {what}" for what, count in out.items() if count)
        text += f" Left out of {counted(total, 'item')}: {parts}."
    return text + _close_matches(checkpoint, selection)


def _close_matches(checkpoint: Checkpoint, selection: Selection) -> str:
    """Return what is close to a group or an item that was asked for, and that there is not."""
    db = checkpoint._db
    if selection.groups and not db.execute('SELECT 1 FROM items WHERE in_groups("group") LIMIT 1').fetchone():
        groups = db.execute('SELECT DISTINCT "group" FROM items WHERE "group" <> \'\' LIMIT ?', (MOST_COMPARED,))
        return close_to(selection.groups[0], {group.casefold(): group for (group,) in groups})
    if not selection.only or db.execute("SELECT 1 FROM items WHERE selected(id, name) LIMIT 1").fetchone():
        return ""
    by_text = {}
    for item_id, name in db.execute("SELECT id, name FROM items LIMIT ?", (MOST_COMPARED,)):
        by_text[item_id.casefold()] = by_text[name.casefold()] = item_id
    return close_to(selection.only[0], by_text)


def find_item(loaded: LoadedJob, asked: str) -> str:
    """Return the id of the job's item that a person names. Raises SelectionError as `lookup.find` does."""
    return find(asked, ((item_id, name) for item_id, name, *_ in rows(loaded.job)))


def _digest(path: Path) -> str | None:
    try:
        return digest_file(path)
    except OSError:
        return None
