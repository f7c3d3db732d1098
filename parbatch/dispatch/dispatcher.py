"""The loop between the scheduler (what goes where) and the backend (the workers).

    scheduler ── chunks ──▶ dispatcher ── orders ──▶ backend ──▶ workers
        ▲                     │  ▲  ▲                   │
        └──── what ended ─────┘  │  └──── messages ─────┘
                              │  └── whom to end: watchdog
                              └── publish, record ──▶ sink: journal, progress

The engine builds the parts and calls `run`; each part knows no other. The dispatcher never polls: it waits for what can
happen next, with the next deadline as the time-out. It and its watchdog alone decide that a worker is ended, for the
time or the memory of the attempt in flight, and so they alone know whom that blames. It does not know what the items
are, nor what becomes of their outcomes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from parbatch.dispatch.backends.base import Backend, Died
from parbatch.dispatch.message_checks import is_consistent, is_in_turn
from parbatch.dispatch.outcome_sink import OutcomeSink
from parbatch.dispatch.scheduler import Scheduler
from parbatch.dispatch.watchdog import Watchdog
from parbatch.dispatch.worker_death import KillReason, StartupFailures, evidence_of, outcome_of
from parbatch.dispatch.worker_waits import Longest
from parbatch.dispatch.workers import Workers
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

# How long attempts in flight may go on after the first SIGINT or SIGTERM.
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the dispatcher asks of whoever runs it, and tells.

    `hold_back` says whether to wait with handing out until `wake`; `say` shows a person a line; `watch` is told at
    intervals what is waited for longest, `settled` of each item that has its status, once that is recorded.
    """

    hold_back: Callable[[], bool] = lambda: False
    say: Callable[[str], None] = lambda _: None
    watch: Callable[[Longest | None], None] = lambda _: None
    settled: Callable[[Task, Ended], None] = lambda _, __: None


