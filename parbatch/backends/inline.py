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
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import msgspec

from parbatch.attempt import SETTING_UP, Attempts, Settings, TimeUpError
from parbatch.backends import Died
from parbatch.capture import Capture, last_words
from parbatch.docx.on_import import accelerate_on_import, no_longer_on_import
from parbatch.evidence import of_exception
from parbatch.job_files import VARIABLE, tell
from parbatch.loading import resolve
from parbatch.model import RENDER, RENDER_CHUNK, Began, Chunk, Message, NotReady, Order, Ready, Returned, Stop
from parbatch.teardown import TEARDOWN_S
from parbatch.units import format_duration
from parbatch.whole_chunks import work_through

_SLOT = 0
# An alarm that comes while parbatch's own code is at work comes again until the job's is.
_RING_AGAIN_S = 0.01
# This process has one standard output: attempts of several runs, each in a thread of its own, take turns.
_TURN = threading.RLock()


class InlineBackend:
    """One slot, and this process in it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = msgspec.structs.replace(settings, capture_prefix=f"{settings.capture_prefix}{_SLOT}")
        self._chunks: deque[Chunk] = deque()
        self._under_way: Iterator[Message] | None = None
        self._stopped = False
        self._timeout: float | None = None
        self._chunk_began: float | None = None  # if all of it has to end in the time of one attempt
        self._said: list[tuple[int, Message | Died]] = []
        self._capture = Capture(self._settings.capture_prefix)
        self._attempts: Attempts | None = None
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

    def last_words(self, slot: int, destination: str) -> tuple[str, ...]:  # noqa: ARG002 -- there is one slot
        """See Backend."""
        return last_words(self._settings.capture_prefix, destination)

    def close(self, *, at_once: bool) -> None:
        """See Backend."""
        self._chunks.clear()
        self._under_way = None
        if self._attempts is not None and not at_once:
            with _TURN, self._capture.installed(), _alarm(TEARDOWN_S, None, self._attempts):
                self._attempts.tear_down(end_after=None)
        self._capture.close()
        if self._accelerates:
            self._accelerates = False
            no_longer_on_import()
        os.environ.pop(VARIABLE, None)
        if self._files_before is not None:
            os.environ[VARIABLE] = self._files_before

    # --- inside

    def _return(self) -> None:
        self._stopped = False
        self._said.append((_SLOT, Returned()))

    def _work(self) -> None:
        """Go on until the next thing is said."""
        if self._attempts is None:
            try:
                self._attempts = self._set_up()
            except BaseException as error:  # noqa: BLE001 -- the job's own code; a sys.exit() there is a failure too
                self._said.append((_SLOT, NotReady(of_exception(error, skip=(__file__, *SETTING_UP)))))
                return
            self._said.append((_SLOT, Ready(0)))
        if self._under_way is None:
            chunk = self._chunks.popleft()
            self._said.append((_SLOT, Began(chunk.number)))
            self._timeout = self._settings.timeout if chunk.role == RENDER else None
            at_once = chunk.role == RENDER and RENDER_CHUNK in self._attempts.job.functions
            self._chunk_began = time.monotonic() if at_once and len(chunk.tasks) > 1 else None
            self._under_way = work_through(self._attempts, chunk, lambda: self._stopped)
        with _alarm(self._timeout, self._chunk_began, self._attempts):
            self._attempts.upkeep.look()  # what this process does between items is its own affair
            said = next(self._under_way, None)
        if said is not None:
            self._said.append((_SLOT, said))
            return
        self._under_way = None
        if self._stopped:
            self._return()

    def _set_up(self) -> Attempts:
        settings = self._settings
        if settings.accelerate:
            self._accelerates = True
            accelerate_on_import()
        if settings.job.kind == "file":
            tell(os.environ, Path(settings.job.where))
        attempts = Attempts(resolve(settings.job), settings, self._capture)
        attempts.set_up()
        if threading.current_thread() is not threading.main_thread():
            attempts.upkeep.spare_others()
        return attempts

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


@contextlib.contextmanager
def _alarm(seconds: float | None, began: float | None, attempts: Attempts) -> Iterator[None]:
    """Raise TimeUpError in the job's own code in the main thread once so much time has passed, of a chunk that `began`
    then, or from now on.
    """
    if seconds is None or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_: int, __: FrameType | None) -> None:
        if attempts.calling:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeUpError(
                f"the {'attempt' if began is None else 'chunk'} took longer than {format_duration(seconds)}"
            )

    left = seconds if began is None else max(_RING_AGAIN_S, began + seconds - time.monotonic())
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, left, _RING_AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def start(settings: Settings, run_mark: str, slots: int) -> InlineBackend:  # noqa: ARG001 -- one process, one slot
    """A backend of this process alone."""
    return InlineBackend(settings)
