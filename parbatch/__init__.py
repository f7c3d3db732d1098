"""Render a batch of items on every core: one true status per item, finished work never lost.

Public names load on first use, so that `import parbatch` and `parbatch --version` stay light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parbatch.errors import FolderHeldError, NothingRunError, ParbatchError
    from parbatch.job import Job
    from parbatch.model import Feedback, Item, Outcome, Problem
    from parbatch.result import RunResult
    from parbatch.runner import render, retry, run
    from parbatch.streaming import AsyncStream, Stream, astream, stream

__version__ = "0.1.0"

__all__ = [
    "AsyncStream",
    "Feedback",
    "FolderHeldError",
    "Item",
    "Job",
    "NothingRunError",
    "Outcome",
    "ParbatchError",
    "Problem",
    "RunResult",
    "Stream",
    "__version__",
    "astream",
    "render",
    "retry",
    "run",
    "stream",
]

_HOMES = {
    "AsyncStream": "parbatch.streaming",
    "FolderHeldError": "parbatch.errors",
    "Feedback": "parbatch.model",
    "Item": "parbatch.model",
    "Job": "parbatch.job",
    "NothingRunError": "parbatch.errors",
    "Outcome": "parbatch.model",
    "ParbatchError": "parbatch.errors",
    "Problem": "parbatch.model",
    "RunResult": "parbatch.result",
    "Stream": "parbatch.streaming",
    "astream": "parbatch.streaming",
    "render": "parbatch.runner",
    "retry": "parbatch.runner",
    "run": "parbatch.runner",
    "stream": "parbatch.streaming",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'parbatch' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
