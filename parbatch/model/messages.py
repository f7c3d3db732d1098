"""The messages between the parent and a worker: orders one way, reports on the work the other.

Each is immutable and crosses the process boundary as one line of JSON; nothing is ever pickled. Backends and the
worker's process send and receive them. They know neither the pipes nor the scheduler.
"""

import msgspec

from parbatch.model.item import Task
from parbatch.model.outcome import Output, Status
from parbatch.model.problem import NO_DATA, Evidence, Problem, feedback_after
from parbatch.model.roles import RENDER

# --- from the parent to a worker


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="chunk"):
    """The tasks that a worker is handed at once; `role` names the job's function that renders them."""

    number: int
    tasks: list[Task]
    role: str = RENDER


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """Finish the item in flight, give back the rest, and wait."""


Order = Chunk | Stop


# --- from a worker to the parent


class Loading(msgspec.Struct, frozen=True, array_like=True, tag="loading"):
    """The worker lives, and is at a step of what comes before its first item.

    With `is_bounded`, that is the job's own code, which has the time of an attempt; else it waits for somebody else.
    """

    step: str
    pid: int = 0
    is_bounded: bool = True


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The job is loaded and its setup has run; `idle_bytes` is the worker's resident size before any item."""

    idle_bytes: int
    pid: int = 0


class NotReady(msgspec.Struct, frozen=True, array_like=True, tag="not-ready"):
    """The job could not be loaded or its setup raised."""

    evidence: Evidence


class Began(msgspec.Struct, frozen=True, array_like=True, tag="began"):
    """The first item of a chunk is in flight; each later one is from the moment its predecessor ended."""

    chunk: int


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="ended"):
    """How one attempt ended. Durations in seconds, memory in bytes; `result` is JSON text; `ended_at` is Unix time.

    `fingerprint` is given by the parent, once the outcome of an attempt that is not ok is final. `pid` is the worker's.
    `acceleration` says how python-docx ran: empty where it was not loaded, else as `docx.on_import.acceleration` does.
    """

    position: int
    number: int
    status: Status
    duration_s: float
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    result: msgspec.Raw = NO_DATA
    outputs: tuple[Output, ...] = ()
    evidence: Evidence | None = None
    logs: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    warnings: tuple[Problem, ...] = ()
    templates: tuple[str, ...] = ()
    slot: int = 0
    ended_at: float = 0.0
    fingerprint: str = ""
    pid: int = 0
    acceleration: str = ""

    @property
    def feedback(self) -> msgspec.Raw:
        """Return what the next attempt at the item is told of this one, as JSON; null for one that had no evidence."""
        return feedback_after(self.evidence, self.result) if self.evidence else NO_DATA


class ChunkEnded(msgspec.Struct, frozen=True, array_like=True, tag="chunk-ended"):
    """What a chunk came to, said just before the end of its last attempt, when its entries are released.

    `entries` were held, of so many `tokens` and bytes (`size`) in all; acquiring them took `acquire_s`, all of the
    chunk `duration_s`, both in seconds. `ended_at` is Unix time.
    """

    chunk: int
    items: int
    entries: int
    tokens: int
    size: int
    acquire_s: float
    duration_s: float
    ended_at: float


class Rendered(msgspec.Struct, frozen=True, array_like=True, tag="rendered"):
    """An item is rendered, and waits until its chunk is validated; the next one of the chunk is in flight.

    With `is_last`, the worker was told to stop: those rendered so far are validated, and the others put down.
    """

    position: int
    is_last: bool = False


class Returned(msgspec.Struct, frozen=True, array_like=True, tag="returned"):
    """The worker was told to stop and has put down what it had not begun."""


class Retiring(msgspec.Struct, frozen=True, array_like=True, tag="retiring"):
    """The worker puts down what it had not begun and makes room for a new one.

    Its idle size has grown too far, or, if `planned`, the job wants fresh workers.
    """

    idle_bytes: int
    planned: bool = False


Message = Loading | Ready | NotReady | Began | Rendered | Ended | ChunkEnded | Returned | Retiring
