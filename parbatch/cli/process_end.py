"""How the process of a command ends: never in silence by the job's code, and never kept waiting by its threads.

`__main__` calls it. Functions of the job run in this process while it is loaded and its items are read, and with the
inline backend. It knows nothing of runs.
"""

import atexit
import contextlib
import os
import sys
import threading
import time
from typing import NoReturn

from parbatch.model.terminal import show, write
from parbatch.model.text import printable

# Threads that the job has left get so long to end by themselves once the command has said all it has to say.
GRACE_S = 5.0

_exit = os._exit  # as it is, whatever takes its place


def tell_of_exits() -> None:
    """Have `os._exit` of the job's code say who called it, and never end this process with 0.

    Processes that the job forks end as they ask to. An exit in C code can't be seen from here.
    """
    pid = os.getpid()
    try:
        standard_error = os.dup(2)  # while an item runs in this process, 2 leads to its log
    except OSError:
        standard_error = 2

    def told(status: int) -> NoReturn:
        if os.getpid() == pid:
            caller = sys._getframe(1)  # noqa: SLF001 -- the one way to a caller without the frames of all threads
            where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
            text = (
                f"parbatch: {printable(where)} called os._exit({status}), which ends parbatch itself. What was finished"
                " is kept. Take it out, then go on with --resume.\n"
            )
            with contextlib.suppress(OSError):  # nobody reads standard error any more
                os.write(standard_error, text.encode(errors="backslashreplace"))
            status = status or 1
        _exit(status)

    os._exit = told


def end(code: object) -> NoReturn:
    """End this process at once."""
    _exit(code if isinstance(code, int) else 1 if code else 0)


def end_despite_threads(code: object) -> None:
    """Return where Python can end; else say which threads of the job keep it from that, and end without them."""
    deadline = time.monotonic() + GRACE_S
    for thread in _waited_for():
        thread.join(max(0.0, deadline - time.monotonic()))
    if not (left := _waited_for()):
        return
    names = ", ".join(sorted(printable(thread.name) for thread in left))
    show(f"parbatch: the job has left threads running, which were ended with the command: {names}", sys.stderr)
    atexit._run_exitfuncs()  # noqa: SLF001 -- what is registered is still to be called
    for stream in (sys.stdout, sys.stderr):
        write("", stream)  # what is buffered goes out with it
    end(code)


def _waited_for() -> list[threading.Thread]:
    """Return the threads that Python would wait for at its end."""
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
