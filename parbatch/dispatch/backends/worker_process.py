"""A worker process as the parent sees it: its pipes, what is still to be written into them, and how it has ended.

    slot ── Executor(max_workers=1) ── worker process ── serve()
      └──── pipes (orders, messages) ──────┘  pidfd: ready once the process has ended

Made by the loky backend, which waits for all of them at once. It knows neither the other workers nor the dispatcher.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections import deque
from typing import TYPE_CHECKING

from loky.backend import get_context
from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from parbatch.dispatch.backends.message_reader import MessageReader
from parbatch.dispatch.backends.worker_entry import serve_slot, take_pipes
from parbatch.model.terminal import flushing_anyway
from parbatch.worker.limits import ONE_THREAD
from parbatch.worker.process_marks import Marks
from parbatch.worker.process_tree import has_files
from parbatch.worker.settings import DUMP_SIGNAL, WorkerSettings

if TYPE_CHECKING:
    import psutil

    from parbatch.model.messages import Message

_REAP_TRIES, _REAP_PAUSE_S = 200, 0.001

# Workers read text as UTF-8 whatever the locale, order sets alike in every process, so that the same input gives the
# same bytes, and hold back nothing that an item printed before it crashed.
_WORKER_ENVIRONMENT = {"PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


class WorkerProcess:
    """One worker process as the parent sees it.

    `orders` and `messages` are the parent's ends of its pipes, `reader` takes messages out of the latter. `ending` is a
    descriptor that is ready once the process has ended; `task` is what loky runs in it. `retiring` is the message with
    which it has ended the conversation; `dumped` says that it was told to write its stacks, and `descendants` are the
    processes that it had started by then; `outlived_task`, that loky has ended it for want of a pipe.
    """

    def __init__(self, slot: int, settings: WorkerSettings, run_mark: str) -> None:
        self.slot = slot
        self.outgoing: deque[memoryview] = deque()
        self.retiring: Message | None = None
        self.dumped = False
        self.outlived_task = False
        self.descendants: list[psutil.Process] = []
        # Pipes, not a socket pair: in a pipe small messages share pages, so that thousands fit in before one end waits.
        their_orders, self.orders = get_context("loky").Pipe(duplex=False)
        self.messages, their_messages = get_context("loky").Pipe(duplex=False)
        _widen(self.messages.fileno())
        self.reader = MessageReader(self.messages.fileno(), settings.memory_cap)
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            context=get_context("loky"),
            initializer=take_pipes,
            initargs=(their_orders, their_messages),
            env=_environment(run_mark, slot),
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

    def note_end_of_task(self) -> None:
        """Note whether the process lives although loky has given it up: then something has closed loky's own pipe.

        loky calls this just before it kills such a process, which looks like a kill by somebody else afterwards.
        """
        if not self.task.cancelled() and isinstance(self.task.exception(), BrokenProcessPool):
            self.outlived_task = not self.is_dying

    @property
    def is_dying(self) -> bool:
        """Return whether the process has let go of its files, as one does just before its end, which `ending` tells."""
        return not has_files(self.pid)

    def close_input(self) -> None:
        """Send no more orders: the task returns when there are none, and the process ends by itself."""
        self.orders.close()
        self._executor.shutdown(wait=False)

    def returncode(self) -> int | None:
        """Return the exit code of a process that has ended; loky's own thread may be fetching it at the same moment."""
        for _ in range(_REAP_TRIES):
            if (code := self._process.exitcode) is not None:
                # By which signal it was ended here is nothing that anybody has to know.
                return -signal.SIGKILL if self.dumped and code == -(DUMP_SIGNAL or 0) else int(code)
            time.sleep(_REAP_PAUSE_S)  # loky's thread has the code, and nothing says when it has put it down
        return None

    def release(self) -> None:
        """Let go of what the parent holds for a process that has ended."""
        self.orders.close()
        self.messages.close()
        if hasattr(os, "pidfd_open"):
            os.close(self.ending)
        self._executor.shutdown(wait=True, kill_workers=True)


def _environment(run_mark: str, slot: int) -> dict[str, str]:
    """Return the variables that a worker gets besides those of this process."""
    threads = {name: os.environ.get(name, value) for name, value in ONE_THREAD.items()}
    return _WORKER_ENVIRONMENT | Marks(run_mark, slot).environment | threads


def _widen(descriptor: int) -> None:
    """Let a pipe hold a mebibyte where the system can do that (Linux)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
