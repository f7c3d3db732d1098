"""How outcomes get into the checkpoint: the last one into the item's row, each that is not ok into `attempts`."""

import sqlite3
from collections.abc import Sequence

import msgspec

from parbatch.model.messages import Ended
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.publishing import ForeignFileError

Record = tuple[str, Ended, bool]
# What SQLite raises for a value that it can't hold.
_UNWRITABLE = (OverflowError, ValueError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


def try_record(checkpoint: Checkpoint, run_id: str, code: int, ended: Sequence[Record]) -> Exception | None:
    """Write how attempts ended as `record` does: all, or, with an error about one of their values, none.

    Return the error. Called inside a transaction, which goes on in either case.
    """
    db = checkpoint._db
    db.execute("SAVEPOINT outcomes")
    try:
        record(checkpoint, run_id, code, ended)
    except _UNWRITABLE as error:
        db.execute("ROLLBACK TO outcomes")
        return error
    else:
        return None
    finally:
        if db.in_transaction:
            db.execute("RELEASE outcomes")


def record(checkpoint: Checkpoint, run_id: str, code: int, ended: Sequence[Record]) -> None:
    """Write how attempts ended: the item's id, the outcome, and whether it is settled, or another try is due."""
    # An item that ends ok is not tried again, so its tries that failed come before; most items have none.
    failed = [one for one in ended if one[1].status != "ok"]
    if failed:
        _record_failures(checkpoint, run_id, code, failed)
    checkpoint._db.executemany(
        "UPDATE items SET status = 'ok', attempts = attempts + 1, duration_s = ?, result = ?, code = ?,"
        " reason = NULL, slot = ?, ended_at = ?, peak_memory_bytes = ?, fingerprint = NULL, alike = 0,"
        " warnings = ?, metrics = ?, published = ? WHERE position = ?",
        [
            (
                outcome.duration_s,
                _result(outcome),
                code,
                outcome.slot,
                outcome.ended_at,
                outcome.peak_memory_bytes,
                msgspec.json.encode(outcome.warnings).decode() if outcome.warnings else None,
                msgspec.json.encode(outcome.metrics).decode() if outcome.metrics else None,
                len(outcome.outputs),
                outcome.position,
            )
            for _, outcome, _ in ended
            if outcome.status == "ok"
        ],
    )


def _record_failures(checkpoint: Checkpoint, run_id: str, code: int, ended: Sequence[Record]) -> None:
    checkpoint._db.executemany(
        "UPDATE items SET status = ?, attempts = attempts + 1, duration_s = ?, result = ?, code = ?,"
        " reason = NULL, slot = ?, ended_at = ?, peak_memory_bytes = ?,"
        " alike = CASE ? WHEN 'pending' THEN alike WHEN 'in the way' THEN 0"
        " ELSE 1 + IIF(fingerprint = ?, alike, 0) END,"
        " fingerprint = CASE ? WHEN 'pending' THEN fingerprint ELSE ? END, warnings = NULL,"
        " metrics = NULL"
        " WHERE position = ?",
        [
            (
                (status := outcome.status if settled else "pending"),
                outcome.duration_s,
                _result(outcome),
                code,
                outcome.slot,
                outcome.ended_at,
                outcome.peak_memory_bytes,
                "in the way" if _is_in_the_way(outcome) else status,
                outcome.fingerprint,
                status,
                outcome.fingerprint,
                outcome.position,
            )
            for _, outcome, settled in ended
        ],
    )
    _record_attempts(checkpoint, run_id, code, ended)


def _record_attempts(checkpoint: Checkpoint, run_id: str, code: int, ended: Sequence[Record]) -> None:
    checkpoint._db.executemany(
        "INSERT INTO attempts (id, run_id, number, status, duration_s, cpu_s, peak_memory_bytes, slot, ended_at,"
        " evidence, logs, fingerprint, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                item_id,
                run_id,
                outcome.number,
                outcome.status,
                outcome.duration_s,
                outcome.cpu_s,
                outcome.peak_memory_bytes,
                outcome.slot,
                outcome.ended_at,
                msgspec.json.encode(outcome.evidence).decode(),
                ",".join(outcome.logs),
                outcome.fingerprint,
                code,
            )
            for item_id, outcome, _ in ended
        ],
    )


def _is_in_the_way(ended: Ended) -> bool:
    """Whether an item failed for a file that a person moves away: it can't be known to fail the next time."""
    return ended.evidence is not None and ended.evidence.type == ForeignFileError.__name__


def _result(ended: Ended) -> str | None:
    raw = bytes(ended.result)
    return None if raw == b"null" else raw.decode()
