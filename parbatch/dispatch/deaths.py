"""The outcome of an attempt whose worker did not live to tell it, and why no worker lives to begin."""

import time
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from parbatch.dispatch.backends import Backend, Died
from parbatch.model.item import Task
from parbatch.model.job_files import advice_on_hiding_files
from parbatch.model.messages import Chunk, Ended
from parbatch.model.outcome import STREAMS, Status
from parbatch.model.problem import Evidence
from parbatch.worker.capture import add_last_line
from parbatch.worker.evidence import OF_PIPE_LOST, of_death, with_cause, with_stack

_TYPES: dict[Status, str] = {"timeout": "TimeoutError", "memory": "MemoryError", "crashed": "WorkerBroken"}
_MOST_PRINTED = 2_000


class Doom(NamedTuple):
    """Why a worker is being ended: what it is at, if that is for it, and what it says about that."""

    attempt: Task | Chunk | None
    status: Status
    message: str
    at: float


def evidence_of(died: Died, doom: Doom | None) -> Evidence:
    """Why a worker is no more: by what it was ended for, or else by the way its process ended."""
    death = of_death(died.returncode)
    if doom is None:
        return death
    kind = _TYPES.get(doom.status, death.type)
    return Evidence(type=kind, message=doom.message, returncode=death.returncode, signal=death.signal)


def last_of(task: Task, slot: int, death: Evidence, doom: Doom | None, backend: Backend, tmp: str) -> Ended:
    """The outcome of an attempt that its worker has died in, but for how long it took and in which process."""
    destination = task.staging(tmp)
    if task.position < 0:
        death = replace(death, message=death.message.replace("the item", task.kind))
    printed = backend.last_words(slot, destination)
    log = add_last_line(destination, death.message)
    return Ended(
        position=task.position,
        number=task.number,
        status=doom.status if doom is not None else "crashed",
        duration_s=0.0,
        evidence=with_cause(with_stack(death, log), log),
        logs=tuple(stream for stream in STREAMS if stream in printed or (log and stream == "stderr")),
        slot=slot,
        ended_at=time.time(),
    )


def printed_at_start(slot: int, backend: Backend, tmp: str) -> str:
    """What a worker that has died before its first item had printed as errors."""
    if "stderr" not in backend.last_words(slot, f"{tmp}/setup"):
        return ""
    return Path(f"{tmp}/setup.stderr").read_text(encoding="utf-8", errors="replace")


def told_of_stillborn(count: int, death: Evidence, printed: str) -> str:
    """What to say when so many workers in a row ended before their first item."""
    why = death.message.replace("in the middle of the item", "").strip()
    if why == OF_PIPE_LOST:  # there was no item that could have done so
        why = "they ended, or their pipe was closed, as when an import fails or setup closes what it did not open"
    advice = f" {hiding}" if (hiding := advice_on_hiding_files()) else ""
    tail = f" It printed:\n{printed[-_MOST_PRINTED:]}" if printed else ""
    return f"{count} workers in a row ended before their first item: {why}.{advice}{tail}"
