"""Render a batch of items on every core: one true status per item, finished work never lost.

Public names load on first use, so that `import parbatch` and `parbatch --version` stay light.
"""

TYPE_CHECKING = False  # that of typing costs the guardian, which needs no types, a tenth of its start
if TYPE_CHECKING:
    from parbatch.engine.api import render, retry, run
    from parbatch.engine.stream import AsyncStream, Stream, astream, stream
    from parbatch.errors import FolderHeldError, NothingRunError, ParbatchError
    from parbatch.model.entry import Entry
    from parbatch.model.item import Item
    from parbatch.model.job import Job
    from parbatch.model.option_table import RenderOptions, RetryOptions, RunOptions
    from parbatch.model.outcome import Outcome
    from parbatch.model.problem import Feedback, Problem
    from parbatch.model.result import RunResult
    from parbatch.worker.context import ChunkContext, Context, Previous, Run

__version__ = "0.1.0"

__all__ = [
    "AsyncStream",
    "ChunkContext",
    "Context",
    "Entry",
    "Feedback",
    "FolderHeldError",
    "Item",
    "Job",
    "NothingRunError",
    "Outcome",
    "ParbatchError",
    "Previous",
    "Problem",
    "RenderOptions",
    "RetryOptions",
    "Run",
    "RunOptions",
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
    "AsyncStream": "parbatch.engine.stream",
    "ChunkContext": "parbatch.worker.context",
    "Context": "parbatch.worker.context",
    "Entry": "parbatch.model.entry",
    "Feedback": "parbatch.model.problem",
    "FolderHeldError": "parbatch.errors",
    "Item": "parbatch.model.item",
    "Job": "parbatch.model.job",
    "NothingRunError": "parbatch.errors",
    "Outcome": "parbatch.model.outcome",
    "ParbatchError": "parbatch.errors",
    "Previous": "parbatch.worker.context",
    "Problem": "parbatch.model.problem",
    "RenderOptions": "parbatch.model.option_table",
    "RetryOptions": "parbatch.model.option_table",
    "Run": "parbatch.worker.context",
    "RunOptions": "parbatch.model.option_table",
    "RunResult": "parbatch.model.result",
    "Stream": "parbatch.engine.stream",
    "astream": "parbatch.engine.stream",
    "render": "parbatch.engine.api",
    "retry": "parbatch.engine.api",
    "run": "parbatch.engine.api",
    "stream": "parbatch.engine.stream",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'parbatch' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- as above

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
