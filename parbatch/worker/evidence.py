"""Evidence that a person can act on, from an exception, from problems, or from the way in which a process ended.

Called by `attempt` for what the job's code raised, and by backends and the dispatcher for workers that died. It must
not know what is done about it.
"""

import inspect
import os
import signal
import subprocess
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from parbatch.model.outcome import Status
from parbatch.model.problem import Evidence, Problem
from parbatch.model.text import MOST_MESSAGE, MOST_SHORT, readable, shorten
from parbatch.model.tracebacks import PACKAGE, innermost_own, is_library, place_in
from parbatch.worker import explanations

MAX_TRACEBACK = 20_000
# Of more calls within each other, as in an endless recursion, the outermost and the innermost are shown.
_MOST_FRAMES = 60


# The files from which the job's code is called, and imported.
_CALLERS = tuple(
    str(PACKAGE / name)
    for name in ("worker/attempt.py", "worker/whole_chunk.py", "worker/job_session.py", "model/loading.py")
)

_PARBATCH, _SAMPLE = (f"{PACKAGE}{os.sep}", f"{PACKAGE / 'sample'}{os.sep}")

_OF_SIGNALS = {
    "SIGKILL": ": something killed it, such as the system when memory ran out",
    "SIGSEGV": ": a fault in C code, or a stack that grew too far",
    "SIGBUS": ": a fault in C code, or a mapped file that was cut off",
    "SIGILL": ": compiled code that this processor can't run",
    "SIGABRT": ": C code gave up; the error log may say why",
    "SIGXCPU": ": the system's limit on CPU time",
    "SIGXFSZ": ": the system's limit on the size of a file",
}

OF_PIPE_LOST = "the item closed the descriptor through which its worker reports"
# How a worker ends when the pipe to its parent is gone although the parent lives: an item closed it.
EXIT_PIPE_LOST = 70
# How a worker ends when the item has broken something that the worker itself stands on.
EXIT_WORKER_BROKEN = 71


def status_of(error: BaseException) -> Status:
    """Return the status of an attempt that raised `error`: `memory` for MemoryError and groups of them, or `failed`."""
    return "memory" if all(isinstance(leaf, MemoryError) for leaf in explanations.leaves(error)) else "failed"


def of_exception(error: BaseException, *, skip: Collection[str] = (), advice: str = "") -> Evidence:
    """Return the evidence in an exception. Frames at the top of the traceback from the files `skip` are left out.

    So are parbatch's own that call the job's code. An error of parbatch's own that no code of the job has led to says
    all there is to say: it has no frames at all.
    """
    frames = _below_the_callers(error.__traceback__, skip)
    try:
        lines = traceback.format_exception(type(error), error, None if _is_our_own(error, frames) else frames)
    except BaseException as second:  # noqa: BLE001 -- formatting runs the exception's own code
        lines = [f"(the traceback can't be formatted: {type(second).__name__})\n"]
    place, line = _place_of(error, frames)
    message = _message(error, frames) if advice else _message_or_line(error, frames)
    return Evidence(
        type=_type_name(error),
        message=shorten("\n".join(filter(None, (advice, message))), MOST_MESSAGE),
        traceback=shorten("".join(_without_the_middle(lines)), MAX_TRACEBACK),
        place=place,
        line=line,
    )


def _below_the_callers(frames: TracebackType | None, skip: Collection[str]) -> TracebackType | None:
    """Leave out the frames at the top that only lead to the job's code; where nothing else does, those of `skip`."""
    below = frames
    while below and _is_parbatch(below.tb_frame.f_code.co_filename):
        below = below.tb_next
    if below is not None:
        frames = below
    while frames and frames.tb_next and frames.tb_frame.f_code.co_filename in skip:
        frames = frames.tb_next
    return frames


def _is_parbatch(file: str) -> bool:
    """Tell whether a file is parbatch's own; the sample job is code like a user's."""
    return file.startswith(_PARBATCH) and not file.startswith(_SAMPLE)


def _is_our_own(error: BaseException, frames: TracebackType | None) -> bool:
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(frames))
    return type(error).__module__.startswith("parbatch.") and all(Path(file).is_relative_to(PACKAGE) for file in files)


def of_problems(problems: Sequence[Problem], check: Callable[..., object]) -> Evidence:
    """Return the evidence in what a validation function found: a line for each problem, and what to do below it."""
    kinds = {problem.type for problem in problems}
    lines = []
    for problem in problems:
        line = str(problem)
        lines.append(line.removeprefix(f"{problem.type}: ") if len(kinds) == 1 else line)
        if problem.suggestion:
            lines.append(f"    {problem.suggestion}")
    code = getattr(inspect.unwrap(check), "__code__", None)
    return Evidence(
        type=kinds.pop() if len(kinds) == 1 else "Problems",
        message=shorten("\n".join(lines), MOST_MESSAGE),
        place=place_in(code, 0)[0] if code else "",
        line=code.co_firstlineno if code else 0,
        problems=tuple(problems),
    )


