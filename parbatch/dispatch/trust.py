"""What a worker can say at a time. The job's code runs in its process, and may write what a worker would."""

from parbatch.dispatch.scheduler import Schedule
from parbatch.model.messages import Began, Ended, Loading, Message, NotReady, Ready, Rendered

# How a worker can say that an attempt ended: of the others it does not live to tell.
_TOLD = frozenset({"ok", "failed", "invalid", "timeout", "memory"})


def can_say(message: Message, schedule: Schedule, slot: int, *, is_ready: bool) -> bool:
    """Whether a slot's worker, ready for items or not yet, can say this now; for Ended see `goes_together`."""
    if isinstance(message, Began):
        return is_ready and schedule.is_next(slot, message.chunk)
    if isinstance(message, Rendered):
        return schedule.find(slot, message.position) is not None
    if isinstance(message, (Loading, Ready, NotReady)):
        return not is_ready
    return True


def goes_together(ended: Ended) -> bool:
    """Whether the parts of an outcome do, and its outputs lie below the folder that they are published in."""
    if ended.status == "ok":
        return ended.evidence is None and (not ended.outputs or all(_is_below(output.path) for output in ended.outputs))
    return ended.status in _TOLD and ended.evidence is not None


def _is_below(path: str) -> bool:
    return not path.startswith("/") and (".." not in path or ".." not in path.split("/"))