class Dispatcher:
    """Runs a scheduler to its end over a backend.

    `tmp` is the folder of the attempts; `memory_cap` bounds the bytes of each worker with its processes; `now` is the
    clock. `restarts` counts workers that had to be replaced. `stop` and `wake` may be called from a signal handler or
    another thread.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        backend: Backend,
        sink: OutcomeSink,
        *,
        tmp: str,
        memory_cap: int | None = None,
        hooks: Hooks | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._sink = sink
        self._tmp = tmp
        self._hooks = hooks or Hooks()
        self._now = now
        self._workers = Workers(scheduler, backend)
        self._watchdog = Watchdog(scheduler, backend, self._workers, memory_cap, self._hooks.watch, now)
        self._startup_failures = StartupFailures(backend, tmp)
        self._is_stopping = False
        self._is_held_back = False
        self._say_on_stop = ""
        self.restarts = 0

    def run(self) -> None:
        """Work until all is done or stopped. Raise SetupError when no worker can start."""
        while True:
            self._hand_out()
            if self._scheduler.finished:
                return
            self._receive(self._poll_timeout())
            if self._watchdog.late():
                self._receive(0)  # an end may have been told while the messages of others were seen to
            self._watchdog.enforce()
            self._scheduler.check_budget(self._now())
            self._sink.tick(self._now())

    def stop(self, reason: str, grace_s: float = GRACE_S, *, say: str = "") -> None:
        """Hand out nothing more, and give what is in flight a grace period, in seconds.

        A person is told `say` where something is in flight and will be ended after that.
        """
        self._scheduler.stop(reason)
        self._say_on_stop = say
        self._watchdog.set_grace(self._now() + grace_s)
        self._backend.wake()

    def wake(self) -> None:
        """Look again whether there is something to hand out."""
        self._backend.wake()

    # --- handing out

    def _hand_out(self) -> None:
        if self._scheduler.stopped_by is not None:
            if not self._is_stopping:
                self._is_stopping = True
                self._stop_workers()
            return
        self._is_held_back = self._hooks.hold_back()
        if self._is_held_back:
            return
        while self._hand_out_round() or self._begin_next_stage():
            continue

    def _hand_out_round(self) -> bool:
        """Hand each slot a chunk, so that the first ones go to different workers. Return whether one got any."""
        has_handed = False
        for slot in self._scheduler.slots:
            if (chunk := self._scheduler.hand_out(slot, self._now())) is not None:
                self._backend.send(slot, chunk)
                has_handed = True
        return has_handed

    def _begin_next_stage(self) -> bool:
        """Begin the next stage if it is due, with all outcomes written: what it is made of may depend on them."""
        if not self._scheduler.stage_is_over:
            return False
        self._sink.flush()
        return self._scheduler.begin_next_stage()

    def _stop_workers(self) -> None:
        busy = [slot for slot in self._scheduler.slots if self._scheduler.has_work(slot)]
        if self._say_on_stop and busy and self._backend.ends_workers:
            self._hooks.say(self._say_on_stop)
        for slot in busy:
            self._backend.send(slot, Stop())

    def _poll_timeout(self) -> float | None:
        """Return for how many seconds nothing is due, or None."""
        deadlines = self._watchdog.deadlines()
        deadlines += (self._sink.next_deadline(), self._scheduler.budget_ends)
        if not self._is_held_back:  # else `wake` tells when there is something to hand out
            deadlines.append(self._scheduler.next_due)
        known = [deadline for deadline in deadlines if deadline is not None]
        return max(0.0, min(known) - self._now()) if known else None

    # --- messages

    def _receive(self, timeout: float | None) -> None:
        """Wait for messages, and act on them."""
        began = self._now()
        messages = self._backend.wait(timeout)
        if timeout is not None:
            self._watchdog.waits.add_pause(self._now() - began - timeout)
        states = self._workers.states
        for slot, message in messages:
            if type(message) is Ended and not states[slot].is_distrusted:  # nearly always
                task = self._scheduler.find(slot, message.position)
                if task is not None and task.number == message.number and is_consistent(message):
                    self._ended(slot, task, message, self._now())
                else:
                    self._distrust(slot, "Ended")
            elif isinstance(message, Died):
                self._died(slot, message, self._now())
            elif states[slot].is_distrusted:
                continue
            elif self._is_in_turn(slot, message):
                self._handle(slot, message)
            else:
                self._distrust(slot, type(message).__name__)

    def _handle(self, slot: int, message: Message) -> None:
        now = self._now()
        match message:
            case Began():
                self._scheduler.began(slot, now)
            case ChunkEnded():
                self._sink.chunk_ended(slot, message, now)
            case Rendered():
                self._scheduler.rendered(slot, now, is_last=message.is_last)
            case Loading():
                self._watchdog.waits.begin_step(slot, message, now)
            case Ready():
                self._ready(slot, message)
            case Returned():
                self._scheduler.returned(slot)
            case Retiring():
                self._reset(slot)
                self._scheduler.returned(slot)
                self.restarts += not message.planned
            case NotReady(evidence=evidence):
                raise SetupError(
                    f"No worker can start: {evidence.type}: {evidence.message}\n{evidence.traceback}".rstrip()
                )

    def _is_in_turn(self, slot: int, message: Message) -> bool:
        if isinstance(message, Returned):
            return self._is_stopping
        return is_in_turn(message, self._scheduler, slot, is_ready=self._workers.states[slot].is_ready)

    def _distrust(self, slot: int, kind: str) -> None:
        """End a worker that says what can't be; what it has said before counts, and nothing that comes after."""
        self._workers.states[slot].is_distrusted = True
        message = f"it wrote a message of its own making ({kind}) into the descriptor through which its worker reports"
        self._workers.kill(slot, KillReason(self._scheduler.attempt(slot), "crashed", message, self._now()))

    def _ready(self, slot: int, ready: Ready) -> None:
        self._watchdog.check_idle_size(ready.idle_bytes)
        self._watchdog.waits.end(slot)
        state = self._workers.states[slot]
        state.is_ready = True
        state.pid = ready.pid
        self._startup_failures.reset()

    def _reset(self, slot: int) -> None:
        self._workers.reset(slot)
        self._watchdog.waits.end(slot)

    # --- outcomes

    def _ended(self, slot: int, task: Task, ended: Ended, now: float) -> None:
        """Publish the outcome of an attempt, tell the scheduler, and record it."""
        state = self._workers.states[slot]
        if state.peak_bytes:
            if state.peak_bytes > ended.peak_memory_bytes:
                ended = replace(ended, peak_memory_bytes=state.peak_bytes)
            state.peak_bytes = 0
        ended = self._sink.publish(task, ended)
        if ended.evidence is not None:
            ended = replace(ended, fingerprint=fingerprint(ended.status, ended.evidence, task.id, task.name))
        task, settled = self._scheduler.ended(slot, ended, now)
        self._sink.record(task, ended, settled=settled, now=now)
        if settled:
            self._hooks.settled(task, ended)

    def _died(self, slot: int, died: Died, now: float) -> None:
        """Blame the death of a worker on the attempts in flight, unless it was ended for another one's sake."""
        state = self._workers.states[slot]
        reason = state.kill_reason
        if reason is None and died.fault:
            reason = KillReason(self._scheduler.attempt(slot), "crashed", died.fault, now)
        elif reason is None and died.out_of_memory:
            message = "the system ended the process, as memory had run out; fewer workers, or a lower cap, take less"
            reason = KillReason(self._scheduler.attempt(slot), "memory", message, now)
        death = evidence_of(died, reason)
        self._reset(slot)
        if reason is None or self._workers.is_at(slot, reason):
            for task in self._scheduler.in_flight(slot):
                ended = outcome_of(task, slot, death, reason, self._backend, self._tmp)
                took = now - self._scheduler.since(slot)
                self._ended(slot, task, replace(ended, duration_s=took, pid=state.pid), now)
        self._scheduler.died(slot)
        self.restarts += self._scheduler.stopped_by is None
        if not state.is_ready:
            self._startup_failures.count(slot, death, reason)
