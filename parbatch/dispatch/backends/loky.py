"""Workers in processes of their own: each slot is one loky executor of one worker.

One dead worker breaks its whole executor, so every slot has its own. Each executor runs a single long task, the
worker's `serve`, and all talk with it goes through a pipe of ours: what was said before a death stays readable.

    slot ── Executor(max_workers=1) ── worker process ── serve()
      └──── pipes (orders, messages) ──────┘  pidfd: ready once the process has ended
"""

import contextlib
import fcntl
import os
import selectors
import signal
import threading
import time
from collections import deque
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import msgspec
from loky.backend import get_context
from loky.process_executor import ProcessPoolExecutor

from parbatch.dispatch.backends.base import Died, check_descriptors
from parbatch.dispatch.backends.receiving import Hearing
from parbatch.dispatch.backends.serving import serve_slot, take_pipes
from parbatch.dispatch.backends.startup import start_trackers_quietly, told_of_start, told_of_task
from parbatch.errors import SetupError
from parbatch.model.messages import Message, NotReady, Order, Retiring
from parbatch.model.terminal import flushing_anyway
from parbatch.worker.capture import last_words
from parbatch.worker.cgroups import killed_for_memory
from parbatch.worker.limits import ONE_THREAD, descriptor_limit
from parbatch.worker.process_marks import Marks
from parbatch.worker.process_tree import (
    descendants,
    has_files,
    kill_all,
    kill_tree,
    proportional_size,
    sweep,
    tree_sizes,
)
from parbatch.worker.settings import DUMP_SIGNAL, Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import psutil

_PIECE = 1 << 18
# When so much is said at once, the items are tiny, and it pays to let the workers go on for a moment and then hear them
# all, instead of taking a core from them for each item: this doubles the throughput of empty items on two cores.
_BUSY, _BREATH_S = 16, 0.001
_REAP_TRIES, _REAP_PAUSE_S = 200, 0.001

# Workers read text as UTF-8 whatever the locale, order sets alike in every process, so that the same input gives the
# same bytes, and hold back nothing that an item printed before it crashed.
_WORKER_ENVIRONMENT = {"PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


class _Worker:
    """One worker process as the parent sees it."""

    def __init__(self, slot: int, settings: Settings, run_mark: str) -> None:
        self.slot = slot
        self.outgoing: deque[memoryview] = deque()
        self.retiring: Message | None = None
        self.dumped = False
        self.descendants: list[psutil.Process] = []
        # Pipes, not a socket pair: in a pipe small messages share pages, so that thousands fit in before one end waits.
        their_orders, self.orders = get_context("loky").Pipe(duplex=False)
        self.messages, their_messages = get_context("loky").Pipe(duplex=False)
        _widen(self.messages.fileno())
        self.hearing = Hearing(self.messages.fileno(), settings.memory_cap)
        environment = _WORKER_ENVIRONMENT | Marks(run_mark, slot).environment
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            context=get_context("loky"),
            initializer=take_pipes,
            initargs=(their_orders, their_messages),
            env=environment | {name: os.environ.get(name, value) for name, value in ONE_THREAD.items()},
        )
        with flushing_anyway():  # loky does
            self.task = self._executor.submit(serve_slot, settings)
        # Else loky's thread waits for ever for the rest of what an item has written into loky's own pipe.
        self._executor._result_queue._writer.close()  # noqa: SLF001 -- no public name
        their_orders.close()
        their_messages.close()
        os.set_blocking(self.orders.fileno(), False)
        os.set_blocking(self.messages.fileno(), False)
        # The executor has no public name for its processes, and only the process knows its exit code.
        (self._process,) = self._executor._processes.values()  # noqa: SLF001
        self.pid: int = self._process.pid
        self.ending = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else self._process.sentinel

    def push(self) -> None:
        """Write what the pipe takes without waiting."""
        outgoing = self.outgoing
        try:
            while outgoing:
                written = os.write(self.orders.fileno(), outgoing[0])
                if written == len(outgoing[0]):
                    outgoing.popleft()
                else:
                    outgoing[0] = outgoing[0][written:]  # a view: what is left is not copied
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has died, as `ending` will tell
            outgoing.clear()

    def part(self) -> None:
        """Let the process end by itself once its task has returned, which it does when there are no more orders."""
        self.orders.close()
        self._executor.shutdown(wait=False)

    def returncode(self) -> int | None:
        """The exit code of a process that has ended; loky's own thread may be fetching it at the same moment."""
        for _ in range(_REAP_TRIES):
            if (code := self._process.exitcode) is not None:
                # By which signal it was ended here is nothing that anybody has to know.
                return -signal.SIGKILL if self.dumped and code == -(DUMP_SIGNAL or 0) else int(code)
            time.sleep(_REAP_PAUSE_S)
        return None

    def release(self) -> None:
        """Let go of what the parent holds for a process that has ended."""
        self.orders.close()
        self.messages.close()
        if hasattr(os, "pidfd_open"):
            os.close(self.ending)
        self._executor.shutdown(wait=True, kill_workers=True)


