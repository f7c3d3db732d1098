"""The coordinator: a thin loop between the schedule (what goes where) and the backend (the workers).

    schedule ── chunks ──▶ dispatch ── orders ──▶ backend ──▶ workers
        ▲                     │  ▲                   │
        └──── what ended ─────┘  └──── messages ─────┘
                              └── publish, record ──▶ journal, progress

It never polls: it waits for what can happen next, with the next deadline as the time-out. It alone decides that a
worker is ended, for the time or the memory of the attempt in flight, and so it alone knows whom that blames.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from parbatch.dispatch.backends import Backend, Died
from parbatch.dispatch.deadlines import Longest, Wait, Waits
from parbatch.dispatch.deaths import Doom, evidence_of, last_of, printed_at_start, told_of_stillborn
from parbatch.dispatch.scheduler import Schedule
from parbatch.dispatch.trust import can_say, goes_together
from parbatch.errors import SetupError
from parbatch.model.fingerprint import fingerprint
from parbatch.model.item import Task
from parbatch.model.messages import (
    Began,
    ChunkEnded,
    Ended,
    Loading,
    Message,
    NotReady,
    Ready,
    Rendered,
    Retiring,
    Returned,
    Stop,
)
from parbatch.model.problem import Evidence
from parbatch.model.units import format_duration, format_size
from parbatch.worker.evidence import with_stack

# How long attempts in flight may go on after the first SIGINT or SIGTERM.
GRACE_S = 10.0
# How often the resident sizes are looked at, and how long a worker has for writing its stacks, of which it dies.
WATCH_S = 0.25
DUMP_S = 0.5
# A worker that ends before its first item has a broken setup or machine; so many in a row, and the run is hopeless.
MOST_STILLBORN = 3


class Sink(Protocol):
    """What becomes of outcomes: the journal for items, something simpler for the overview."""

    def publish(self, task: Task, ended: Ended) -> Ended:
        """Move what the attempt left into place; the outcome that comes back is the final one."""

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """Take the outcome of an attempt."""

    def chunk_ended(self, slot: int, told: ChunkEnded, now: float) -> None:
        """Take what a chunk came to, where its worker tells."""

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Limits(NamedTuple):
    """What the coordinator watches: bytes for each worker with its processes, seconds for one attempt."""

    memory_cap: int | None = None
    timeout: float | None = None


class Dispatch:
    """Runs a schedule to its end over a backend.

    `stop_at` is a monotonic time at which handing out ends; `hold_back` says whether to wait with handing out until
    `wake`; `say` shows a person a line; `watch` is told at intervals what is waited for longest; `now` is the clock.
    `stop` and `wake` may be called from a signal handler or another thread.
    """

    def __init__(
        self,
        schedule: Schedule,
        backend: Backend,
        sink: Sink,
        *,
        slots: int,
        tmp: str,
        limits: Limits,
        stop_at: float | None = None,
        hold_back: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda _: None,
        watch: Callable[[Longest | None], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule
        self._backend = backend
        self._sink = sink
        self._slots = range(slots)
        self._tmp = tmp
        self._limits = limits
        self._stop_at = stop_at
        self._hold_back = hold_back
        self._say = say
        self._watch = watch
        self._now = now
        self._told_to_stop = False
        self._on_stop = ""
        self._is_held_back = False
        self._grace_ends: float | None = None
        self._next_watch = now() + WATCH_S
        self._peaks: dict[int, int] = {}
        self._dumping: dict[int, Doom] = {}
        self._doomed: dict[int, Doom] = {}
        self._waits = Waits(limits.timeout)
        self._distrusted: set[int] = set()
        self._stillborn = 0
        self._ready: set[int] = set()
        self._pids: dict[int, int] = {}
        self.restarts = 0

    def run(self) -> None:
        """Work until all is done or stopped. Raises SetupError when no worker can start."""
        while True:
            self._hand_out()
            if self._schedule.finished:
                return
            self._hear(self._patience())
            self._enforce()
            self._sink.tick(self._now())

    def stop(self, reason: str, grace_s: float = GRACE_S, *, say: str = "") -> None:
        """Hand out nothing more, and give what is in flight a grace period, in seconds. A person is told `say`."""
        self._schedule.stop(reason)
        self._on_stop = say
        self._grace_ends = self._now() + grace_s
        self._backend.wake()

    def wake(self) -> None:
        """Look again whether there is something to hand out."""
        self._backend.wake()

    # --- handing out

    def _hand_out(self) -> None:
        if self._schedule.stopped_by is not None:
            if not self._told_to_stop:
                self._told_to_stop = True
                if self._on_stop:
                    self._say(self._on_stop)
                for slot in self._slots:
                    if self._schedule.has_work(slot):
                        self._backend.send(slot, Stop())
            return
        self._is_held_back = self._hold_back()
        handed = not self._is_held_back
        while handed:  # a round for each slot, so that the first chunks go to different workers
            handed = False
            for slot in self._slots:
                if (chunk := self._schedule.hand_out(slot, self._now())) is not None:
                    self._backend.send(slot, chunk)
                    handed = True

    def _patience(self) -> float | None:
        """Seconds until something is due, or None."""
        self._waits.look(self._schedule, self._slots, self._now())
        going_on = [slot for slot in self._slots if slot not in self._dumping and slot not in self._doomed]
        deadlines = [self._schedule.deadline(slot) for slot in going_on]
        deadlines += [self._waits.deadline(slot) for slot in going_on]
        deadlines += [doom.at for doom in self._dumping.values()]
        deadlines += [self._sink.next_deadline(), self._grace_ends, self._stop_at]
        if not self._is_held_back:  # else `wake` tells when there is something to hand out
            deadlines.append(self._schedule.next_due)
        if self._limits.memory_cap is not None:
            deadlines.append(self._next_watch)
        known = [deadline for deadline in deadlines if deadline is not None]
        return max(0.0, min(known) - self._now()) if known else None

    # --- hearing

    def _hear(self, timeout: float | None) -> None:
        began = self._now()
        heard = self._backend.wait(timeout)
        if timeout is not None:
            self._waits.stood_still(self._now() - began - timeout)
        for slot, message in heard:
            if type(message) is Ended and slot not in self._distrusted:  # nearly always
                task = self._schedule.find(slot, message.position)
                if task is not None and task.number == message.number and goes_together(message):
                    self._ended(slot, task, message, self._now())
                else:
                    self._distrust(slot, "Ended")
            elif isinstance(message, Died):
                self._died(slot, message, self._now())
            elif slot in self._distrusted:
                continue
            elif self._can_say(slot, message):
                self._handle(slot, message)
            else:
                self._distrust(slot, type(message).__name__)

    def _handle(self, slot: int, message: Message) -> None:
        now = self._now()
        match message:
            case Began():
                self._schedule.began(slot, now)
            case ChunkEnded():
                self._sink.chunk_ended(slot, message, now)
            case Rendered():
                self._schedule.rendered(slot, now, is_last=message.is_last)
            case Loading():
                self._waits.loading(slot, message, now)
            case Ready():
                self._check_idle_size(message.idle_bytes)
                self._waits.end(slot)
                self._ready.add(slot)
                self._pids[slot] = message.pid
                self._stillborn = 0
            case Returned():
                self._schedule.returned(slot)
            case Retiring():
                self._forget(slot)
                self._schedule.returned(slot)
                self.restarts += not message.planned
            case NotReady(evidence=evidence):
                raise SetupError(
                    f"No worker can start: {evidence.type}: {evidence.message}\n{evidence.traceback}".rstrip()
                )

    def _can_say(self, slot: int, message: Message) -> bool:
        if isinstance(message, Returned):
            return self._told_to_stop
        return can_say(message, self._schedule, slot, is_ready=slot in self._ready)

    def _distrust(self, slot: int, kind: str) -> None:
        """End a worker that says what can't be; what it has said before counts, and nothing that comes after."""
        self._distrusted.add(slot)
        message = f"it wrote a message of its own making ({kind}) into the descriptor through which its worker reports"
        self._end(slot, Doom(self._schedule.attempt(slot), "crashed", message, self._now()))

    def _forget(self, slot: int) -> None:
        """Nothing that was known of a slot's worker, or was to befall it, is for the next one."""
        self._dumping.pop(slot, None)
        self._doomed.pop(slot, None)
        self._distrusted.discard(slot)
        self._ready.discard(slot)
        self._waits.end(slot)

    def _check_idle_size(self, idle_bytes: int) -> None:
        cap = self._limits.memory_cap
        if cap is not None and idle_bytes >= cap:
            raise SetupError(
                f"A worker takes {format_size(idle_bytes)} before its first item, and its cap is {format_size(cap)}."
                " Raise the cap (memory=, --memory), use fewer workers, or load less in setup."
            )

    def _ended(self, slot: int, task: Task, ended: Ended, now: float) -> None:
        peak = self._peaks.pop(slot, 0)
        if peak > ended.peak_memory_bytes:
            ended = replace(ended, peak_memory_bytes=peak)
        ended = self._sink.publish(task, ended)
        if ended.evidence is not None:
            ended = replace(ended, fingerprint=fingerprint(ended.status, ended.evidence, task.id, task.name))
        task, settled = self._schedule.ended(slot, ended, now)
        self._sink.record(task, ended, settled=settled, now=now)

    def _died(self, slot: int, died: Died, now: float) -> None:
        doom = self._doomed.get(slot) or self._dumping.get(slot)
        if doom is None and died.fault:
            doom = Doom(self._schedule.attempt(slot), "crashed", died.fault, now)
        elif doom is None and died.out_of_memory:
            message = "the system ended the process, as memory had run out; fewer workers, or a lower cap, take less"
            doom = Doom(self._schedule.attempt(slot), "memory", message, now)
        death, was_ready = evidence_of(died, doom), slot in self._ready
        self._forget(slot)
        if doom is None or self._is_for(slot, doom):
            for task in self._schedule.in_flight(slot):
                ended = last_of(task, slot, death, doom, self._backend, self._tmp)
                took = now - self._schedule.since(slot)
                self._ended(slot, task, replace(ended, duration_s=took, pid=self._pids.get(slot, 0)), now)
        self._schedule.died(slot)
        self.restarts += self._schedule.stopped_by is None
        if not was_ready:
            self._count_stillborn(slot, death, doom)

    def _count_stillborn(self, slot: int, death: Evidence, doom: Doom | None) -> None:
        """Take note of a worker that ended before its first item. Raises SetupError when there is no hope."""
        if doom is not None and doom.status == "pending":  # the run itself is at its end
            return
        self._stillborn += 1
        printed = printed_at_start(slot, self._backend, self._tmp)
        if doom is not None and doom.status == "timeout":
            raise SetupError(f"No worker can start: {doom.message}\n{with_stack(death, printed).traceback}".rstrip())
        if self._stillborn >= MOST_STILLBORN:
            raise SetupError(told_of_stillborn(self._stillborn, death, printed))

    # --- enforcing

    def _enforce(self) -> None:
        now = self._now()
        for slot, doom in list(self._dumping.items()):
            if now >= doom.at:
                del self._dumping[slot]
                self._end(slot, doom)
        self._enforce_times(now)
        if self._limits.memory_cap is not None and now >= self._next_watch:
            self._watch_memory(self._limits.memory_cap)
            self._watch(self._waits.longest(self._schedule, self._slots, now))
            self._next_watch = self._now() + WATCH_S
        if self._stop_at is not None and now >= self._stop_at:
            self._stop_at = None
            self._schedule.stop("the time budget is used up")
        if self._grace_ends is not None and now >= self._grace_ends:
            self._grace_ends = None
            for slot in self._slots:
                if self._schedule.has_work(slot):
                    self._end(slot, Doom(None, "pending", "interrupted", now))

    def _enforce_times(self, now: float) -> None:
        if any(self._is_late(slot, now) for slot in self._slots):
            self._hear(0)  # an end may have been told while the messages of others were seen to
            for slot in self._slots:
                if self._is_late(slot, now):
                    self._time_out(slot, now)
        self._waits.look(self._schedule, self._slots, now)
        for slot, wait in self._waits.overdue(now):
            if slot not in self._dumping and slot not in self._doomed:
                self._give_up(slot, wait, now)

    def _is_late(self, slot: int, now: float) -> bool:
        deadline = self._schedule.deadline(slot)
        return deadline is not None and now >= deadline and slot not in self._dumping and slot not in self._doomed

    def _time_out(self, slot: int, now: float) -> None:
        assert self._limits.timeout is not None
        in_flight = self._schedule.in_flight(slot)
        what = "the chunk" if len(in_flight) > 1 else in_flight[0].kind
        self._dump(slot, f"{what} took longer than {format_duration(self._limits.timeout)}", now)

    def _give_up(self, slot: int, wait: Wait, now: float) -> None:
        """End a worker that has been waited for too long before an item."""
        if wait.is_jobs:
            self._dump(slot, wait.too_long, now)
        elif slot in self._ready:
            self._end(slot, Doom(None, "crashed", wait.too_long, now))
        else:
            raise SetupError(
                f"No worker can start: {wait.too_long}. Is the machine overloaded, or the process stopped?"
            )

    def _dump(self, slot: int, message: str, now: float) -> None:
        self._dumping[slot] = Doom(self._schedule.attempt(slot), "timeout", message, now + DUMP_S)
        self._backend.dump_stacks(slot)

    def _watch_memory(self, cap: int) -> None:
        for slot, size in self._backend.sizes().items():
            self._peaks[slot] = max(size, self._peaks.get(slot, 0))
            if size > cap and slot not in self._doomed:
                message = f"the worker and its processes took {format_size(size)}; the cap is {format_size(cap)}"
                self._end(slot, Doom(self._schedule.attempt(slot), "memory", message, self._now()))

    def _end(self, slot: int, doom: Doom) -> None:
        """End a slot's worker, unless the attempt it is for has ended meanwhile."""
        if doom.attempt is None or self._is_for(slot, doom):
            self._doomed[slot] = doom
            self._backend.end(slot)

    def _is_for(self, slot: int, doom: Doom) -> bool:
        """Whether what the worker was to be ended for is still in flight."""
        return doom.attempt is not None and doom.attempt is self._schedule.attempt(slot)
