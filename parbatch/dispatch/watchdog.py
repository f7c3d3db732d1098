"""Which workers have to be ended: for the time or the memory of an attempt, for silence, or at the end of a run.

Told by the dispatcher to look; it ends workers through `Workers`. It does not know what becomes of the attempts that
were in flight.
"""

from collections.abc import Callable

from parbatch.dispatch.backends.base import Backend
from parbatch.dispatch.scheduler import Scheduler
from parbatch.dispatch.worker_death import KillReason
from parbatch.dispatch.worker_waits import Longest, Wait, Waits
from parbatch.dispatch.workers import Workers
from parbatch.errors import SetupError
from parbatch.model.units import format_duration, format_size

# How often the resident sizes are looked at.
WATCH_S = 0.25


class Watchdog:
    """Keeps the limits of attempts and workers.

    `memory_cap` bounds the bytes of each worker with its processes; `watch` is told at intervals what is waited for
    longest, where there is a cap; `waits` is what workers are waited for outside of attempts; `now` is the clock.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        backend: Backend,
        workers: Workers,
        memory_cap: int | None,
        watch: Callable[[Longest | None], None],
        now: Callable[[], float],
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._workers = workers
        self._memory_cap = memory_cap
        self._watch = watch
        self._now = now
        self._next_watch = now() + WATCH_S
        self._grace_ends: float | None = None
        self.waits = Waits(scheduler.timeout)

    def set_grace(self, until: float) -> None:
        """Let what is in flight go on until then, and end it. May be called from a signal handler."""
        self._grace_ends = until

    def deadlines(self) -> list[float | None]:
        """Return when there may be something to do."""
        self.waits.update(self._scheduler, self._now())
        found: list[float | None] = [*self._workers.dump_deadlines(), self._grace_ends]
        for slot in self._workers.going_on():
            found += (self._scheduler.deadline(slot), self.waits.deadline(slot))
        if self._memory_cap is not None:
            found.append(self._next_watch)
        return found

    def late(self) -> list[int]:
        """Return the slots whose attempt in flight has used up its time."""
        now = self._now()
        return [
            slot
            for slot in self._workers.going_on()
            if (deadline := self._scheduler.deadline(slot)) is not None and now >= deadline
        ]

    def enforce(self) -> None:
        """End the workers that have to be ended. Raise SetupError where one says nothing before it is ready."""
        now = self._now()
        self._workers.finish_dumps(now)
        for slot in self.late():
            self._time_out(slot, now)
        self.waits.update(self._scheduler, now)
        for slot, wait in self.waits.overdue(now):
            if self._workers.states[slot].kill_reason is None:
                self._give_up(slot, wait, now)
        if self._memory_cap is not None and now >= self._next_watch:
            self._check_sizes(self._memory_cap, now)
            self._watch(self.waits.longest(self._scheduler, now))
            self._next_watch = self._now() + WATCH_S
        if self._grace_ends is not None and now >= self._grace_ends:
            self._grace_ends = None
            for slot in filter(self._scheduler.has_work, self._scheduler.slots):
                self._workers.kill(slot, KillReason(None, "pending", "interrupted", now))

    def check_idle_size(self, idle_bytes: int) -> None:
        """Raise SetupError where a worker takes more than the cap before its first item."""
        cap = self._memory_cap
        if cap is not None and idle_bytes >= cap:
            raise SetupError(
                f"A worker takes {format_size(idle_bytes)} before its first item, and its cap is {format_size(cap)}."
                " Raise the cap (memory=, --memory), use fewer workers, or load less in setup."
            )

    def _time_out(self, slot: int, now: float) -> None:
        assert self._scheduler.timeout is not None
        in_flight = self._scheduler.in_flight(slot)
        what = "the chunk" if len(in_flight) > 1 else in_flight[0].kind
        self._workers.dump(slot, f"{what} took longer than {format_duration(self._scheduler.timeout)}", now)

    def _give_up(self, slot: int, wait: Wait, now: float) -> None:
        """End a worker that has been waited for too long before an item."""
        if wait.is_jobs:
            self._workers.dump(slot, wait.too_long, now)
        elif self._workers.states[slot].is_ready:
            self._workers.kill(slot, KillReason(None, "crashed", wait.too_long, now))
        else:
            raise SetupError(
                f"No worker can start: {wait.too_long}. Is the machine overloaded, or the process stopped?"
            )

    def _check_sizes(self, cap: int, now: float) -> None:
        for slot, size in self._backend.sizes().items():
            state = self._workers.states[slot]
            state.peak_bytes = max(size, state.peak_bytes)
            if size > cap and state.kill is None:
                message = f"the worker and its processes took {format_size(size)}; the cap is {format_size(cap)}"
                self._workers.kill(slot, KillReason(self._scheduler.attempt(slot), "memory", message, now))
