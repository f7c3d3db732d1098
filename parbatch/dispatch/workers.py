"""What the dispatcher knows of the worker in each slot, and how it ends one.

Used by the dispatcher and its watchdog. It knows neither outcomes nor why a worker has to be ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from parbatch.dispatch.backends.base import Backend
from parbatch.dispatch.scheduler import Scheduler
from parbatch.dispatch.worker_death import KillReason

# How long a worker has for writing its stacks, of which it dies.
DUMP_S = 0.5


@dataclass(slots=True)
class WorkerState:
    """What is known of a slot's worker.

    `pid` and `peak_bytes` outlive it, for the outcome of the attempt that it died in. `dump` is why it is writing its
    stacks, `kill` why it was killed.
    """

    is_ready: bool = False
    is_distrusted: bool = False
    pid: int = 0
    peak_bytes: int = 0
    dump: KillReason | None = None
    kill: KillReason | None = None

    @property
    def kill_reason(self) -> KillReason | None:
        """Return why it is being ended, if it is."""
        return self.kill or self.dump


class Workers:
    """The workers of all slots: `states` has what is known of each."""

    def __init__(self, scheduler: Scheduler, backend: Backend) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self.states = [WorkerState() for _ in scheduler.slots]

    def going_on(self) -> Iterator[int]:
        """Yield the slots whose worker is not being ended."""
        return (slot for slot, state in enumerate(self.states) if state.kill_reason is None)

    def dump(self, slot: int, message: str, now: float) -> None:
        """Have a slot's worker write its stacks and end it afterwards, for an attempt that has used up its time."""
        reason = KillReason(self._scheduler.attempt(slot), "timeout", message, now + DUMP_S)
        self.states[slot].dump = reason
        self._backend.dump_stacks(slot)

    def kill(self, slot: int, reason: KillReason) -> None:
        """End a slot's worker, unless the attempt it is for has ended meanwhile."""
        if reason.attempt is None or self.is_at(slot, reason):
            self.states[slot].kill = reason
            self._backend.end(slot)

    def finish_dumps(self, now: float) -> None:
        """End the workers whose time for writing their stacks is over."""
        for slot, state in enumerate(self.states):
            if state.dump is not None and now >= state.dump.at:
                reason, state.dump = state.dump, None
                self.kill(slot, reason)

    def dump_deadlines(self) -> list[float]:
        """Return when workers that write their stacks are to be ended."""
        return [state.dump.at for state in self.states if state.dump is not None]

    def is_at(self, slot: int, reason: KillReason) -> bool:
        """Return whether the attempt that a worker is to be ended for is still in flight."""
        return reason.attempt is not None and reason.attempt is self._scheduler.attempt(slot)

    def reset(self, slot: int) -> None:
        """Forget what was known of a slot's worker: nothing of it is for the next one."""
        state = self.states[slot]
        self.states[slot] = replace(WorkerState(), pid=state.pid, peak_bytes=state.peak_bytes)
