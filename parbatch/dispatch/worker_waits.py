"""How long workers are waited for outside of attempts: at their start, before their first item, for the next chunk.

The dispatcher and its watchdog say what happens and when; this has no clock of its own, and ends no worker. What is
parbatch's own work has a minute, the job's own code the time of an attempt.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from parbatch.dispatch.scheduler import Scheduler
from parbatch.model.messages import Loading
from parbatch.model.units import format_duration

# A worker says within so many seconds that it lives, and takes up a chunk: usually within a fifth of one.
SILENCE_S = 60.0
# What takes longer than so many seconds is shown to whoever looks on.
TELL_AFTER_S = 5.0
# If all stood still for so long, as when it was stopped and has been woken, that is nobody's silence.
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Since when something is waited for, and until when; `is_jobs` says that the job's own code is at work."""

    what: str
    since: float
    until: float | None
    is_jobs: bool = False

    @property
    def too_long(self) -> str:
        """Return what there is to say once it is over."""
        assert self.until is not None
        took = format_duration(self.until - self.since)
        return f"{self.what} took longer than {took}" if self.is_jobs else f"the worker said nothing for {took}"


class Longest(NamedTuple):
    """What is waited for, and for how many seconds."""

    what: str
    seconds: float


class Waits:
    """What each slot is waited for; `timeout` is the time of an attempt in seconds, if that is bounded."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._waits: dict[int, Wait] = {}

    def update(self, scheduler: Scheduler, now: float) -> None:
        """Note which slots have work and are not at it."""
        for slot in scheduler.slots:
            if not scheduler.has_work(slot) or scheduler.attempt(slot) is not None:
                self._waits.pop(slot, None)
            elif slot not in self._waits:
                self._waits[slot] = Wait("a sign of life", now, now + SILENCE_S)

    def begin_step(self, slot: int, message: Loading, now: float) -> None:
        """Note what a worker says that it is at before its first item."""
        until = now + self._timeout if message.is_bounded and self._timeout is not None else None
        self._waits[slot] = Wait(message.step, now, until, is_jobs=True)

    def end(self, slot: int) -> None:
        """Wait no longer: a slot's worker has got further, or is no more."""
        self._waits.pop(slot, None)

    def of(self, slot: int) -> Wait | None:
        """Return what a slot is waited for, if it is."""
        return self._waits.get(slot)

    def deadline(self, slot: int) -> float | None:
        """Return when a slot will have been waited for too long."""
        return self._waits[slot].until if slot in self._waits else None

    def overdue(self, now: float) -> list[tuple[int, Wait]]:
        """Return the slots that have been waited for too long, and for what."""
        return [(slot, wait) for slot, wait in self._waits.items() if wait.until is not None and now >= wait.until]

    def longest(self, scheduler: Scheduler, now: float) -> Longest | None:
        """Return what has been waited for longest, a start or an attempt, if for long enough to tell a person."""
        found = []
        for slot in scheduler.slots:
            if slot in self._waits:
                found.append((self._waits[slot].since, slot, self._waits[slot].what))
            elif tasks := scheduler.in_flight(slot):
                more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
                found.append((scheduler.since(slot), slot, f"{tasks[0].name}{more}"))
        since, slot, what = min(found, default=(now, 0, ""))
        return Longest(f"{what} in worker {slot + 1}", now - since) if now - since >= TELL_AFTER_S else None

    def add_pause(self, seconds: float) -> None:
        """Take off the time for which the dispatcher itself stood still, or had no time to look."""
        if seconds > _PAUSE_S:
            for slot, wait in self._waits.items():
                until = None if wait.until is None else wait.until + seconds
                self._waits[slot] = replace(wait, since=wait.since + seconds, until=until)
