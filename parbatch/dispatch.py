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

from parbatch.backends import Backend, Died
from parbatch.capture import STREAMS, add_last_line
from parbatch.errors import SetupError
from parbatch.evidence import of_death, with_stack
from parbatch.fingerprint import fingerprint
from parbatch.model import (
    Began,
    Chunk,
    ChunkEnded,
    Ended,
    Evidence,
    NotReady,
    Ready,
    Rendered,
    Retiring,
    Returned,
    Status,
    Stop,
    Task,
)
from parbatch.schedule import Schedule
from parbatch.units import format_duration, format_size

# How long attempts in flight may go on after the first SIGINT or SIGTERM.
GRACE_S = 10.0
# How often the resident sizes are looked at, and how long a worker has for writing its stacks.
WATCH_S = 0.25
DUMP_S = 0.1
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


class _Doom(NamedTuple):
    """Why a worker is being ended: what it is at, if that is for it, and what it says about that."""

    attempt: Task | Chunk | None
    status: Status
    message: str
    at: float


class Dispatch:
    """Runs a schedule to its end over a backend.

    `stop_at` is a monotonic time at which handing out ends; `hold_back` says whether to wait with handing out until
    `wake`; `say` shows a person a line; `now` is the clock. `stop` and `wake` may be called from a signal handler or
    another thread.
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
        self._now = now
        self._told_to_stop = False
        self._on_stop = ""
        self._is_held_back = False
        self._grace_ends: float | None = None
        self._next_watch = now() + WATCH_S
        self._peaks: dict[int, int] = {}
        self._dumping: dict[int, _Doom] = {}
        self._doomed: dict[int, _Doom] = {}
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
            for slot, message in self._backend.wait(self._patience()):
                self._handle(slot, message)
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
        going_on = (slot for slot in self._slots if slot not in self._dumping and slot not in self._doomed)
        deadlines = [self._schedule.deadline(slot) for slot in going_on]
        deadlines += [doom.at for doom in self._dumping.values()]
        deadlines += [self._sink.next_deadline(), self._grace_ends, self._stop_at]
        if not self._is_held_back:  # else `wake` tells when there is something to hand out
            deadlines.append(self._schedule.next_due)
        if self._limits.memory_cap is not None:
            deadlines.append(self._next_watch)
        known = [deadline for deadline in deadlines if deadline is not None]
        return max(0.0, min(known) - self._now()) if known else None

    # --- hearing

    def _handle(self, slot: int, message: object) -> None:
        now = self._now()
        match message:
            case Ended():
                self._ended(slot, message, now)
            case Began():
                self._schedule.began(slot, now)
            case ChunkEnded():
                self._sink.chunk_ended(slot, message, now)
            case Rendered():
                self._schedule.rendered(slot, now, is_last=message.is_last)
            case Ready():
                self._check_idle_size(message.idle_bytes)
                self._ready.add(slot)
                self._pids[slot] = message.pid
                self._stillborn = 0
            case Returned():
                self._schedule.returned(slot)
            case Retiring():
                self._dumping.pop(slot, None)  # nothing that was to befall this worker is for the next one
                self._doomed.pop(slot, None)
                self._schedule.returned(slot)
                self.restarts += not message.planned
            case NotReady(evidence=evidence):
                raise SetupError(
                    f"No worker can start: {evidence.type}: {evidence.message}\n{evidence.traceback}".rstrip()
                )
            case Died(returncode=returncode):
                self._died(slot, returncode, now)

    def _check_idle_size(self, idle_bytes: int) -> None:
        cap = self._limits.memory_cap
        if cap is not None and idle_bytes >= cap:
            raise SetupError(
                f"A worker takes {format_size(idle_bytes)} before its first item, and its cap is {format_size(cap)}."
                " Raise the cap (memory=, --memory), use fewer workers, or load less in setup."
            )

    def _ended(self, slot: int, ended: Ended, now: float) -> None:
        peak = self._peaks.pop(slot, 0)
        if peak > ended.peak_memory_bytes:
            ended = replace(ended, peak_memory_bytes=peak)
        task = self._schedule.find(slot, ended.position)
        if task is None:
            raise AssertionError(f"slot {slot} reports the end of item {ended.position}, which is not in flight")
        ended = self._sink.publish(task, ended)
        if ended.evidence is not None:
            ended = replace(ended, fingerprint=fingerprint(ended.status, ended.evidence, task.id, task.name))
        task, settled = self._schedule.ended(slot, ended, now)
        self._sink.record(task, ended, settled=settled, now=now)

    def _died(self, slot: int, returncode: int | None, now: float) -> None:
        doom = self._doomed.pop(slot, None)
        self._dumping.pop(slot, None)
        if slot not in self._ready:
            self._stillborn += 1
        self._ready.discard(slot)
        if doom is None or self._is_for(slot, doom):
            for task in self._schedule.in_flight(slot):
                self._ended(slot, self._last_of(slot, task, doom, returncode, now), now)
        self._schedule.died(slot)
        self.restarts += self._schedule.stopped_by is None
        if self._stillborn >= MOST_STILLBORN:
            raise SetupError(self._stillborn_message(slot, returncode, doom))

    def _last_of(self, slot: int, task: Task, doom: _Doom | None, returncode: int | None, now: float) -> Ended:
        """The outcome of an attempt whose worker did not live to tell it."""
        death = of_death(returncode)
        if doom is not None:
            kind = {"timeout": "TimeoutError", "memory": "MemoryError"}.get(doom.status, death.type)
            death = Evidence(type=kind, message=doom.message, returncode=death.returncode, signal=death.signal)
        destination = task.staging(self._tmp)
        printed = self._backend.last_words(slot, destination)
        log = add_last_line(destination, death.message)
        return Ended(
            position=task.position,
            number=task.number,
            status=doom.status if doom is not None else "crashed",
            duration_s=now - self._schedule.since(slot),
            evidence=with_stack(death, log),
            logs=tuple(stream for stream in STREAMS if stream in printed or (log and stream == "stderr")),
            slot=slot,
            ended_at=time.time(),
            pid=self._pids.get(slot, 0),
        )

    def _stillborn_message(self, slot: int, returncode: int | None, doom: _Doom | None) -> str:
        why = doom.message if doom else of_death(returncode).message.replace("in the middle of the item", "")
        printed = self._backend.last_words(slot, f"{self._tmp}/setup")
        tail = ""
        if "stderr" in printed:
            with open(f"{self._tmp}/setup.stderr", encoding="utf-8", errors="replace") as log:
                tail = f" It printed:\n{log.read()[-2000:]}"
        return f"{MOST_STILLBORN} workers in a row ended before their first item: {why.strip()}.{tail}"

    # --- enforcing

    def _enforce(self) -> None:
        now = self._now()
        for slot, doom in list(self._dumping.items()):
            if now >= doom.at:
                del self._dumping[slot]
                self._end(slot, doom)
        for slot in self._slots:
            deadline = self._schedule.deadline(slot)
            if deadline is not None and now >= deadline and slot not in self._dumping and slot not in self._doomed:
                self._time_out(slot, now)
        if self._limits.memory_cap is not None and now >= self._next_watch:
            self._watch_memory(self._limits.memory_cap)
            self._next_watch = self._now() + WATCH_S
        if self._stop_at is not None and now >= self._stop_at:
            self._stop_at = None
            self._schedule.stop("the time budget is used up")
        if self._grace_ends is not None and now >= self._grace_ends:
            self._grace_ends = None
            for slot in self._slots:
                if self._schedule.has_work(slot):
                    self._end(slot, _Doom(None, "pending", "interrupted", now))

    def _time_out(self, slot: int, now: float) -> None:
        assert self._limits.timeout is not None
        what = "the chunk" if len(self._schedule.in_flight(slot)) > 1 else "the attempt"
        message = f"{what} took longer than {format_duration(self._limits.timeout)}"
        self._backend.dump_stacks(slot)
        self._dumping[slot] = _Doom(self._schedule.attempt(slot), "timeout", message, now + DUMP_S)

    def _watch_memory(self, cap: int) -> None:
        for slot, size in self._backend.sizes().items():
            self._peaks[slot] = max(size, self._peaks.get(slot, 0))
            if size > cap and slot not in self._doomed:
                message = f"the worker and its processes took {format_size(size)}; the cap is {format_size(cap)}"
                self._end(slot, _Doom(self._schedule.attempt(slot), "memory", message, self._now()))

    def _end(self, slot: int, doom: _Doom) -> None:
        """End a slot's worker, unless the attempt it is for has ended meanwhile."""
        if doom.attempt is None or self._is_for(slot, doom):
            self._doomed[slot] = doom
            self._backend.end(slot)

    def _is_for(self, slot: int, doom: _Doom) -> bool:
        """Whether what the worker was to be ended for is still in flight."""
        return doom.attempt is not None and doom.attempt is self._schedule.attempt(slot)
