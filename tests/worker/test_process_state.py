"""What an item changes for its process is put back, and named."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

import pytest

from parbatch.worker.process_state import ProcessState


def set_handler() -> None:
    """Set another handler for a signal."""
    signal.signal(signal.SIGUSR2, lambda *_: None)


CHANGES: dict[str, Callable[[], object]] = {
    "the umask": lambda: os.umask(0o007),
    "the environment (PARBATCH_TEST)": lambda: os.environ.update(PARBATCH_TEST="1"),
    "the handler of SIGUSR2": set_handler,
    "the blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    "the timer ITIMER_VIRTUAL": lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000),
    "the filters of warnings": lambda: warnings.simplefilter("ignore", FutureWarning),
    "the recursion limit": lambda: sys.setrecursionlimit(12_345),
    "threading.excepthook": lambda: setattr(threading, "excepthook", print),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_put_back_and_named_once(name: str) -> None:
    state = ProcessState()
    CHANGES[name]()
    assert state.put_back() == [name]
    assert state.put_back() == []


def test_what_is_as_it_was_needs_no_words() -> None:
    assert ProcessState().put_back() == []


def test_a_thread_that_goes_on_is_named_once() -> None:
    state = ProcessState()
    assert state.new_threads() == []
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="left-running")
    thread.start()
    try:
        assert state.new_threads() == ["left-running"]
        assert state.new_threads() == []
    finally:
        end.set()
        thread.join()
