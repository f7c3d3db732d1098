"""SIGINT, SIGTERM and SIGHUP during a run: the first ends it in order, the second at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from parbatch.dispatch import Dispatch

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupts:
    """Which signal came, if one did, and the dispatch to tell it."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._dispatch: Dispatch | None = None

    def tell(self, dispatch: Dispatch) -> None:
        """From now on it is this dispatch that a signal stops; one that has come already stops it now."""
        self._dispatch = dispatch
        if self.signum is not None:
            dispatch.stop("interrupted")

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals inside; outside they do what they did before. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, signum: int, _: FrameType | None) -> None:
        if self.signum is not None:
            raise KeyboardInterrupt(signum)
        self.signum = signum
        if self._dispatch is not None:
            self._dispatch.stop("interrupted")
