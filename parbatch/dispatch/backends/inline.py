"""Attempts in this very process, one after another: for debugging, and for a single item at hand.

All is as in a worker but what one process can't do to itself: there is no memory cap, a crash ends the run, and a
time-out interrupts only Python code of the main thread. A `breakpoint()` in the job's code talks to the terminal.
"""

import contextlib
import os
import pdb  # noqa: T100 -- what `breakpoint()` opens
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

import msgspec

from parbatch.dispatch.backends.base import Died
from parbatch.docx.on_import import accelerate_on_import, no_longer_on_import
from parbatch.model.job_files import VARIABLE, tell
from parbatch.model.loading import resolve
from parbatch.model.messages import Began, Chunk, Message, NotReady, Order, Ready, Returned, Stop
from parbatch.model.roles import RENDER, RENDER_CHUNK
from parbatch.worker.attempt import TimeUpError, ran_over
from parbatch.worker.capture import Capture, copy_captured_output
from parbatch.worker.chunk import WHOLE, work_through
from parbatch.worker.evidence import of_exception
from parbatch.worker.job_session import SETTING_UP, JobSession
from parbatch.worker.settings import WorkerSettings
from parbatch.worker.teardown import TEARDOWN_S

_SLOT = 0
# An alarm that comes while parbatch's own code is at work comes again until the job's is.
_RING_AGAIN_S = 0.01
# This process has one standard output: attempts of several runs, each in a thread of its own, take turns.
_TURN = threading.RLock()


