"""What is wrong with a checkpoint: pages, tables, values, and names that lead out of its folder.

A look at its structure is taken before each run; all of it is read where something went wrong with it, and before a run
starts over in it. This module only reads.
"""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from parbatch.errors import CheckpointError, DamagedCheckpointError, ParbatchError
from parbatch.model.json_values import NOT_JSON
from parbatch.model.outcome import STATUSES
from parbatch.model.problem import Evidence, Problem
from parbatch.storage.schema import SCHEMA
from parbatch.storage.system_errors import in_words, is_busy, is_damage, is_of_sqlite
from parbatch.storage.tree import digest_file, is_safe_name

# What is raised where a checkpoint, or a file in a folder, can't be used now.
REFUSALS = (sqlite3.Error, OSError)
ADVICE = "restore it, or use --fresh: it is then set aside, and every item is done again."

_JSON: dict[str, dict[str, Any]] = {
    "items": {
        "data": Any, "requires": list[str], "result": Any, "warnings": tuple[Problem, ...], "metrics": dict[str, float],
    },
    "attempts": {"evidence": Evidence | None},
}  # fmt: skip
_JSON["gone"] = _JSON["items"]
# Numbers beyond these are nobody's, and neither dates nor lists can be made with them.
_RANGES = {"ended_at": (-6e10, 2.5e11), "slot": (0, 1e6)}
_ANY_NUMBER = (-9.3e18, 9.3e18)
# Where SQLite says what is wrong, and quotes what is damaged, its words can't be decoded.
_NO_TEXT = "what should be text in it is none"
# Of values that are decoded together: little in memory, and the call is nothing against them.
_AT_ONCE, _BYTES_AT_ONCE = 1_000, 1 << 20
_STATES = ("running", "finished", "interrupted", "stopped", "killed")


def find_flaw(db: sqlite3.Connection) -> str | None:
    """Look at a checkpoint's structure. Returns what is wrong, in a clause; None where nothing is.

    Raises sqlite3.Error where it can't be looked at for another reason than damage.
    """
    return _first(_flaws(db, "quick_check"))


def find_damage(db: sqlite3.Connection) -> str | None:
    """Read all of a checkpoint. Returns and raises as `find_flaw` does."""
    return _first(_damage(db))


@contextlib.contextmanager
def damage_in_words(*paths: Path) -> Iterator[None]:
    """Explain what goes wrong with what these checkpoints say: an error of SQLite, or of reading a value in them.

    Raises DamagedCheckpointError where one of them is damaged, CheckpointError where one can't be used now. An error
    that is none of theirs is let through.
    """
    try:
        yield
    except ParbatchError:
        raise
    except Exception as error:
        if (told := explained(error, *paths)) is None:
            raise
        raise told from error


def explained(error: Exception, *paths: Path) -> CheckpointError | None:
    """Say what an error is about that came up in the use of these checkpoints; None where that is something else."""
    path = paths[0] if paths else None
    if is_of_sqlite(error) and not is_damage(error):
        if is_busy(error):
            return CheckpointError(f"{path} is held by another program ({error}). Try again when it is done.")
        return CheckpointError(f"{in_words(error, path)}. Mend that, and try again.")
    if isinstance(error, (OSError, MemoryError)):
        return None
    for path in paths:
        if (what := _damage_of(path)) is not None:
            return damaged(path, what)
    if not is_of_sqlite(error):
        return None
    return CheckpointError(
        f"{path} could not be read ({error}), but is whole at a second look. The disk may be failing: look at it, and"
        " try again."
    )


def damaged(path: Path, what: str) -> CheckpointError:
    """Make the error for a checkpoint that is wrong somewhere; the disk is named where it does not give all of it."""
    try:
        digest_file(path)
    except OSError as error:
        return CheckpointError(f"{in_words(error)}. Mend that, and try again.")
    return DamagedCheckpointError(f"{path} is damaged ({what}): {ADVICE}")


def _damage_of(path: Path) -> str | None:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            db.execute("PRAGMA query_only = 1")
            return find_damage(db)
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None
    except UnicodeError:
        return _NO_TEXT


def _first(flaws: Iterator[str]) -> str | None:
    try:
        return next(flaws, None)
    except sqlite3.Error as error:
        if is_damage(error):
            return str(error)
        raise
    except UnicodeError:
        return _NO_TEXT


