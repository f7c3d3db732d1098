"""The way into a worker process of loky's, which finds these functions by their names.

The parent imports this module without what a worker is made of, and a worker without what only the parent needs: each
starts some milliseconds earlier.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from parbatch.worker.settings import WorkerSettings

_handed: "list[Connection[Any, Any]]" = []


def take_pipes(orders: "Connection[Any, Any]", messages: "Connection[Any, Any]") -> None:
    """Keep a worker's pipes for its task: they can be handed over only while the process is started."""
    _handed.extend((orders, messages))


def serve_slot(settings: "WorkerSettings") -> None:
    """Be the worker of a slot, until the parent ends the conversation."""
    from parbatch.worker.process import serve  # noqa: PLC0415 -- in the worker alone

    serve(_handed[0].fileno(), _handed[1].fileno(), settings)
