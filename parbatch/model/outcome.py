"""Values for what became of an item: its status, published files, and the outcome that a job's code reads.

Used in every room. It knows neither how an outcome came about nor where it is kept.
"""

from typing import Any, Literal

import msgspec

from parbatch.model.item import Item

Status = Literal["ok", "failed", "invalid", "timeout", "memory", "crashed", "pending"]
STREAMS = ("stdout", "stderr")
STATUSES: tuple[Status, ...] = ("ok", "failed", "invalid", "timeout", "memory", "crashed", "pending")


class Output(msgspec.Struct, frozen=True, array_like=True):
    """A file of an attempt: its path relative to the folder it is published in (`/` between parts), and its state."""

    path: str
    size: int
    mtime_ns: int
    digest: str


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
