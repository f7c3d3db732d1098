"""Whether a message can come from a worker in order, at this time.

The job's code runs in the worker's process, and may write what a worker would. The dispatcher asks before it acts on a
message; what is done about one that can't be is its affair.
"""

from parbatch.dispatch.scheduler import Scheduler
from parbatch.model.messages import Began, Ended, Loading, Message, NotReady, Ready, Rendered

# The statuses that a worker itself can report; of the others it does not live to tell.
_SAID_BY_WORKERS = frozenset({"ok", "failed", "invalid", "timeout", "memory"})


def is_in_turn(message: Message, scheduler: Scheduler, slot: int, *, is_ready: bool) -> bool:
    """Return whether a slot's worker, ready for items or not yet, can say this now; for Ended see `is_consistent`."""
    if isinstance(message, Began):
        return is_ready and scheduler.is_next(slot, message.chunk)
    if isinstance(message, Rendered):
        return scheduler.find(slot, message.position) is not None
    if isinstance(message, (Loading, Ready, NotReady)):
        return not is_ready
    return True


def is_consistent(ended: Ended) -> bool:
    """Return whether the parts of an outcome go together, and its outputs lie below the folder of the attempt."""
    if ended.status == "ok":
        return ended.evidence is None and (not ended.outputs or all(_is_below(output.path) for output in ended.outputs))
    return ended.status in _SAID_BY_WORKERS and ended.evidence is not None


def _is_below(path: str) -> bool:
    return not path.startswith("/") and (".." not in path or ".." not in path.split("/"))