class InlineBackend:
    """One slot, and this process in it, which nobody but a person can end."""

    ends_workers = False

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = msgspec.structs.replace(settings, capture_prefix=f"{settings.capture_prefix}{_SLOT}")
        self._chunks: deque[Chunk] = deque()
        self._under_way: Iterator[Message] | None = None
        self._stopped = False
        self._what = ""
        self._chunk_began: float | None = None  # if all of it has to end in the time of one attempt
        self._said: list[tuple[int, Message | Died]] = []
        self._capture = Capture(self._settings.capture_prefix)
        self._session: JobSession | None = None
        self._accelerates = False
        self._files_before = os.environ.get(VARIABLE)
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()  # which a signal handler may put into

    def send(self, slot: int, order: Order) -> None:  # noqa: ARG002 -- there is one slot
        """See Backend."""
        if not isinstance(order, Stop):
            self._chunks.append(order)
            return
        self._stopped = True
        self._chunks.clear()
        if self._under_way is None:
            self._return()

    def wait(self, timeout: float | None) -> list[tuple[int, Message | Died]]:
        """See Backend. Makes one attempt, so that signals and budgets are looked at in between."""
        if not self._said and (self._chunks or self._under_way is not None):
            with _TURN, self._capture.installed(), self._debugger_at_terminal():
                self._work()
        elif not self._said:
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=timeout)
                while True:  # all that have come since are answered by this one return
                    self._wakes.get_nowait()
        said, self._said = self._said, []
        return said

    def wake(self) -> None:
        """See Backend."""
        self._wakes.put(None)

    def sizes(self) -> dict[int, int]:
        """See Backend. No process can watch itself."""
        return {}

    def dump_stacks(self, slot: int) -> None:
        """See Backend. Nothing to do: a time-out here is an exception with its own traceback."""

    def end(self, slot: int) -> None:
        """See Backend. No process can end itself and go on."""

    def save_captured_output(self, slot: int, destination: str) -> tuple[str, ...]:  # noqa: ARG002 -- there is one slot
        """See Backend."""
        return copy_captured_output(self._settings.capture_prefix, destination)

    def close(self, *, at_once: bool) -> None:
        """See Backend."""
        self._chunks.clear()
        self._under_way = None
        if self._session is not None and not at_once:
            with _TURN, self._capture.installed(), self._alarm(TEARDOWN_S, "teardown"):
                self._session.tear_down(end_after=None)
        self._capture.close()
        if self._accelerates:
            self._accelerates = False
            no_longer_on_import()
        os.environ.pop(VARIABLE, None)
        if self._files_before is not None:
            os.environ[VARIABLE] = self._files_before

    # --- inside

    def _alarm(self, seconds: float | None, what: str, began: float | None = None) -> AbstractContextManager[None]:
        session = self._session
        assert session is not None
        return _Alarm(seconds, lambda: session.calling).set(what, began)

    def _return(self) -> None:
        self._stopped = False
        self._said.append((_SLOT, Returned()))

    def _work(self) -> None:
        """Go on until the next thing is said."""
        if self._session is None:
            try:
                self._session = self._set_up()
            except BaseException as error:  # noqa: BLE001 -- the job's own code; a sys.exit() there is a failure too
                evidence = of_exception(error, skip=(__file__, *SETTING_UP))
                if isinstance(error, TimeUpError):
                    evidence = msgspec.structs.replace(evidence, type="TimeoutError")
                self._said.append((_SLOT, NotReady(evidence)))
                return
            self._said.append((_SLOT, Ready(0)))
        if self._under_way is None:
            chunk = self._chunks.popleft()
            self._said.append((_SLOT, Began(chunk.number)))
            at_once = chunk.role == RENDER and RENDER_CHUNK in self._session.job.functions and len(chunk.tasks) > 1
            self._chunk_began = time.monotonic() if at_once else None
            self._what = WHOLE if at_once else chunk.tasks[0].kind
            self._under_way = work_through(self._session, chunk, lambda: self._stopped)
        with self._alarm(self._settings.timeout, self._what, self._chunk_began):
            self._session.housekeeping.look(shared=True)  # what this process does between items is its own affair
            said = next(self._under_way, None)
        if said is not None:
            self._said.append((_SLOT, said))
            return
        self._under_way = None
        if self._stopped:
            self._return()

    def _set_up(self) -> JobSession:
        settings = self._settings
        if settings.accelerate:
            self._accelerates = True
            accelerate_on_import()
        if settings.job.kind == "file":
            tell(os.environ, Path(settings.job.where))
        alarm = _Alarm(settings.timeout, lambda: True)
        with alarm.set("the job's import"):
            session = JobSession(resolve(settings.job), settings, self._capture)
            session.set_up(lambda step, is_bounded: alarm.go_on(step, is_bounded=is_bounded))
        if threading.current_thread() is not threading.main_thread():
            session.housekeeping.spare_others()
        return session

    @contextlib.contextmanager
    def _debugger_at_terminal(self) -> Iterator[None]:
        """Give `breakpoint()` the terminal back: the item's output is captured, the debugger's must not be."""
        terminal = self._capture.descriptors_before
        hook = sys.breakpointhook

        def debug(*_: object, **__: object) -> None:
            for number, descriptor in zip((1, 2), terminal(), strict=True):
                os.dup2(descriptor, number)
            debugger = pdb.Pdb(stdout=open(1, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 -- stays open
            debugger.set_trace(sys._getframe(1))  # noqa: SLF001 -- the frame of the breakpoint, as pdb does it

        sys.breakpointhook = debug
        try:
            yield
        finally:
            sys.breakpointhook = hook


class _Alarm:
    """Raises TimeUpError in the job's own code in the main thread once its time is up.

    `is_calling` says whether that code is at work. Outside of the main thread, and where there are no timers, it never
    rings.
    """

    def __init__(self, seconds: float | None, is_calling: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._is_calling = is_calling
        self._what = ""

    @contextlib.contextmanager
    def set(self, what: str, began: float | None = None) -> Iterator[None]:
        """Bound what happens within, which is called so, and began now or then."""
        is_main = threading.current_thread() is threading.main_thread()
        if self._seconds is None or not hasattr(signal, "setitimer") or not is_main:
            self._seconds = None
            yield
            return
        before = signal.signal(signal.SIGALRM, self._ring)
        self.go_on(what, began)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def go_on(self, what: str, began: float | None = None, *, is_bounded: bool = True) -> None:
        """Within `set`: go on to something else, which has the same time for itself, or is not bounded."""
        self._what = what
        if self._seconds is not None:
            left = self._seconds if began is None else max(_RING_AGAIN_S, began + self._seconds - time.monotonic())
            signal.setitimer(signal.ITIMER_REAL, left if is_bounded else 0, _RING_AGAIN_S)

    def _ring(self, _: int, __: FrameType | None) -> None:
        if self._is_calling():
            assert self._seconds is not None
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeUpError(ran_over(self._what, self._seconds).message)


def start(settings: WorkerSettings, run_mark: str, slots: int) -> InlineBackend:  # noqa: ARG001 -- one process, one slot
    """Start a backend of this process alone."""
    return InlineBackend(settings)
