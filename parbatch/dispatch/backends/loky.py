"""Workers in processes of their own: each slot is one loky executor of one worker.

One dead worker breaks its whole executor, so every slot has its own. Each executor runs a single long task, the
worker's `serve`, and all talk with it goes through a pipe of ours: what was said before a death stays readable.

    dispatcher ── send ──▶ LokyBackend ── orders ────▶ WorkerProcess 0 ── pipes ── serve() in slot 0
        ▲                       ▲      └─ orders ────▶ WorkerProcess 1 ── pipes ── serve() in slot 1
        └────── wait ───────────┴── selector: messages, ends of processes, room in a pipe, wakes

The dispatcher calls `LokyBackend`, and decides when a worker is ended; this knows neither chunks nor attempts, but who
lives in which slot and who has said its last word.
"""

import contextlib
import os
import selectors
import signal
import threading
import time
from collections import deque
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import msgspec

from parbatch.dispatch.backends.base import Died, check_descriptors
from parbatch.dispatch.backends.startup import describe_start_failure, evidence_of_task, start_trackers_quietly
from parbatch.dispatch.backends.worker_process import WorkerProcess
from parbatch.errors import SetupError
from parbatch.model.messages import Message, NotReady, Order, Retiring
from parbatch.worker.capture import copy_captured_output
from parbatch.worker.cgroups import killed_for_memory
from parbatch.worker.limits import descriptor_limit
from parbatch.worker.process_tree import descendants, kill_all, kill_tree, proportional_size, sweep, tree_sizes
from parbatch.worker.settings import DUMP_SIGNAL, WorkerSettings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


_PIECE = 1 << 18
# When so much is said at once, the items are tiny, and it pays to let the workers go on for a moment and then hear them
# all, instead of taking a core from them for each item: this doubles the throughput of empty items on two cores.
_BUSY, _BREATH_S = 16, 0.001


