"""The figures of items (`ctx.metric`), summed up over the items that are ok: in all, and by group.

All is read from the checkpoint, so that items kept from earlier runs count as those of this run do. SQLite puts the
figures in order, in a temporary table; here they pass by one at a time.
"""

import contextlib
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from msgspec.structs import asdict

from parbatch.model.figures import MetricFigures, MetricSummary
from parbatch.storage.checkpoint import Checkpoint


def summaries(checkpoints: Sequence[Checkpoint], by_group: Mapping[str, Mapping[str, int]]) -> dict[str, MetricSummary]:
    """Return every metric by its name, in alphabetical order; `by_group` counts the items of each group by status."""
    sources = [one._db for one in checkpoints if _has_any(one._db)]
    if not sources:
        return {}
    ok = {group: counts["ok"] for group, counts in by_group.items() if counts["ok"]}
    with contextlib.ExitStack() as opened:
        db = sources[0]
        if len(checkpoints) == 1 and not db.execute("PRAGMA query_only").fetchone()[0]:
            _extract(db)
            opened.callback(db.execute, "DROP TABLE temp.figures")
        else:
            db = opened.enter_context(contextlib.closing(_gathered(sources)))
        groups = _by_group(db, ok)
        in_all = _in_all(db, sum(ok.values())) if len(ok) > 1 else {}
    found = {}
    for name, figures in groups.items():
        of_all = in_all.get(name) or next(iter(figures.values()))
        found[name] = MetricSummary(**asdict(of_all), by_group=figures)
    return found


_FIGURES = (
    'SELECT each.key AS metric, "group" AS its_group, each.value AS number'
    " FROM items, json_each(items.metrics) AS each WHERE metrics IS NOT NULL AND status = 'ok'"
)
_INDEX = "CREATE INDEX temp.figures_in_order ON figures (metric, its_group, number)"  # counted and read by it


def _has_any(db: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM items WHERE metrics IS NOT NULL AND status = 'ok' LIMIT 1"
    return db.execute(query).fetchone() is not None


def _extract(db: sqlite3.Connection) -> None:
    """Put each figure of each ok item into a row of its own, beside the checkpoint."""
    db.execute("DROP TABLE IF EXISTS temp.figures")
    db.execute(f"CREATE TEMP TABLE figures AS {_FIGURES}")
    db.execute(_INDEX)


def _gathered(sources: Iterable[sqlite3.Connection]) -> sqlite3.Connection:
    """Put the figures of several checkpoints, or of one that can't be written, into a temporary file of their own."""
    scratch = sqlite3.connect("", isolation_level=None)
    scratch.execute("CREATE TEMP TABLE figures (metric, its_group, number)")
    scratch.execute("BEGIN")
    for source in sources:
        scratch.executemany("INSERT INTO temp.figures VALUES (?, ?, ?)", source.execute(_FIGURES))
    scratch.execute(_INDEX)
    return scratch


def _by_group(db: sqlite3.Connection, ok: Mapping[str, int]) -> dict[str, dict[str, MetricFigures]]:
    """Each metric's figures by group, in the order of `ok`; a group of which no item gave it is there too."""
    sizes = db.execute("SELECT metric, its_group, COUNT(*) FROM temp.figures GROUP BY metric, its_group").fetchall()
    ordered = db.execute("SELECT metric, its_group, number FROM temp.figures ORDER BY metric, its_group, number")
    given: dict[str, dict[str, MetricFigures]] = {}
    for (name, group, count), (_, rows) in zip(sizes, groupby(ordered, itemgetter(0, 1)), strict=True):
        figures = _figures(map(itemgetter(2), rows), count, missing=ok[group] - count)
        given.setdefault(name, {})[group] = figures
    return {
        name: {group: groups.get(group) or _figures((), 0, missing=ok[group]) for group in ok}
        for name, groups in given.items()
    }


def _in_all(db: sqlite3.Connection, ok: int) -> dict[str, MetricFigures]:
    """Each metric's figures over all `ok` items."""
    sizes = db.execute("SELECT metric, COUNT(*) FROM temp.figures GROUP BY metric").fetchall()
    ordered = db.execute("SELECT metric, number FROM temp.figures ORDER BY metric, number")
    return {
        name: _figures(map(itemgetter(1), rows), count, missing=ok - count)
        for (name, count), (_, rows) in zip(sizes, groupby(ordered, itemgetter(0)), strict=True)
    }


def _figures(ordered: Iterable[float], count: int, *, missing: int) -> MetricFigures:
    """Return the figures of `count` numbers in ascending order, of which a handful is held."""
    at_95 = -(-95 * count // 100)
    wanted = {(count + 1) // 2: 0.0, count // 2 + 1: 0.0, at_95: 0.0, count: 0.0}
    total = math.fsum(_noting(ordered, wanted))  # exact, so that it is the same in whatever order items have ended
    if not count:
        return MetricFigures(0, 0.0, None, None, None, missing)
    low, high = wanted[(count + 1) // 2], wanted[count // 2 + 1]
    return MetricFigures(count, total, (low + high) / 2, wanted[at_95], wanted[count], missing)


def _noting(ordered: Iterable[float], wanted: dict[int, float]) -> Iterator[float]:
    """Yield the numbers as they come, and note those at the wanted ranks (from 1) on the way."""
    for rank, number in enumerate(ordered, 1):
        if rank in wanted:
            wanted[rank] = number
        yield number
