"""A run in a thread of its own, and the queue between it and whoever reads its outcomes, in a loop of whatever kind."""

import contextlib
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable

from parbatch.engine.control import RunControl
from parbatch.model.loading import refuse_while_loading
from parbatch.model.outcome import Outcome
from parbatch.model.result import RunResult

# Outcomes that wait for their reader. The chunks handed out by then still come, so there can be more for a moment.
MOST_WAITING = 256

Notify = Callable[[], object]
OnOutcome = Callable[[Outcome], object]


class Flow:
    """One run in its thread, and the queue between. All but the last methods may be called from any thread."""

    def __init__(self, go: Callable[[RunControl, OnOutcome], RunResult]) -> None:
        self._go = go
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._control = RunControl(self._is_full)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._result: RunResult | None = None
        self._error: BaseException | None = None
        self._on_more: deque[Notify] = deque()
        self._on_end: deque[Notify] = deque()
        self._ended = threading.Event()
        self._is_held = False
        self._will_end_at_exit = False

    def start(self) -> None:
        """Start the run, unless it was started or cancelled before. Raises JobError in a module being loaded."""
        refuse_while_loading("stream")  # in the thread that loads it: the run's own would wait for that to end
        with self._starting:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._work, name="parbatch-run")
                self._thread.start()

    def take(self, *, wait: bool) -> Outcome | None:
        """Return the next outcome; None at the end, once what the run has raised is raised. Raises queue.Empty."""
        outcome = self._outcomes.get(block=wait)
        if outcome is not None:
            if self._is_held and self._outcomes.qsize() <= MOST_WAITING:
                self._is_held = False
                self._control.wake()
            return outcome
        self._outcomes.put(None)  # for whoever asks again
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def cancel(self, *, at_once: bool = False) -> None:
        """End the run in order, or without waiting for what is in flight.

        A second Ctrl-C does not wait either, and it can come in the middle of this.
        """
        try:
            self._control.cancel("cancelled", at_once=at_once)
        except KeyboardInterrupt:
            self._control.cancel("cancelled", at_once=True)
            raise
        with self._starting:
            if self._thread is None and not self._ended.is_set():
                self._end()

    @property
    def ended(self) -> bool:
        """Tell whether the run has let go of all that it held."""
        return self._ended.is_set()

    def join(self) -> None:
        """Wait for the end."""
        self._ended.wait()
        if self._thread is not None:
            self._thread.join()

    def drop(self) -> None:
        """Forget the outcomes that nobody has taken."""
        with contextlib.suppress(queue.Empty):
            while self._outcomes.get_nowait() is not None:
                pass
            self._outcomes.put(None)

    @property
    def result(self) -> RunResult:
        """What the run came to. Raises RuntimeError while there is no result."""
        if self._result is None:
            state = "came to no result" if self.ended else "has not ended: read on to the end, or cancel it"
            raise RuntimeError(f"The run {state}.")
        return self._result

    def when_more(self, notify: Notify) -> None:
        """Call a function once there is something to take, now or later."""
        self._on_more.append(notify)
        if not self._outcomes.empty():
            notify()

    def when_ended(self, notify: Notify) -> None:
        """Call a function once the run has ended, now or later."""
        self._on_end.append(notify)
        if self.ended:
            notify()

    # --- in the run's thread

    def _work(self) -> None:
        try:
            self._result = self._go(self._control, self._yield)
        except BaseException as error:  # noqa: BLE001 -- whoever reads gets it
            self._error = error
        finally:
            self._end()

    def _is_full(self) -> bool:
        self._is_held = True  # said before it is looked at: who takes the last one too many meanwhile wakes the run
        self._is_held = self._outcomes.qsize() > MOST_WAITING
        return self._is_held

    def _end(self) -> None:
        self._ended.set()
        self._put(None)
        _call_all(self._on_end)

    def _yield(self, outcome: Outcome) -> None:
        if not self._will_end_at_exit:
            self._will_end_at_exit = True
            _end_at_exit(self)
        self._put(outcome)

    def _put(self, outcome: Outcome | None) -> None:
        self._outcomes.put(outcome)
        _call_all(self._on_more)


def _call_all(waiting: deque[Notify]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            waiting.popleft()()


def _end_at_exit(flow: Flow) -> None:
    """See to it that a run that nobody reads any more ends when the interpreter does.

    What is registered with atexit comes too late: before that, Python waits for all threads, and loky for its workers.
    So it is registered where loky has registered by now, and is called before.
    """
    weak = weakref.ref(flow)

    def end() -> None:
        if (left := weak()) is not None and not left.ended:
            left.cancel()
            left.join()

    try:
        # No public name comes before the waiting for threads; loky and concurrent.futures use this one too.
        threading._register_atexit(end)  # type: ignore[attr-defined]  # noqa: SLF001 -- as said above
    except RuntimeError:  # the interpreter is ending already
        flow.cancel()
