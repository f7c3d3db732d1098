"""From an exception, or the way a process ended, to evidence that a person can act on."""

import inspect
import signal
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from parbatch.model import Evidence, Problem, Status

# Enough for any message or traceback that a person reads; a checkpoint of a million failures stays usable.
MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000

_SCHEMES = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = ("<", str(Path(__file__).parent), *{sysconfig.get_path(scheme) for scheme in _SCHEMES})

# How a worker ends when the pipe to its parent is gone although the parent lives: an item closed it.
EXIT_PIPE_LOST = 70
# How a worker ends when the item has broken something that the worker itself stands on.
EXIT_WORKER_BROKEN = 71


def status_of(error: BaseException) -> Status:
    """The status of an attempt that raised `error`: `memory` for MemoryError, else `failed`."""
    return "memory" if isinstance(error, MemoryError) else "failed"


def of_exception(error: BaseException, *, skip: str = "", advice: str = "") -> Evidence:
    """The evidence in an exception. Frames at the top of the traceback from the file `skip` are left out."""
    frames: TracebackType | None = error.__traceback__
    while frames and frames.tb_next and frames.tb_frame.f_code.co_filename == skip:
        frames = frames.tb_next
    try:
        lines = traceback.format_exception(type(error), error, frames)
    except BaseException as second:  # noqa: BLE001 -- formatting runs the exception's own code
        lines = [f"(the traceback can't be formatted: {type(second).__name__})\n"]
    return Evidence(
        type=_type_name(error),
        message=_shorten("\n".join(filter(None, (advice, _message(error)))), MAX_MESSAGE),
        traceback=_shorten("".join(lines), MAX_TRACEBACK),
        place=(place := innermost_own(frames))[0],
        line=place[1],
    )


def of_problems(problems: Sequence[Problem], check: Callable[..., object]) -> Evidence:
    """The evidence in what a job's validation function found: one line for each problem, and what to do below it."""
    kinds = {problem.type for problem in problems}
    lines = []
    for problem in problems:
        told = str(problem)
        lines.append(told.removeprefix(f"{problem.type}: ") if len(kinds) == 1 else told)
        if problem.suggestion:
            lines.append(f"    {problem.suggestion}")
    code = getattr(inspect.unwrap(check), "__code__", None)
    return Evidence(
        type=kinds.pop() if len(kinds) == 1 else "Problems",
        message=_shorten("\n".join(lines), MAX_MESSAGE),
        place=f"{Path(code.co_filename).name}:{code.co_name}" if code else "",
        line=code.co_firstlineno if code else 0,
        problems=tuple(problems),
    )


def of_death(returncode: int | None) -> Evidence:
    """The evidence in the end of a worker process: its signal by name, or its exit code."""
    if returncode is None:
        return Evidence(type="ProcessDied", message="the process ended; the system gave no exit code")
    if returncode < 0:
        name = _signal_name(-returncode)
        return Evidence(type=name, message=f"the process was ended by {name}", returncode=returncode, signal=name)
    if returncode == EXIT_PIPE_LOST:
        message = "the item closed the descriptor through which its worker reports"
    elif returncode == EXIT_WORKER_BROKEN:
        message = "the item broke its worker; the error log says how"
    else:
        message = f"the process exited with code {returncode} in the middle of the item"
    return Evidence(type="ProcessExit", message=message, returncode=returncode)


def innermost_own(frames: TracebackType | None) -> tuple[str, int]:
    """Where in the job's own code an error came from: `file:function` and the line; in a library if nowhere else."""
    own = last = ("", 0)
    while frames:
        code = frames.tb_frame.f_code
        last = (f"{Path(code.co_filename).name}:{code.co_name}", frames.tb_lineno)
        if not code.co_filename.startswith(_LIBRARIES):
            own = last
        frames = frames.tb_next
    return own if own[0] else last


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the job's code called sys.exit({error.code!r})"
    try:
        return str(error)
    except BaseException as second:  # noqa: BLE001 -- a message is the exception's own code
        return f"(the exception has no readable message: its __str__ raised {type(second).__name__})"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    plain = kind.__module__ in {"builtins", "__main__"} or kind.__module__.startswith(("parbatch.", "parbatch_job_"))
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def _shorten(text: str, most: int) -> str:
    """Text that UTF-8 can hold, its middle cut out where it is too long."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    if len(clean) <= most:
        return clean
    half = most // 2
    return f"{clean[:half]}\n[… {len(clean) - most} characters cut …]\n{clean[-half:]}"