class LokyBackend:
    """Slots filled with loky workers."""

    ends_workers = True

    def __init__(self, settings: Settings, run_mark: str) -> None:
        self._settings = settings
        self._run_mark = run_mark
        self._killed_for_memory = killed_for_memory()
        self._workers: dict[int, _Worker] = {}
        self._leaving: list[_Worker] = []
        self._started = 0
        self._busy = False
        self._prefixes: dict[int, str] = {}
        self._encoder = msgspec.json.Encoder()
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._is_open = True
        self._tasks_over: deque[_Worker] = deque()  # filled by loky's threads
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
            time.sleep(_BREATH_S)
        said: list[tuple[int, Message | Died]] = []
        ended = []
        for key, events in self._selector.select(timeout):
            worker = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_r, _PIECE)
            elif key.fd == worker.ending:
                ended.append(worker)
            elif events & selectors.EVENT_WRITE:
                self._push(worker)
            else:
                said += self._hear(worker)
        while self._tasks_over:
            said += self._see_to(self._tasks_over.popleft())
        for worker in ended:
            said += self._bury(worker)
        self._busy = len(said) >= _BUSY
        return said

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
        return last_words(self._prefixes[slot], destination)

    def close(self, *, at_once: bool) -> None:
        """See Backend."""
        self._selector.unregister(self._wake_r)  # nobody reads from it any more, and a task that ends writes
        for worker in self._workers.values():
            self._forget(worker.orders)
            self._forget(worker.messages)
            worker.part()
        deadline = time.monotonic() + (0 if at_once else self._settings.parting_s)
        try:
            while (self._workers or self._leaving) and (left := deadline - time.monotonic()) > 0:
                for key, _ in self._selector.select(left):
                    if key.data is not None and key.fd == key.data.ending:
                        self._bury(key.data)
        finally:  # also when a second signal breaks off the waiting
            for worker in [*self._workers.values(), *self._leaving]:
                kill_tree(worker.pid)
                self._bury(worker)
            if self._started:
                sweep(self._run_mark)
            self._selector.close()
            with self._waking:
                self._is_open = False
                os.close(self._wake_r)
                os.close(self._wake_w)

    # --- inside

    def _start(self, slot: int) -> _Worker:
        self._started += 1
        self._prefixes[slot] = f"{self._settings.capture_prefix}{slot}-{self._started}"
        settings = msgspec.structs.replace(self._settings, capture_prefix=self._prefixes[slot], slot=slot)
        try:
            worker = _Worker(slot, settings, self._run_mark)
        except Exception as error:  # the system's refusal of a file, a thread or a process, as loky hands it on
            raise SetupError(told_of_start(error, slot)) from error
        self._workers[slot] = worker
        self._selector.register(worker.messages.fileno(), selectors.EVENT_READ, worker)
        self._selector.register(worker.ending, selectors.EVENT_READ, worker)
        worker.task.add_done_callback(lambda _: self._note_end(worker))
        return worker

    def _note_end(self, worker: _Worker) -> None:
        self._tasks_over.append(worker)
        self.wake()

    def _see_to(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        """Look at a worker whose task has ended: it was told to, or something is wrong with it."""
        if self._workers.get(worker.slot) is not worker or wait([worker.ending], 0):
            return []
        said = self._take(worker, worker.hearing.hear_out())
        if worker.retiring is not None and not worker.hearing.fault:
            return [*said, *self._leave(worker)]
        said += self._blame(worker)
        worker.hearing.lose()
        kill_tree(worker.pid)
        return said

    def _blame(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        """See what loky has to say on the end of a worker's task."""
        evidence = told_of_task(worker.task)
        if evidence is not None and not worker.hearing.has_heard:
            return [(worker.slot, NotReady(evidence))]
        if evidence is not None:
            worker.hearing.lose(f"it wrote into a descriptor of its worker's: {evidence.message}")
        return []

    def _push(self, worker: _Worker) -> None:
        """Write what can be written now, and the rest when the pipe takes it."""
        worker.push()
        waiting = worker.orders.fileno() in self._selector.get_map()
        if worker.outgoing and not waiting:
            self._selector.register(worker.orders.fileno(), selectors.EVENT_WRITE, worker)
        elif waiting and not worker.outgoing:
            self._selector.unregister(worker.orders.fileno())

    def _hear(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        said = self._take(worker, worker.hearing.pull())
        if worker.hearing.closed:
            self._forget(worker.messages)
            if worker in self._leaving:
                return []
            if worker.retiring is not None and not worker.hearing.fault:
                return [*said, *self._leave(worker)]
            if has_files(worker.pid):  # else it is dying, and that is told by the other descriptor
                worker.hearing.lose()
        if worker.hearing.fault:  # it has said its last
            self._forget(worker.messages)
            kill_tree(worker.pid)
        return said

    def _take(self, worker: _Worker, heard: list[Message]) -> list[tuple[int, Message | Died]]:
        """What is heard of a worker, up to where it says that it retires: that is told once it has really done so."""
        if heard and worker.retiring is not None:
            worker.hearing.lose("it wrote Retiring into the descriptor through which its worker reports")
            return []
        if Retiring in map(type, heard):
            at = [type(message) for message in heard].index(Retiring)
            worker.retiring = heard[at]
            return self._take(worker, heard[at + 1 :]) or [(worker.slot, message) for message in heard[:at]]
        return [(worker.slot, message) for message in heard]

    def _bury(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        """Take leave of a process that has ended, with the last that it said."""
        said = self._take(worker, worker.hearing.hear_out())
        self._forget(worker.messages)
        self._forget(worker.orders)
        self._selector.unregister(worker.ending)
        returncode = worker.returncode()
        kill_all(worker.descendants)
        if self._workers.get(worker.slot) is worker:
            sweep(self._run_mark, worker.slot)
        worker.release()
        if worker in self._leaving:
            self._leaving.remove(worker)
            return said
        del self._workers[worker.slot]
        said += self._blame(worker)
        if worker.retiring is not None and not worker.hearing.fault:
            return [*said, (worker.slot, worker.retiring)]
        return [*said, (worker.slot, Died(returncode, worker.hearing.fault, self._out_of_memory(returncode)))]

    def _out_of_memory(self, returncode: int | None) -> bool:
        """Whether it was the system that killed a worker, for want of memory."""
        before = self._killed_for_memory
        if returncode == -signal.SIGKILL:
            self._killed_for_memory = killed_for_memory()
        return self._killed_for_memory > before

    def _leave(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        """Make room in the slot; the worker, which has ended the conversation, ends by itself."""
        assert worker.retiring is not None
        self._leaving.append(self._workers.pop(worker.slot))
        self._forget(worker.orders)
        worker.part()
        return [(worker.slot, worker.retiring)]

    def _forget(self, pipe: "Connection[Any, Any]") -> None:
        if not pipe.closed and pipe.fileno() in self._selector.get_map():
            self._selector.unregister(pipe.fileno())


def _widen(descriptor: int) -> None:
    """Let a pipe hold a mebibyte where the system can do that (Linux)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)


def start(settings: Settings, run_mark: str, slots: int) -> LokyBackend:
    """A backend of loky workers; `settings.capture_prefix` is completed with the slot's number.

    Raises SetupError where this process may not open as many files as so many workers take.
    """
    before = descriptor_limit()
    check_descriptors(slots)
    start_trackers_quietly()
    settings = msgspec.structs.replace(settings, descriptors=before)
    return LokyBackend(settings, run_mark)
