"""Several checkpoints as one, for those who look: a temporary file made of the parts, which know nothing of it.

Parts with the same prefix are pieces of one list, such as shards: their items come in the order of the source, and
their workers, which may have run at the same time, keep apart. Parts with another prefix, such as phases, follow.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from parbatch.errors import CheckpointError
from parbatch.model.file_names import folded, stem
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part, require_layout
from parbatch.storage.phase_record import read_phases
from parbatch.storage.reader import empty, reading
from parbatch.storage.schema import COLUMNS

_WITHDRAWN_COLUMNS = "kept, source, path, id, run_id, why, is_done"
_ATTEMPT_COLUMNS = (
    "id, run_id, number, status, duration_s, cpu_s, peak_memory_bytes, slot, ended_at, evidence, logs, fingerprint,"
    " code"
)


class Clash(NamedTuple):
    """A file that items of two parts have published, one over the other."""

    path: str
    first_id: str
    second_id: str


@contextlib.contextmanager
def viewing(folder: Folder) -> Iterator[Checkpoint]:
    """Open what is known in a folder at this moment, all of its parts as one; it can't be written.

    Raises as `require_layout` and `reading` do.
    """
    layout = require_layout(folder)
    if layout.kind == "single" or layout.chosen is not None:
        with reading(folder) as checkpoint:
            yield checkpoint
        return
    parts = layout.begun()
    with (
        damage_in_words(*(part.folder.checkpoint for part in parts)),
        contextlib.closing(join(parts, layout.root)) as joined,
    ):
        if (phases := read_phases(layout.root)) is not None:
            joined.set_run(phases.run_id, phases.state, phases.end)
        yield joined


def join(parts: Sequence[Part], root: Folder) -> Checkpoint:
    """One checkpoint of all parts, in a temporary file that is gone when it is closed.

    Paths of outputs start from the root's `items/`, and a stem leads from the root's logs to the part's own. Each part
    is as it is at the moment when it is read. Raises as `reading` does, and CheckpointError for an id that comes twice.
    """
    joined = empty()
    try:
        joined.db.execute("BEGIN")
        joined.db.execute("CREATE TEMP TABLE clashes (path TEXT, first_id TEXT, second_id TEXT)")
        runs: list[tuple[str, str, str]] = []
        unread = False
        first = 0
        for _, pieces in groupby(parts, key=lambda part: part.prefix):
            group = [*pieces]
            slots, end = 0, first
            for number, part in enumerate(group):
                with reading(part.folder) as source:
                    place = _Place(first + number, len(group), slots)
                    end = max(end, _add(joined, source, part, root, place))
                    slots += _slots(source)
                    unread |= source.unread
                    runs += source.db.execute("SELECT run_id, state, record FROM runs")
            first = end
        joined.db.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", sorted(runs))  # run ids begin with a time
        joined.set_unread(unread=unread)
        joined.db.execute("CREATE UNIQUE INDEX items_by_id ON items (id)")
        joined.db.execute("COMMIT")
    except sqlite3.IntegrityError:
        joined.close()
        raise CheckpointError(
            f"{root.root}: the same item is in two of {', '.join(part.name for part in parts)}."
            " Was one copied? Remove the one that is wrong."
        ) from None
    except BaseException:
        joined.close()
        raise
    return joined


def clashes(joined: Checkpoint) -> list[Clash]:
    """The files that items of two parts, both of them ok, have published: of each only one can be there."""
    rows = joined.db.execute("SELECT path, first_id, second_id FROM temp.clashes ORDER BY path")
    return [Clash(*row) for row in rows]


class _Place(NamedTuple):
    """Where a part's items go: the first position, the step to the next, and the number of its first slot."""

    first: int
    step: int
    slot: int


def _slots(source: Checkpoint) -> int:
    """How many slots a part's workers have had."""
    rows = source.db.execute("SELECT MAX(slot) FROM items UNION ALL SELECT MAX(slot) FROM attempts")
    return 1 + max((slot for (slot,) in rows if slot is not None), default=-1)


def _add(joined: Checkpoint, source: Checkpoint, part: Part, root: Folder, place: _Place) -> int:
    """Copy a part. Returns a position that is behind all of its items."""
    values = {
        "prefix": part.prefix,
        "logs": _way(root.logs, part.folder.logs),
        "items": _way(root.items, part.folder.items),
        "root": _way(root.root, part.folder.root),
        **place._asdict(),
    }
    source.db.create_function("file_stem", 1, stem, deterministic=True)
    source.db.create_function("folded", 1, folded, deterministic=True)
    by_slot = {"slot": "slot + :slot", "code": "NULL", "id": ":prefix || id"}
    items = {
        "position": "position * :step + :first",
        "stem": ":logs || COALESCE(stem, file_stem(id))" if values["logs"] else "stem",
        **by_slot,
    }
    _copy(joined, source, "items", COLUMNS, items, values)
    _copy(joined, source, "attempts", _ATTEMPT_COLUMNS, by_slot, values, order="ORDER BY rowid")
    _add_outputs(joined, source, values)
    withdrawn = {name: f":root || {name}" for name in ("kept", "source")} | {"id": ":prefix || id"}
    _copy(joined, source, "withdrawn", _WITHDRAWN_COLUMNS, withdrawn, values, order="WHERE is_done")
    (last,) = source.db.execute("SELECT MAX(position) FROM items").fetchone()
    return place.first if last is None else (last + 1) * place.step + place.first


def _way(here: Path, there: Path) -> str:
    """What has to be put before a path from one folder so that it starts from another."""
    way = Path(os.path.relpath(there, here)).as_posix()
    return "" if way == "." else f"{way}/"


def _copy(
    joined: Checkpoint,
    source: Checkpoint,
    table: str,
    columns: str,
    changed: Mapping[str, str],
    values: Mapping[str, Any],
    order: str = "",
) -> None:
    names = columns.split(", ")
    selected = ", ".join(changed.get(name, name) for name in names)
    rows = source.db.execute(f"SELECT {selected} FROM {table} {order}", values)
    marks = ", ".join("?" * len(names))
    joined.db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _add_outputs(joined: Checkpoint, source: Checkpoint, values: Mapping[str, Any]) -> None:
    """Copy what the items have published; of two that claim a place, the one that is ok has it, else the first."""
    rows = source.db.execute(
        "SELECT folded(:items) || place, :prefix || items.id, :items || path, size, mtime_ns, outputs.digest,"
        " status = 'ok' FROM outputs JOIN items ON items.id = outputs.id",
        values,
    )
    for page in _pages(rows):
        given = (row[:6] for row in page)
        done = joined.db.executemany("INSERT OR IGNORE INTO outputs VALUES (?, ?, ?, ?, ?, ?)", given)
        if done.rowcount == len(page):
            continue
        for *row, is_ok in page:
            place, item_id, path = row[:3]
            (owner,) = joined.db.execute("SELECT id FROM outputs WHERE place = ?", (place,)).fetchone()
            if owner == item_id or not is_ok:
                continue
            if joined.live_owner(place) is None:
                joined.db.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)", row)
            else:
                joined.db.execute("INSERT INTO temp.clashes VALUES (?, ?, ?)", (path, owner, item_id))


def _pages(rows: sqlite3.Cursor) -> Iterator[list[Any]]:
    while page := rows.fetchmany(2_000):
        yield page