def _flaws(db: sqlite3.Connection, check: str) -> Iterator[str]:
    """Return the structure of the file, its tables, and names in it that become paths."""
    for (told,) in db.execute(f"PRAGMA {check}(1)"):
        if told != "ok":
            yield " ".join(str(told).replace("*** in database main ***", "").split())
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        yield f"it has a trigger {name!r}, which no parbatch has made"
    tables = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table, columns in _tables().items():
        found = {column[1] for column in db.execute(f"PRAGMA table_xinfo({table})")}
        is_plain = str(tables.get(table, "")).upper().startswith("CREATE TABLE")
        if not is_plain or not columns.keys() <= found:
            yield f"its table {table!r} is not what it should be"
    for table in ("items", "gone"):
        for (stem,) in db.execute(
            f"SELECT stem FROM {table} WHERE stem IS NOT NULL AND (instr(stem, '/') OR instr(stem, char(0)) OR stem IN"
            " ('', '.', '..')) LIMIT 1"
        ):
            yield f"the files of an item are named {stem!r}"
    for (run_id,) in db.execute("SELECT run_id FROM runs"):
        if not isinstance(run_id, str) or not is_safe_name(run_id):
            yield f"a run is named {run_id!r}"


def _damage(db: sqlite3.Connection) -> Iterator[str]:
    yield from _flaws(db, "integrity_check")
    for table in _tables():
        yield from _wrong_types(db, table)
    for status in (*_distinct(db, "items", "status"), *_distinct(db, "gone", "status")):
        if status not in STATUSES:
            yield f"an item's status is {status!r}"
    for state in _distinct(db, "runs", "state"):
        if state not in _STATES:
            yield f"a run's state is {state!r}"
    yield from _wrong_texts(db)
    for (value,) in db.execute("SELECT value FROM facts WHERE key = 'spent_s'"):
        try:
            float(value)
        except ValueError:
            yield f"the time that was spent is {value!r}"


def _distinct(db: sqlite3.Connection, table: str, column: str) -> list[Any]:
    return [value for (value,) in db.execute(f"SELECT DISTINCT {column} FROM {table}")]


def _wrong_types(db: sqlite3.Connection, table: str) -> Iterator[str]:
    """Values of another type than their column's: SQLite takes any, unless it is told not to."""
    columns = {name: _is_wrong(name, kind) for name, kind in _kinds(table).items()}
    if db.execute(f"SELECT 1 FROM {table} WHERE {' OR '.join(columns.values())} LIMIT 1").fetchone() is None:
        return  # the usual case, in one pass over the table instead of one for each column
    for name, wrong in columns.items():
        for (value,) in db.execute(f'SELECT quote("{name}") FROM {table} WHERE {wrong} LIMIT 1'):
            yield f"in its table {table!r}, {name!r} is {str(value)[:40]}"


def _is_wrong(name: str, kind: str) -> str:
    """Return the SQL condition for a value that is not of its column's kind, or beyond its range."""
    if kind == "TEXT":
        return f"({_quoted(name)} IS NOT NULL AND typeof({_quoted(name)}) <> 'text')"  # in a third of the time of IN
    low, high = _RANGES.get(name, _ANY_NUMBER)
    return f"{_quoted(name)} NOT BETWEEN {low} AND {high}"


def _wrong_texts(db: sqlite3.Connection) -> Iterator[str]:
    """Texts that are no JSON where that belongs, or are not UTF-8, which is an error as soon as they are fetched."""
    for table in _tables():
        json = _JSON.get(table, {})
        texts = [_quoted(name) for name, kind in _kinds(table).items() if kind == "TEXT" and name not in json]
        if texts:
            deque(db.execute(f"SELECT {', '.join(texts)} FROM {table}"), 0)  # fetched, and let go
        for name, kind in json.items():
            column = _quoted(name)
            values = db.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
            for error in _no_json((value for (value,) in values), msgspec.json.Decoder(kind)):
                yield f"in its table {table!r}, {name!r} can't be read: {error}"


def _no_json(values: Iterator[Any], decoder: "msgspec.json.Decoder[Any]") -> Iterator[Exception]:
    """Why values can't be read as JSON. Many are decoded at once, and one by one where there is anything about them."""
    while some := list(_some(values)):
        try:
            if len(decoder.decode_lines("\n".join(some))) == len(some):
                continue
        except (TypeError, *NOT_JSON):
            pass  # they are looked at one by one below
        for value in some:
            try:
                decoder.decode(value)
            except (TypeError, *NOT_JSON) as error:
                yield error


def _some(values: Iterator[Any]) -> Iterator[Any]:
    """Return the next values, up to a number or a size at which decoding them together pays."""
    size = 0
    for value in islice(values, _AT_ONCE):
        yield value
        size += len(value) if isinstance(value, (str, bytes)) else 0
        if size >= _BYTES_AT_ONCE:
            return


def _quoted(name: str) -> str:
    return f'"{name}"'


@cache
def _reference() -> sqlite3.Connection:
    """Return an empty checkpoint as it should be."""
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.executescript(SCHEMA)
    return db


@cache
def _kinds(table: str) -> dict[str, str]:
    return {name: kind for _, name, kind, *_ in _reference().execute(f"PRAGMA table_info({table})")}


@cache
def _tables() -> dict[str, dict[str, None]]:
    names = [name for (name,) in _reference().execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        table: dict.fromkeys(column[1] for column in _reference().execute(f"PRAGMA table_info({table})"))
        for table in names
    }