def of_death(returncode: int | None) -> Evidence:
    """Return the evidence in the end of a worker process: its signal by name, or its exit code."""
    if returncode is None:
        return Evidence(type="ProcessDied", message="the process ended; the system gave no exit code")
    if returncode < 0:
        name = _signal_name(-returncode)
        message = f"the process was ended by {name}{_OF_SIGNALS.get(name, '')}"
        return Evidence(type=name, message=message, returncode=returncode, signal=name)
    if returncode == EXIT_PIPE_LOST:
        message = OF_PIPE_LOST
    elif returncode == EXIT_WORKER_BROKEN:
        message = "the worker itself failed, by what the item did or the system refused; the error log says how"
    else:
        message = f"the process exited with code {returncode} in the middle of the item (os._exit, or exit in C code)"
    return Evidence(type="ProcessExit", message=message, returncode=returncode)


def with_stack(evidence: Evidence, log: str) -> Evidence:
    """Return the evidence of a death, with where the item was then, if its worker wrote its stacks into the log."""
    frames = explanations.stack_of_item(log, _CALLERS)
    if not frames:
        return evidence
    file, line, function = next((frame for frame in frames if not is_library(frame[0])), frames[0])
    lines = [f'  File "{file}", line {line}, in {function}\n' for file, line, function in reversed(frames)]
    stack = "".join(["Stack at the end (most recent call last):\n", *_without_the_middle(lines)])
    return msgspec.structs.replace(
        evidence,
        traceback=shorten(stack, MAX_TRACEBACK),
        place=readable(f"{Path(file).name}:{function}"),
        line=line,
    )


def with_cause(evidence: Evidence, log: str) -> Evidence:
    """Return the evidence of a worker that failed by itself, with the error above the last line of its log."""
    lines = log.splitlines()
    if evidence.returncode != EXIT_WORKER_BROKEN or len(lines) < 2:
        return evidence
    return msgspec.structs.replace(evidence, message=shorten(f"{evidence.message}: {lines[-2]}", MOST_MESSAGE))


def _place_of(error: BaseException, frames: TracebackType | None) -> tuple[str, int]:
    if isinstance(error, BaseExceptionGroup):
        first = next(explanations.leaves(error))
        place = innermost_own(first.__traceback__)
        return place if place[0] else innermost_own(frames)
    # How deep a recursion got depends on much else, so its innermost function says nothing.
    if isinstance(error, RecursionError) and (calling := explanations.circle(frames)):
        return place_in(*next((one for one in calling if not is_library(one[0].co_filename)), calling[0]))
    return innermost_own(frames)


def _without_the_middle(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_FRAMES:
        return lines
    half = _MOST_FRAMES // 4
    return [*lines[:half], f"  [… {len(lines) - 2 * half} more lines like these …]\n", *lines[-half:]]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _message_or_line(error: BaseException, frames: TracebackType | None) -> str:
    """Return an error's message; of one that has none, the line that raised it."""
    return _message(error, frames) or explanations.raising_line(frames)


def _message(error: BaseException, frames: TracebackType | None) -> str:
    if isinstance(error, SystemExit):
        return explanations.exit_message(error)
    if isinstance(error, BaseExceptionGroup):
        messages = [
            f"{_type_name(one)}: {_message_or_line(one, one.__traceback__)}" for one in explanations.leaves(error)
        ]
        return explanations.group_message(error, messages)
    try:
        message = str(error)
    except BaseException as second:  # noqa: BLE001 -- a message is the exception's own code
        return f"(the exception has no readable message: its __str__ raised {type(second).__name__})"
    hints = [explanations.office_hint(error, frames), explanations.folder_hint(error, frames)]
    if isinstance(error, RecursionError):
        hints.append(explanations.recursion_hint(explanations.circle(frames)))
    elif isinstance(error, OSError):
        hints.append(explanations.disk_hint(error, frames))
    elif isinstance(error, (subprocess.CalledProcessError, subprocess.TimeoutExpired)):
        message = explanations.shorten_command(error, message)
        hints.append(explanations.last_error_line(error))
    return "; ".join(filter(None, (message, *hints)))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    plain = kind.__module__ in {"builtins", "__main__"} or kind.__module__.startswith("parbatch.")
    return shorten(kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}", MOST_SHORT)
