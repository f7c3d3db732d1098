"""A failure as it is told, from the row of its item and the evidence of its last attempt. Called by `view`."""

from collections.abc import Mapping
from sys import intern

import msgspec

from parbatch.model.problem import Evidence
from parbatch.model.result import Failure
from parbatch.storage.filters import KNOWN_AFTER
from parbatch.storage.outcomes import FailedRow


def failure_of(row: FailedRow, prefix: str, logs: Mapping[str, str | None]) -> Failure:
    """Return the failure of an item; its id follows `prefix`, `logs` has the path of each stream's log."""
    evidence = msgspec.json.decode(row.evidence, type=Evidence)
    # What many failures have alike is one text in memory: all of them are in the result.
    return Failure(
        id=f"{prefix}{row.id}",
        name=row.id if row.name == row.id and not prefix else row.name,
        group=intern(row.group),
        status=intern(row.status),
        type=intern(evidence.type),
        message=evidence.message,
        traceback=intern(evidence.traceback),
        place=intern(place_of(evidence)),
        fingerprint=intern(row.fingerprint or ""),
        attempts=row.attempts,
        duration_s=row.duration_s,
        returncode=evidence.returncode,
        signal=evidence.signal,
        peak_memory_bytes=row.peak_memory_bytes or None,
        stdout_path=logs["stdout"],
        stderr_path=logs["stderr"],
        known_to_fail=row.alike >= KNOWN_AFTER,
    )


def place_of(evidence: Evidence) -> str:
    """Return `letters.py:17 in letter`, or nothing for a process that just died."""
    file, _, function = evidence.place.rpartition(":")
    return f"{file}:{evidence.line} in {function}" if file else ""
