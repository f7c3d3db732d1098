"""The words of parbatch as values: items, tasks, outcomes, and what workers say.

Everything here is immutable and crosses process boundaries as one line of JSON; nothing is ever pickled.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from parbatch.model.file_names import stem

Status = Literal["ok", "failed", "invalid", "timeout", "memory", "crashed", "pending"]
STREAMS = ("stdout", "stderr")
STATUSES: tuple[Status, ...] = ("ok", "failed", "invalid", "timeout", "memory", "crashed", "pending")

NO_DATA = msgspec.Raw(b"null")

# The ending of an attempt's scratch folder.
SCRATCH = ".scratch"

# The functions of a job that attempts are made with.
RENDER = "render"
RENDER_CHUNK = "render_chunk"
VALIDATE = "validate"
VALIDATE_CHUNK = "validate_chunk"
MERGE = "merge"
TEARDOWN = "teardown"
OVERVIEW = "overview"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of work.

    `id` is unique in the job and stable between runs; `data` holds JSON values; `name` is for people and is the
    id where none is given; `group` serves counts and selections; `requires` names shared entries; an item of a higher
    `priority` goes before those of lower ones.
    """

    id: str
    data: Any = msgspec.field(default_factory=dict)
    name: str = ""
    group: str = ""
    requires: tuple[str, ...] = ()
    priority: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self.id)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What validation found wrong with an attempt.

    `type` is a short name that problems of one kind share; `where` says where in the output; `suggestion` what to do.
    `severity` is `error`, which makes the attempt `invalid`, or `warning`, which is published, counted and reported.
    """

    type: str
    message: str
    where: str = ""
    suggestion: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        return f"{self.type}: {self.message}{where}"


class Feedback(msgspec.Struct, frozen=True):
    """What was wrong with the attempt before, and what it returned. Empty, and false, on the first attempt.

    It iterates over its problems. An attempt that did not come to be validated has one: why it failed.
    """

    problems: tuple[Problem, ...] = ()
    result: Any = None

    def __bool__(self) -> bool:
        return bool(self.problems)

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


_TASK_BYTES = 500  # of a task whose item carries nothing


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One attempt to make: an item as the checkpoint holds it, and which try this is (`number`, from 1).

    `feedback` is what the attempt before came to, as JSON, or null.
    """

    position: int
    id: str
    name: str
    group: str
    data: msgspec.Raw
    requires: tuple[str, ...] = ()
    stem: str = ""
    number: int = 1
    priority: int = 0
    feedback: msgspec.Raw = NO_DATA

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory, and on its way to a worker."""
        return _TASK_BYTES + len(self.data) + len(self.name) + len(self.feedback)

    def item(self) -> Item:
        """The item that the job's functions get, its data freshly decoded."""
        return Item(
            id=self.id,
            name=self.name,
            group=self.group,
            data=msgspec.json.decode(self.data),
            requires=self.requires,
            priority=self.priority,
        )

    def staging(self, tmp: str) -> str:
        """The attempt's private place: its folder has this path, its logs and its scratch folder an ending more."""
        return f"{tmp}/{self.position}.{self.number}"

    @property
    def kind(self) -> str:
        """What an attempt at this is called in sentences."""
        return "the attempt" if self.position >= 0 else f"the {self.id}"

    @property
    def file_stem(self) -> str:
        """The name of the files that parbatch itself makes for the item, without extension."""
        return self.stem or stem(self.id)

    def again(self, ended: "Ended") -> "Task":
        """The next attempt at the same item, after one that ended like this."""
        feedback = feedback_after(ended.evidence, ended.result) if ended.evidence else NO_DATA
        return msgspec.structs.replace(self, number=self.number + 1, feedback=feedback)


class Output(msgspec.Struct, frozen=True, array_like=True):
    """A file of an attempt: its path relative to the folder it is published in (`/` between parts), and its state."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt did not end ok; `place` is the innermost function of the job's own code, as `file:function`."""

    type: str
    message: str
    traceback: str = ""
    place: str = ""
    line: int = 0
    returncode: int | None = None
    signal: str | None = None
    problems: tuple[Problem, ...] = ()


def feedback_after(evidence: Evidence, result: msgspec.Raw) -> msgspec.Raw:
    """What the next attempt is told of one that was not ok: the problems found, else why it failed; JSON."""
    problems = evidence.problems or (Problem(evidence.type, evidence.message),)
    return msgspec.Raw(msgspec.json.encode({"problems": problems, "result": result}))


# --- what a worker is told -------------------------------------------------------------------------------------


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="chunk"):
    """The tasks that a worker is handed at once; `role` names the job's function that renders them."""

    number: int
    tasks: list[Task]
    role: str = RENDER


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """Finish the item in flight, give back the rest, and wait."""


Order = Chunk | Stop


# --- what a worker says ----------------------------------------------------------------------------------------


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


# --- what the job's overview reads -----------------------------------------------------------------------------


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item: its last status, with the result if ok and the cause if not.

    `outputs` are the published paths, relative to `items/`. An item that is not ok has none: what an earlier attempt
    has published, and is still there, is `out_of_date`. `attempts` counts the tries made at this data.
    """

    item: Item
    status: Status
    attempts: int = 0
    duration_s: float | None = None
    result: Any = None
    outputs: tuple[str, ...] = ()
    out_of_date: tuple[str, ...] = ()
    type: str = ""
    message: str = ""
