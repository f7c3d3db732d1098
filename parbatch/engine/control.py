"""What ends a run early, or holds it back: signals (the first in order, the second at once), or who has started it.

Called by the run, which tells it of each dispatcher, and from other threads by whoever has started the run. It knows
nothing of items and folders.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, ClassVar

from parbatch.dispatch.dispatcher import GRACE_S, Dispatcher

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _ForkedProcesses:
    """Gives processes that the job's code forks, in a run in this process, the handlers from before the run. No signal
    that comes meanwhile is lost to them: what ends a pool waits for its processes to be ended by one.
    """

    handlers: ClassVar[list[dict[int, Any]]] = []
    _mask: ClassVar[set[int]] = set()

    @classmethod
    def before(cls) -> None:
        if cls.handlers:
            cls._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS))

    @classmethod
    def in_parent(cls) -> None:
        if cls.handlers:
            signal.pthread_sigmask(signal.SIG_SETMASK, cls._mask)

    @classmethod
    def in_child(cls) -> None:
        if cls.handlers:
            for number, handler in cls.handlers[0].items():
                signal.signal(number, handler)
            cls.handlers.clear()
            signal.pthread_sigmask(signal.SIG_SETMASK, cls._mask)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_ForkedProcesses.before,
        after_in_parent=_ForkedProcesses.in_parent,
        after_in_child=_ForkedProcesses.in_child,
    )


class RunControl:
    """Which signal came, or why the run was cancelled, if either is so, and the dispatcher to tell it.

    While `hold_back` gives true, nothing more is handed out; what is in flight goes on, and limits are kept. It is
    asked again after `wake`.
    """

    def __init__(self, hold_back: Callable[[], bool] = lambda: False) -> None:
        self.hold_back = hold_back
        self.signum: int | None = None
        self.cancelled: str | None = None
        self._grace_s = GRACE_S
        self._dispatch: Dispatcher | None = None
        self._breaks_off = False

    def tell(self, dispatch: Dispatcher) -> None:
        """Stop this dispatcher from now on; what has come already stops it now."""
        self._dispatch = dispatch
        self._stop()

    def cancel(self, reason: str, *, at_once: bool = False) -> None:
        """End the run in order, or without a grace period; may be called from any thread. The first reason stays."""
        self._grace_s = 0.0 if at_once else self._grace_s
        self.cancelled = self.cancelled or reason
        self._stop()

    def wake(self) -> None:
        """Have the dispatcher look again whether it is held back; may be called from any thread."""
        if self._dispatch is not None:
            self._dispatch.wake()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals inside; outside they do what they did before. Only the main thread can.

        A signal that is ignored stays so: whoever began the run with nohup, or behind an ampersand in a script, wants
        it to go on. One that is handled outside Python could not be given back.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heeded = [number for number in _SIGNALS if signal.getsignal(number) not in {signal.SIG_IGN, None}]
        before = {number: signal.signal(number, self._handle) for number in heeded}
        _ForkedProcesses.handlers.append(before)
        try:
            yield
        finally:
            _ForkedProcesses.handlers.remove(before)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, signum: int, _: FrameType | None) -> None:
        if self._breaks_off:
            return  # the second has ended the run at once; a third must not break off its last lines
        if self.signum is not None:
            self._breaks_off = True
            raise KeyboardInterrupt(signum)
        self.signum = signum
        self._stop()

    def _stop(self) -> None:
        """Stop the dispatcher, where there is one and something has come that stops it."""
        reason = "interrupted" if self.signum is not None else self.cancelled
        if self._dispatch is None or reason is None:
            return
        told = f"Stopping: what is in flight may go on for {self._grace_s:.0f} s."
        if self.signum is not None:
            told += " A second signal ends it at once."
        self._dispatch.stop(reason, self._grace_s, say=told if self._grace_s else "")
