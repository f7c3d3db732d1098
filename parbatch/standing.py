"""How a folder stands: what the last run came to or is at, the counts, the failures. Read only, also during a run."""

from typing import Literal

import msgspec

from parbatch.fingerprint import grouped
from parbatch.folder import Folder, holder
from parbatch.phase_folders import begun, remembered, viewing
from parbatch.reading import reading
from parbatch.reporting import counts, failures
from parbatch.result import Counts, FailureGroup
from parbatch.selection import Selection, known_to_fail

# `running`: by the holder; `busy`: somebody holds the folder and is not, or not yet, rendering; `killed`: the last run
# did not write down its end, and nobody holds the folder; `not begun`: planned, but never run; else as the run ended.
RunState = Literal["running", "busy", "killed", "finished", "interrupted", "stopped", "not begun"]
GOING_ON = frozenset({"running", "busy"})


class HeldBy(msgspec.Struct, frozen=True):
    """The process that holds the folder."""

    pid: int
    host: str
    started_at: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder stands. `success`, `errors` and `pending` add up to `total`; the largest group of failures first.

    `known_to_fail` of the errors are tried again only on request. `phases` has the items by status of each phase, in
    order;
    of one that has not begun it has none.
    """

    out: str
    state: RunState
    run_id: str | None
    held_by: HeldBy | None
    total: int
    success: int
    errors: int
    pending: int
    known_to_fail: int
    counts: Counts
    failures: list[FailureGroup]
    phases: dict[str, dict[str, int]] = {}


def look(folder: Folder) -> Standing:
    """How the folder stands at this moment. Raises FolderError when nothing was run there, and as `reading` does."""
    busy = _held_by(folder)  # looked at before the checkpoint: a run that ends in between has not been killed
    with viewing(folder) as checkpoint:
        last = checkpoint.last_run()
        now = counts(checkpoint)
        groups = grouped(failures(checkpoint, folder))
        known = known_to_fail(checkpoint, Selection())
    if busy is None and last is not None and last[1] == "running":
        busy = _held_by(folder)  # nor has one that has just begun
    total, success, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
    return Standing(
        out=str(folder.root),
        state=_state(last, held=busy is not None),
        run_id=last[0] if last else None,
        held_by=busy,
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        known_to_fail=known,
        counts=now,
        failures=groups,
        phases=_phases(folder),
    )


def _phases(folder: Folder) -> dict[str, dict[str, int]]:
    phases = remembered(folder)
    found: dict[str, dict[str, int]] = {name: {} for name in phases.names} if phases else {}
    for part in begun(folder, tuple(found)):
        with reading(part.folder) as checkpoint:
            found[part.name] = checkpoint.counts()
    return found


def _held_by(folder: Folder) -> HeldBy | None:
    found = holder(folder)
    return HeldBy(*found) if found else None


def _state(last: tuple[str, str] | None, *, held: bool) -> RunState:
    state = last[1] if last else "not begun"
    if state == "running":
        return "running" if held else "killed"
    return "busy" if held else state  # type: ignore[return-value]
