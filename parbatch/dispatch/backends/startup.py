"""Starting what loky needs beside workers, and why a worker process can't be started, naming what is missing.

Used by the loky backend. loky hands on what the system says as it comes, sometimes under an error of its own making.
"""

import contextlib
import errno
import multiprocessing.resource_tracker
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from loky.backend import resource_tracker
from loky.process_executor import BrokenProcessPool, ShutdownExecutorError, TerminatedWorkerError
from msgspec.structs import replace

from parbatch.model.problem import Evidence
from parbatch.storage.system_errors import NO_THREAD, in_words
from parbatch.worker.evidence import of_exception

if TYPE_CHECKING:
    from concurrent.futures import Future


def start_trackers_quietly() -> None:
    """Start the processes that clean up semaphores after workers, so that they do so without a word.

    What an item's own processes had is left to them when these are ended with the item: that is no news for whoever
    reads the run's standard error. Trackers that were there before talk as they did.
    """
    before = sys.warnoptions[:]
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")  # a tracker takes this process's options over
    try:
        multiprocessing.resource_tracker.ensure_running()
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions[:] = before
    _never_wait_for_a_tracker()


def _never_wait_for_a_tracker() -> None:
    """Have loky go on where it can't write to its tracker, although that still runs.

    It takes the tracker for dead then, and waits for its end: for ever, as workers have the other end of its pipe too.
    """
    tracker = resource_tracker._resource_tracker  # noqa: SLF001 -- there is no other way to it
    replace_it = getattr(tracker, "_teardown_dead_process", None)
    if replace_it is None or "_teardown_dead_process" in vars(tracker):
        return

    def end_first() -> None:
        if (pid := tracker._pid) is not None:  # noqa: SLF001
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        replace_it()

    tracker._teardown_dead_process = end_first  # noqa: SLF001


def describe_start_failure(error: BaseException, slot: int) -> str:
    """Return why the process of a slot could not be started, and what to do."""
    cause = next((one for one in _behind(error) if isinstance(one, OSError)), error)
    if (why := in_words(cause)) is not None and not (isinstance(cause, OSError) and cause.errno in _ADVICE):
        return f"Worker {slot + 1} can't be started: {why}."
    told = of_exception(cause)
    advice = _ADVICE.get(cause.errno or 0, "") if isinstance(cause, OSError) else _ADVICE_ON_THREADS
    return f"Worker {slot + 1} can't be started: {told.type}: {told.message}.{advice}"


_ADVICE_ON_THREADS = (
    " The system gives this process no more threads or memory: see ulimit -u and ulimit -v, or use fewer workers."
)
_ADVICE = {
    errno.EMFILE: " Raise the limit of open files (ulimit -n), or use fewer workers.",
    errno.ENFILE: " The whole system has too many files open.",
    errno.EAGAIN: " This user may have no more processes (ulimit -u): end others, or use fewer workers.",
    errno.ENOMEM: " There is no memory for it: use fewer workers.",
}


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def evidence_of_task(task: "Future[Any]") -> Evidence | None:
    """Return what ended a worker's task; None if it returned, or if the process died, which is told elsewhere."""
    error = task.exception() if task.done() and not task.cancelled() else None
    if error is None or isinstance(error, (TerminatedWorkerError, ShutdownExecutorError)):
        return None
    evidence = of_exception(error)
    if isinstance(error, BrokenProcessPool) and error.__cause__ is not None:
        why = str(error.__cause__).strip(' \n"').splitlines()[-1]
        if NO_THREAD in why:
            return Evidence(type="RuntimeError", message=str(in_words(RuntimeError(why))))
        # The end of loky's pipe, whose other end the process alone has.
        return None if why == "EOFError" else replace(evidence, message=f"{evidence.message} ({why})")
    return replace(evidence, traceback="") if isinstance(error, OSError) else evidence
