"""How a folder stands: what the last run came to or is at, the counts, the failures. Read only, also during a run."""

from typing import Literal

import msgspec

from parbatch.chunk_book import held
from parbatch.fingerprint import grouped
from parbatch.folder import Folder, holder
from parbatch.reading import reading
from parbatch.reporting import counts, failures
from parbatch.result import Counts, FailureGroup
from parbatch.selection import Selection, known_to_fail
from parbatch.store import size_of

# `running`: by the holder; `busy`: somebody holds the folder and is not, or not yet, rendering; `killed`: the last run
# did not write down its end, and nobody holds the folder; `not begun`: planned, but never run; else as the run ended.
RunState = Literal["running", "busy", "killed", "finished", "interrupted", "stopped", "not begun"]
GOING_ON = frozenset({"running", "busy"})


class HeldBy(msgspec.Struct, frozen=True):
    """The process that holds the folder."""

    pid: int
    host: str
    started_at: str


class Held(msgspec.Struct, frozen=True):
    """The shared entries that workers hold now: how many chunks hold each, by id, and the bytes of all."""

    references: dict[str, int]
    bytes: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder stands. `success`, `errors` and `pending` add up to `total`; the largest group of failures first.

    `known_to_fail` of the errors are tried again only on request.
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
    held: Held


def look(folder: Folder) -> Standing:
    """How the folder stands at this moment. Raises FolderError when nothing was run there, and as `reading` does."""
    busy = _held_by(folder)  # looked at before the checkpoint: a run that ends in between has not been killed
    with reading(folder) as checkpoint:
        last = checkpoint.last_run()
        now = counts(checkpoint)
        groups = grouped(failures(checkpoint, folder))
        known = known_to_fail(checkpoint, Selection())
        references = held(checkpoint)
        size = size_of(checkpoint, references)
    if busy is None and last is not None and last[1] == "running":
        busy = _held_by(folder)  # nor has one that has just begun
    total, success, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
    state = _state(last, held=busy is not None)
    return Standing(
        out=str(folder.root),
        state=state,
        run_id=last[0] if last else None,
        held_by=busy,
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        known_to_fail=known,
        counts=now,
        failures=groups,
        held=Held(references, size) if state == "running" else Held({}, 0),  # nothing outlives a run
    )


def _held_by(folder: Folder) -> HeldBy | None:
    found = holder(folder)
    return HeldBy(*found) if found else None


def _state(last: tuple[str, str] | None, *, held: bool) -> RunState:
    state = last[1] if last else "not begun"
    if state == "running":
        return "running" if held else "killed"
    return "busy" if held else state  # type: ignore[return-value]
