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
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
from loky.backend import get_context
from loky.process_executor import ProcessPoolExecutor

from parbatch.attempt import Settings
from parbatch.backends import Died
from parbatch.capture import last_words
from parbatch.limits import ONE_THREAD
from parbatch.model import Message, Order, Retiring
from parbatch.processes import RUN_MARK, SLOT_MARK, kill_tree, proportional_size, sweep, tree_sizes
from parbatch.terminal import flushing_anyway
from parbatch.worker import DUMP_SIGNAL, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_PIECE = 1 << 18
# When so much is said at once, the items are tiny, and it pays to let the workers go on for a moment and then hear them
# all, instead of taking a core from them for each item: this doubles the throughput of empty items on two cores.
_BUSY, _BREATH_S = 16, 0.001
_REAP_TRIES, _REAP_PAUSE_S = 200, 0.001

# Workers read text as UTF-8 whatever the locale, order sets alike in every process, so that the same input gives the
# same bytes, and hold back nothing that an item printed before it crashed.
_WORKER_ENVIRONMENT = {"PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}

_handed: list["Connection[Any, Any]"] = []


def _take_pipes(orders: "Connection[Any, Any]", messages: "Connection[Any, Any]") -> None:
    """Called in the worker before its task: pipes can be handed over only while the process is started."""
    _handed.extend((orders, messages))


def _serve(settings: Settings) -> None:
    serve(_handed[0].fileno(), _handed[1].fileno(), settings)


class _Worker:
    """One worker process as the parent sees it."""

    def __init__(self, slot: int, settings: Settings, run_mark: str) -> None:
        self.slot = slot
        self.outgoing: deque[memoryview] = deque()
        self._incoming: list[bytes] = []
        # Pipes, not a socket pair: in a pipe small messages share pages, so that thousands fit in before one end waits.
        their_orders, self.orders = get_context("loky").Pipe(duplex=False)
        self.messages, their_messages = get_context("loky").Pipe(duplex=False)
        _widen(self.messages.fileno())
        environment = _WORKER_ENVIRONMENT | {RUN_MARK: run_mark, SLOT_MARK: str(slot)}
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            context=get_context("loky"),
            initializer=_take_pipes,
            initargs=(their_orders, their_messages),
            env=environment | {name: os.environ.get(name, value) for name, value in ONE_THREAD.items()},
        )
        with flushing_anyway():  # loky does
            self.task = self._executor.submit(_serve, settings)
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

    def pull(self) -> tuple[bytes, bool]:
        """All whole lines that have come, and whether the worker's end is closed."""
        try:
            piece = os.read(self.messages.fileno(), _PIECE)
        except BlockingIOError:
            return b"", False
        before, newline, after = piece.rpartition(b"\n")
        if not newline:  # in the middle of a long line: kept in pieces, joined once when it is whole
            self._incoming.append(piece)
            return b"", not piece
        lines = b"".join((*self._incoming, before, newline))
        self._incoming = [after] if after else []
        return lines, False

    @property
    def mid_line(self) -> bool:
        """Whether the last that came was the beginning of a line."""
        return bool(self._incoming)

    def part(self) -> None:
        """Let the process end by itself once its task has returned, which it does when there are no more orders."""
        self.orders.close()
        self._executor.shutdown(wait=False)

    def returncode(self) -> int | None:
        """The exit code of a process that has ended; loky's own thread may be fetching it at the same moment."""
        for _ in range(_REAP_TRIES):
            if self._process.exitcode is not None:
                return int(self._process.exitcode)
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

    def __init__(self, settings: Settings, run_mark: str) -> None:
        self._settings = settings
        self._run_mark = run_mark
        self._workers: dict[int, _Worker] = {}
        self._leaving: list[_Worker] = []
        self._started = 0
        self._busy = False
        self._prefixes: dict[int, str] = {}
        self._decoder = msgspec.json.Decoder(Message)
        self._encoder = msgspec.json.Encoder()
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._is_open = True
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
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._workers[slot].pid, DUMP_SIGNAL)

    def end(self, slot: int) -> None:
        """See Backend."""
        if slot in self._workers:
            kill_tree(self._workers[slot].pid)

    def last_words(self, slot: int, destination: str) -> tuple[str, ...]:
        """See Backend."""
        return last_words(self._prefixes[slot], destination)

    def close(self, *, at_once: bool) -> None:
        """See Backend."""
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
        worker = self._workers[slot] = _Worker(slot, settings, self._run_mark)
        self._selector.register(worker.messages.fileno(), selectors.EVENT_READ, worker)
        self._selector.register(worker.ending, selectors.EVENT_READ, worker)
        return worker

    def _push(self, worker: _Worker) -> None:
        """Write what can be written now, and the rest when the pipe takes it."""
        worker.push()
        waiting = worker.orders.fileno() in self._selector.get_map()
        if worker.outgoing and not waiting:
            self._selector.register(worker.orders.fileno(), selectors.EVENT_WRITE, worker)
        elif waiting and not worker.outgoing:
            self._selector.unregister(worker.orders.fileno())

    def _hear(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        lines, closed = worker.pull()
        if closed:  # its death, if that is it, is told by the other descriptor
            self._forget(worker.messages)
        if not lines:
            return []
        messages = self._decoder.decode_lines(lines)
        if isinstance(messages[-1], Retiring):
            self._leave(worker)
        return [(worker.slot, message) for message in messages]

    def _bury(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        """Take leave of a process that has ended, with the last that it said."""
        said = self._hear_out(worker)
        self._forget(worker.messages)
        self._forget(worker.orders)
        self._selector.unregister(worker.ending)
        returncode = worker.returncode()
        if self._workers.get(worker.slot) is worker:
            sweep(self._run_mark, worker.slot)
        worker.release()
        if worker in self._leaving:
            self._leaving.remove(worker)
            return said
        del self._workers[worker.slot]
        return [*said, (worker.slot, Died(returncode))]

    def _hear_out(self, worker: _Worker) -> list[tuple[int, Message | Died]]:
        said: list[tuple[int, Message | Died]] = []
        silent = closed = False
        while not (silent or closed):
            lines, closed = worker.pull()
            silent = not lines and not worker.mid_line
            said += [(worker.slot, message) for message in self._decoder.decode_lines(lines)]
        if said and isinstance(said[-1][1], Retiring) and worker.slot in self._workers:
            self._leave(worker)
        return said

    def _leave(self, worker: _Worker) -> None:
        """Make room in the slot; the worker ends by itself."""
        self._leaving.append(self._workers.pop(worker.slot))
        self._forget(worker.orders)
        worker.part()

    def _forget(self, pipe: "Connection[Any, Any]") -> None:
        if not pipe.closed and pipe.fileno() in self._selector.get_map():
            self._selector.unregister(pipe.fileno())


def _widen(descriptor: int) -> None:
    """Let a pipe hold a mebibyte where the system can do that (Linux)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)


def start(settings: Settings, run_mark: str, slots: int) -> LokyBackend:  # noqa: ARG001 -- slots fill on demand
    """A backend of loky workers; `settings.capture_prefix` is completed with the slot's number."""
    return LokyBackend(settings, run_mark)
