"""Outputs that no longer count: moved out of `items/` into `run/withdrawn/<run id>/`, and never deleted by a run.

What is to be moved is committed first, with the outcome that is the reason; then it is moved. So after a kill the
checkpoint says what is left to be done, and whoever writes to the folder next does it (`carry_out`).
"""

import contextlib
from collections.abc import Callable, Iterable

from parbatch.model.file_names import folded
from parbatch.model.result import Withdrawn, WithdrawnOutput
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder, is_own_name
from parbatch.storage.publishing import remove_empty_parents
from parbatch.storage.tree import is_safe_path

EDITED = "edited"
NO_LONGER_MADE = "no longer made"
ANOTHERS = "another item's before"
GONE = "gone from the source"
CUT_OFF = "the run was cut off"

MOST_NAMED = 100  # in a report

Taken = Callable[[str, str], bool]


def mark(checkpoint: Checkpoint, folder: Folder, run_id: str, due: Iterable[tuple[str, str, str, str]]) -> None:
    """Write down what is to be withdrawn: the item's id, the output's path, where it lies, and why.

    Call inside a transaction; where it lies is a path from the output folder on.
    """
    for item_id, path, source, why in due:
        checkpoint._db.execute(
            "INSERT INTO withdrawn (kept, source, path, id, run_id, why) VALUES (?, ?, ?, ?, ?, ?)",
            (_free_name(checkpoint, folder, run_id, path), source, path, item_id, run_id, why),
        )


def _free_name(checkpoint: Checkpoint, folder: Folder, run_id: str, path: str) -> str:
    root = f"{folder.withdrawn.relative_to(folder.root).as_posix()}/{run_id}"
    kept, number = f"{root}/{path}", 1
    while checkpoint._db.execute("SELECT 1 FROM withdrawn WHERE kept = ?", (kept,)).fetchone():
        number += 1
        kept = f"{root}/{number}/{path}"
    return kept


def mark_outputs(checkpoint: Checkpoint, folder: Folder, run_id: str, item_id: str, why: str) -> bool:
    """Write down that all that an item has published is to be withdrawn. Returns whether there is any.

    Call inside a transaction.
    """
    paths = checkpoint.outputs_of(item_id).values()
    mark(checkpoint, folder, run_id, [(item_id, path, _in_items(path), why) for path in paths])
    if paths:
        checkpoint._db.execute("DELETE FROM outputs WHERE id = ?", (item_id,))
    return bool(paths)


def mark_all_not_ok(checkpoint: Checkpoint, folder: Folder, run_id: str) -> None:
    """Write down that the outputs of items that ended not ok are to be withdrawn, as from runs that kept them."""
    with checkpoint.transaction():
        rows = checkpoint._db.execute(
            "SELECT DISTINCT items.id, status FROM items CROSS JOIN outputs ON outputs.id = items.id"
            " WHERE status NOT IN ('ok', 'pending')"
        ).fetchall()
        for item_id, status in rows:
            mark_outputs(checkpoint, folder, run_id, item_id, status)


def _in_items(path: str) -> str:
    return f"items/{path}"


def carry_out(checkpoint: Checkpoint, folder: Folder, is_taken: Taken | None = None) -> None:
    """Move what is to be withdrawn. What can't be moved now is left to the next who comes by, and to the reports.

    `is_taken` says whether somebody else's output is in that place by now; without it, the checkpoint does.
    """
    rows = checkpoint._db.execute("SELECT kept, source, path FROM withdrawn WHERE NOT is_done").fetchall()
    if not rows:
        return
    taken = is_taken or (lambda place, path: checkpoint.path_at(place) == path)
    done: list[tuple[str]] = []
    void: list[tuple[str]] = []
    for kept, source, path in rows:
        if source == _in_items(path) and taken(folded(path), path):
            void.append((kept,))
            continue
        with contextlib.suppress(OSError):
            (done if _move(folder, source, kept) else void).append((kept,))
    with checkpoint.transaction():
        checkpoint._db.executemany("UPDATE withdrawn SET is_done = 1 WHERE kept = ?", done)
        checkpoint._db.executemany("DELETE FROM withdrawn WHERE kept = ?", void)


def waits_below(checkpoint: Checkpoint, folder: Folder, path: str) -> bool:
    """Whether something that is to be withdrawn, and could not be moved yet, lies below a path in `run/tmp/`."""
    below = f"{folder.tmp.relative_to(folder.root).as_posix()}/{path}/"
    query = "SELECT 1 FROM withdrawn WHERE NOT is_done AND substr(source, 1, ?) = ?"
    return checkpoint._db.execute(query, (len(below), below)).fetchone() is not None


def kept_paths(checkpoint: Checkpoint, folder: Folder) -> list[str]:
    """Where all is that was withdrawn, from the output folder on; nothing but what is in `run/withdrawn/`."""
    root = folder.withdrawn.relative_to(folder.root).as_posix()
    rows = checkpoint._db.execute("SELECT kept FROM withdrawn WHERE is_done")
    return [kept for (kept,) in rows if is_safe_path(kept) and kept.startswith(f"{root}/")]