class LokyBackend:
    """Slots filled with loky workers."""

    ends_workers = True

    def __init__(self, settings: WorkerSettings, run_mark: str) -> None:
        self._settings = settings
        self._run_mark = run_mark
        self._killed_for_memory = killed_for_memory()
        self._workers: dict[int, WorkerProcess] = {}
        self._retired: list[WorkerProcess] = []
        self._started = 0
        self._busy = False
        self._prefixes: dict[int, str] = {}
        self._encoder = msgspec.json.Encoder()
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._is_open = True
        self._ended_tasks: deque[WorkerProcess] = deque()  # filled by loky's threads
        self._waking = threading.RLock()  # a signal handler may wake what it has interrupted
        self._selector.register(self._wake_r, selectors.EVENT_READ)

    def send(self, slot: int, order: Order) -> None:
        """See Backend."""
        worker = self._workers.get(slot) or self._start(slot)
        line = bytearray()
        self._encoder.encode_into(order, line)
        line += b"\n"
        worker.outgoing.append(memoryview(line))  # written by the next wait

    def wait(self, timeout: float | None) -> list[tuple[int, Message | Died]]:
        """See Backend."""
        for worker in self._workers.values():
            if worker.outgoing:
                self._push(worker)
        if self._busy:
            time.sleep(_BREATH_S)  # no waiting for an event: it leaves the cores to the workers, see above
        events: list[tuple[int, Message | Died]] = []
        ended = []
        for key, mask in self._selector.select(timeout):
            worker = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_r, _PIECE)
            elif key.fd == worker.ending:
                ended.append(worker)
            elif mask & selectors.EVENT_WRITE:
                self._push(worker)
            else:
                events += self._receive(worker)
        while self._ended_tasks:
            events += self._check_task(self._ended_tasks.popleft())
        for worker in ended:
            events += self._reap(worker)
        self._busy = len(events) >= _BUSY
        return events

    def wake(self) -> None:
        """See Backend."""
        with self._waking, contextlib.suppress(BlockingIOError):  # full: it will wake up anyway
            if self._is_open:
                os.write(self._wake_w, b".")

    def sizes(self) -> dict[int, int]:
        """See Backend."""
        by_pid = tree_sizes(worker.pid for worker in self._workers.values())
        cap = self._settings.memory_cap
        for pid, size in by_pid.items():
            if cap is not None and size > cap:  # forked processes share pages, which count once
                by_pid[pid] = min(size, proportional_size(pid))
        return {slot: by_pid[worker.pid] for slot, worker in self._workers.items()}

    def dump_stacks(self, slot: int) -> None:
        """See Backend."""
        if slot in self._workers and DUMP_SIGNAL is not None:
            worker = self._workers[slot]
            worker.dumped = True
            worker.descendants = descendants(worker.pid)  # who is whose child can't be seen any more once it is dead
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, DUMP_SIGNAL)

    def end(self, slot: int) -> None:
        """See Backend."""
        if slot in self._workers:
            kill_tree(self._workers[slot].pid)

    def save_captured_output(self, slot: int, destination: str) -> tuple[str, ...]:
        """See Backend."""
        return copy_captured_output(self._prefixes[slot], destination)

    def close(self, *, at_once: bool) -> None:
        """See Backend."""
        self._selector.unregister(self._wake_r)  # nobody reads from it any more, and a task that ends writes
        for worker in self._workers.values():
            self._forget(worker.orders)
            self._forget(worker.messages)
            worker.close_input()
        deadline = time.monotonic() + (0 if at_once else self._settings.parting_s)
        try:
            while (self._workers or self._retired) and (left := deadline - time.monotonic()) > 0:
                for key, _ in self._selector.select(left):
                    if key.data is not None and key.fd == key.data.ending:
                        self._reap(key.data)
        finally:  # also when a second signal breaks off the waiting
            for worker in [*self._workers.values(), *self._retired]:
                kill_tree(worker.pid)
                self._reap(worker)
            if self._started:
                sweep(self._run_mark)
            self._selector.close()
            with self._waking:
                self._is_open = False
                os.close(self._wake_r)
                os.close(self._wake_w)

    # --- inside

    def _start(self, slot: int) -> WorkerProcess:
        self._started += 1
        self._prefixes[slot] = f"{self._settings.capture_prefix}{slot}-{self._started}"
        settings = msgspec.structs.replace(self._settings, capture_prefix=self._prefixes[slot], slot=slot)
        try:
            worker = WorkerProcess(slot, settings, self._run_mark)
        except Exception as error:  # the system's refusal of a file, a thread or a process, as loky hands it on
            raise SetupError(describe_start_failure(error, slot)) from error
        self._workers[slot] = worker
        self._selector.register(worker.messages.fileno(), selectors.EVENT_READ, worker)
        self._selector.register(worker.ending, selectors.EVENT_READ, worker)
        worker.task.add_done_callback(lambda _: self._note_end(worker))
        return worker

    def _note_end(self, worker: WorkerProcess) -> None:
        worker.note_end_of_task()
        self._ended_tasks.append(worker)
        self.wake()

    def _check_task(self, worker: WorkerProcess) -> list[tuple[int, Message | Died]]:
        """Look at a worker whose task has ended: it was told to, or something is wrong with it."""
        if self._workers.get(worker.slot) is not worker or wait([worker.ending], 0):
            return []
        events = self._take(worker, worker.reader.drain())
        if worker.retiring is not None and not worker.reader.fault:
            return [*events, *self._retire(worker)]
        events += self._explain_end(worker)
        if not worker.is_dying:
            worker.reader.give_up()
            kill_tree(worker.pid)
        return events

    def _explain_end(self, worker: WorkerProcess) -> list[tuple[int, Message | Died]]:
        """Ask loky why a worker's task has ended. Return what there is to tell the dispatcher."""
        evidence = evidence_of_task(worker.task)
        if evidence is not None and not worker.reader.has_read:
            return [(worker.slot, NotReady(evidence))]
        if evidence is not None:
            worker.reader.give_up(f"it wrote into a descriptor of its worker's: {evidence.message}")
        elif worker.outlived_task:
            worker.reader.give_up()
        return []

    def _push(self, worker: WorkerProcess) -> None:
        """Write what can be written now, and the rest when the pipe takes it."""
        worker.push()
        waiting = worker.orders.fileno() in self._selector.get_map()
        if worker.outgoing and not waiting:
            self._selector.register(worker.orders.fileno(), selectors.EVENT_WRITE, worker)
        elif waiting and not worker.outgoing:
            self._selector.unregister(worker.orders.fileno())

    def _receive(self, worker: WorkerProcess) -> list[tuple[int, Message | Died]]:
        events = self._take(worker, worker.reader.read())
        if worker.reader.closed:
            self._forget(worker.messages)
            if worker in self._retired:
                return []
            if worker.retiring is not None and not worker.reader.fault:
                return [*events, *self._retire(worker)]
            if not worker.is_dying:
                worker.reader.give_up()
        if worker.reader.fault:  # it has said its last
            self._forget(worker.messages)
            kill_tree(worker.pid)
        return events

    def _take(self, worker: WorkerProcess, messages: list[Message]) -> list[tuple[int, Message | Died]]:
        """Return what a worker says, up to where it says that it retires: that is told once it has really done so."""
        if messages and worker.retiring is not None:
            worker.reader.give_up("it wrote Retiring into the descriptor through which its worker reports")
            return []
        if Retiring in map(type, messages):
            at = [type(message) for message in messages].index(Retiring)
            worker.retiring = messages[at]
            return self._take(worker, messages[at + 1 :]) or [(worker.slot, message) for message in messages[:at]]
        return [(worker.slot, message) for message in messages]

    def _reap(self, worker: WorkerProcess) -> list[tuple[int, Message | Died]]:
        """Reap a process that has ended. Return the last that it said, and that it died or has retired."""
        events = self._take(worker, worker.reader.drain())
        self._forget(worker.messages)
        self._forget(worker.orders)
        self._selector.unregister(worker.ending)
        returncode = worker.returncode()
        kill_all(worker.descendants)
        if self._workers.get(worker.slot) is worker:
            sweep(self._run_mark, worker.slot)
        worker.release()
        if worker in self._retired:
            self._retired.remove(worker)
            return events
        del self._workers[worker.slot]
        events += self._explain_end(worker)
        if worker.retiring is not None and not worker.reader.fault:
            return [*events, (worker.slot, worker.retiring)]
        return [*events, (worker.slot, Died(returncode, worker.reader.fault, self._out_of_memory(returncode)))]

    def _out_of_memory(self, returncode: int | None) -> bool:
        """Return whether it was the system that killed a worker, for want of memory."""
        before = self._killed_for_memory
        if returncode == -signal.SIGKILL:
            self._killed_for_memory = killed_for_memory()
        return self._killed_for_memory > before

    def _retire(self, worker: WorkerProcess) -> list[tuple[int, Message | Died]]:
        """Make room in the slot: the worker, which has ended the conversation, ends by itself."""
        assert worker.retiring is not None
        self._retired.append(self._workers.pop(worker.slot))
        self._forget(worker.orders)
        worker.close_input()
        return [(worker.slot, worker.retiring)]

    def _forget(self, pipe: "Connection[Any, Any]") -> None:
        if not pipe.closed and pipe.fileno() in self._selector.get_map():
            self._selector.unregister(pipe.fileno())


def start(settings: WorkerSettings, run_mark: str, slots: int) -> LokyBackend:
    """Start a backend of loky workers; `settings.capture_prefix` is completed with the slot's number.

    Raise SetupError where this process may not open as many files as so many workers take.
    """
    before = descriptor_limit()
    check_descriptors(slots)
    start_trackers_quietly()
    settings = msgspec.structs.replace(settings, descriptors=before)
    return LokyBackend(settings, run_mark)