def _move(folder: Folder, source: str, kept: str) -> bool:
    """Move one file. Returns whether it is where it is kept; nothing outside the folder's own places is touched."""
    root = folder.withdrawn.relative_to(folder.root).as_posix()
    tmp = folder.tmp.relative_to(folder.root).as_posix()
    is_published = source.startswith(("items/", f"{tmp}/")) or not is_own_name(source.partition("/")[0])
    if not (is_published and is_safe_path(source) and is_safe_path(kept) and kept.startswith(f"{root}/")):
        return False  # nobody withdraws such a thing: somebody wrote it into the checkpoint
    tree, there = folder.tree, folder.root / kept
    if tree.state(there) is not None:
        return True
    if tree.state(folder.root / source) is None:
        return False
    tree.make_folder(there.parent)
    tree.rename(folder.root / source, there)
    if source.startswith("items/"):
        with tree.folder(folder.items) as items:
            remove_empty_parents(items, source.removeprefix("items/"))
    return True


def remove_empty_folders(folder: Folder, kept: str) -> None:
    """Remove the folders that removing something withdrawn leaves empty."""
    with contextlib.suppress(FileNotFoundError), folder.tree.folder(folder.root / "run") as run:
        remove_empty_parents(run, kept.removeprefix("run/"))


def withdrawn_in(
    checkpoint: Checkpoint,
    run_id: str | None = None,
    *,
    all_ok: bool = False,
    is_anothers: Callable[[str], bool] | None = None,
) -> Withdrawn:
    """Tell what was withdrawn in a run, or in all, and how many outputs of items that are not ok are in `items/`.

    Where it is known that all items are ok, the last need not be counted. `is_anothers` tells of a place whether an
    item of another checkpoint has published there since.
    """
    where, values = ("run_id = ?", (run_id,)) if run_id is not None else ("1", ())
    count: int
    (count,) = checkpoint._db.execute(f"SELECT COUNT(*) FROM withdrawn WHERE is_done AND {where}", values).fetchone()
    rows = checkpoint._db.execute(
        f"SELECT id, path, kept, why FROM withdrawn WHERE is_done AND {where} ORDER BY run_id DESC, kept LIMIT ?",
        (*values, MOST_NAMED),
    )
    first = [WithdrawnOutput(id=item_id, path=path, kept=kept, why=why) for item_id, path, kept, why in rows]
    by_reason = dict(
        checkpoint._db.execute(
            f"SELECT why, COUNT(*) FROM withdrawn WHERE is_done AND {where} GROUP BY why ORDER BY why", values
        )
    )
    roots = checkpoint._db.execute(
        "SELECT DISTINCT substr(kept, 1, instr(kept, '/withdrawn/') + 9) FROM withdrawn"
        f" WHERE is_done AND {where} ORDER BY 1",
        values,
    )
    out_of_date, stale = _out_of_date(checkpoint, all_ok=all_ok, is_anothers=is_anothers)
    return Withdrawn(
        count=count,
        path=", ".join(root if run_id is None else f"{root}/{run_id}" for (root,) in roots) or None,
        by_reason=by_reason,
        first=first,
        out_of_date=out_of_date,
        stale=stale,
    )


def count_withdrawn(checkpoint: Checkpoint) -> int:
    """Return how many outputs are kept in `run/withdrawn/`."""
    return int(checkpoint._db.execute("SELECT COUNT(*) FROM withdrawn WHERE is_done").fetchone()[0])


def forget_withdrawn(checkpoint: Checkpoint, kept: Iterable[str]) -> None:
    """Forget what was kept at these paths and is there no more. Call inside a transaction."""
    checkpoint._db.executemany("DELETE FROM withdrawn WHERE kept = ?", [(path,) for path in kept])


def withdrawn_of(checkpoint: Checkpoint, item_id: str) -> tuple[WithdrawnOutput, ...]:
    """Return what was withdrawn of one item, in all runs."""
    rows = checkpoint._db.execute(
        "SELECT path, kept, why FROM withdrawn WHERE is_done AND id = ? ORDER BY run_id, kept", (item_id,)
    )
    return tuple(WithdrawnOutput(id=item_id, path=path, kept=kept, why=why) for path, kept, why in rows)


def _out_of_date(
    checkpoint: Checkpoint, *, all_ok: bool, is_anothers: Callable[[str], bool] | None
) -> tuple[int, list[str]]:
    """Count the outputs in `items/` of items that are not ok, pending ones and those that are kept; name some."""
    (due,) = checkpoint._db.execute("SELECT COUNT(*) FROM withdrawn WHERE NOT is_done").fetchone()
    if all_ok or not checkpoint.has_outputs:
        return int(due), []
    # The other way round, and in a million finished items, it takes seconds.
    stale = "FROM items CROSS JOIN outputs ON outputs.id = items.id WHERE status <> 'ok'"
    if is_anothers is None:
        (count,) = checkpoint._db.execute(f"SELECT COUNT(*) {stale}").fetchone()
        first = checkpoint._db.execute(f"SELECT path {stale} ORDER BY position LIMIT ?", (MOST_NAMED,))
        return int(due + count), [path for (path,) in first]
    rows = checkpoint._db.execute(f"SELECT place, path {stale} ORDER BY position")
    count, named = 0, []
    for place, path in rows:
        if not is_anothers(place):
            count += 1
            named += [path] if count <= MOST_NAMED else []
    return int(due + count), named
