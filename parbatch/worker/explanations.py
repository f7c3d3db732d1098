"""Explanations of errors: what a person needs to know beyond an exception's own words.

They are found in the exception and in its frames. Called by `evidence`; it must not know which item it is about.
"""

import errno
import linecache
import os
import re
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Collection, Iterator
from types import CodeType, TracebackType

from parbatch.storage.system_errors import open_file_in

# Of an exception group so many exceptions are named, the first ones.
_MOST_LEAVES = 5
# A function that is so often in a traceback goes on calling itself, alone or by way of others.
_OFTEN = 20
_MOST_IN_CIRCLE = 4
_MOST_LINE = 200
# Of a command shown in a message, so that a line of the summary has room for how the command ended.
_MOST_COMMAND = 80
_OFFICE = re.compile(r"\b(?:soffice|libreoffice|lowriter)\b", re.IGNORECASE)
_NO_PACKAGE = re.compile(r"Package not found at '(?P<name>.+)'$")
_STDLIB = sysconfig.get_path("stdlib")
_PROFILE = "-env:UserInstallation"

_SHORT_OF = {
    errno.ENOSPC: "is full",
    getattr(errno, "EDQUOT", -1): "has no more room for this user (quota)",
    errno.EROFS: "can only be read",
}


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, in its groups too; one that is no group is its own only leaf."""
    pending = [error]
    while pending:
        one = pending.pop()
        if isinstance(one, BaseExceptionGroup):
            pending += reversed(one.exceptions)
        else:
            yield one


def group_message(error: BaseExceptionGroup[BaseException], messages: list[str]) -> str:
    """Return a group's message together with those of its exceptions."""
    more = f"; and {len(messages) - _MOST_LEAVES} more" if len(messages) > _MOST_LEAVES else ""
    return f"{error.message}: {'; '.join(messages[:_MOST_LEAVES])}{more}"


def exit_message(error: SystemExit) -> str:
    """Tell what a call of `sys.exit` means in an item."""
    called = f"the job's code called sys.exit({'' if error.code is None else repr(error.code)})"
    if error.code in {None, 0}:
        return f"{called}; an item that is done ends with return"
    return called


def raising_line(frames: TracebackType | None) -> str:
    """Return, for an exception without a message, the line that raised it."""
    if frames is None:
        return ""
    while frames.tb_next:
        frames = frames.tb_next
    code = frames.tb_frame.f_code
    line = linecache.getline(code.co_filename, frames.tb_lineno, frames.tb_frame.f_globals).strip()
    return f"no message, from the line: {line[:_MOST_LINE]}" if line else f"no message, from {code.co_name}"


def disk_hint(error: OSError, frames: TracebackType | None) -> str:
    """Tell which file system is full or can't be written, where an error is of that kind; else nothing."""
    if error.errno not in _SHORT_OF:
        return ""
    path = error.filename if isinstance(error.filename, str) else open_file_in(frames)
    if not path:
        return f"the file system that was written to {_SHORT_OF[error.errno]}"
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 -- text alone
        return f"{path} {_SHORT_OF[error.errno]}"
    room = "" if error.errno == errno.EROFS else _room(path)
    return f"the file system of {path} ({_mounted_at(path)}) {_SHORT_OF[error.errno]}{room}"


def shorten_command(error: subprocess.CalledProcessError | subprocess.TimeoutExpired, message: str) -> str:
    """Return the message of a command that failed, a long one cut in its middle, so that its end can be read."""
    command = str(error.cmd)
    if len(command) > _MOST_COMMAND:
        message = message.replace(command, f"{command[: _MOST_COMMAND // 2]} … {command[-_MOST_COMMAND // 2 :]}")
    return message.removesuffix(".")


def last_error_line(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    """Return the last line of a failed command on standard error, if the job's code has kept that; else nothing."""
    output = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr
    lines = output.split("\n") if isinstance(output, str) else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"it said last: {last[:_MOST_LINE]}" if last else ""


def office_hint(error: BaseException, frames: TracebackType | None) -> str:
    """Return a hint where LibreOffice failed as it does when several of it share a profile; else nothing."""
    if isinstance(error, FileNotFoundError):  # it ends with 0, and leaves no file
        texts = list(_constants(frames))
        if _OFFICE.search(str(error.filename)):  # is not installed
            return ""
    elif isinstance(error, (subprocess.CalledProcessError, subprocess.TimeoutExpired)):
        texts = [str(error.cmd)]
    else:
        return ""
    if not any(_OFFICE.search(text) for text in texts) or any(_PROFILE in text for text in texts):
        return ""
    return f'each worker needs a profile of its own: "{_PROFILE}=file://…", with a folder made in @job.setup'


def folder_hint(error: BaseException, frames: TracebackType | None) -> str:
    """Return a hint where a file was looked for in the current folder, and lies beside the code; else nothing.

    python-docx, and so docxtpl, has an error of its own for a document that is not there.
    """
    name = getattr(error, "filename", None) if isinstance(error, FileNotFoundError) else None
    if type(error).__name__ == "PackageNotFoundError" and (found := _NO_PACKAGE.match(str(error))):
        name = found["name"]
    if not isinstance(name, str) or not name or os.path.isabs(name):  # noqa: PTH117 -- text alone
        return ""
    while frames:
        code = frames.tb_frame.f_code.co_filename
        beside = os.path.join(os.path.dirname(code), name)  # noqa: PTH118, PTH120 -- as above
        if os.path.isabs(code) and not code.startswith(_STDLIB) and os.path.exists(beside):  # noqa: PTH110, PTH117
            here = f"it lies beside {os.path.basename(code)}"  # noqa: PTH119
            return f"{here}, and was looked for in the current folder: write Path(__file__).parent / {name!r}"
        frames = frames.tb_next
    return ""


def circle(frames: TracebackType | None) -> list[tuple[CodeType, int]]:
    """Return the functions that call each other in an endless recursion, with a line of each, outermost first."""
    seen: Counter[CodeType] = Counter()
    lines: dict[CodeType, int] = {}
    while frames:
        code = frames.tb_frame.f_code
        seen[code] += 1
        lines.setdefault(code, frames.tb_lineno)
        frames = frames.tb_next
    return [(code, lines[code]) for code in lines if seen[code] >= _OFTEN]


def recursion_hint(calling: list[tuple[CodeType, int]]) -> str:
    """Tell who calls whom without end."""
    if not calling:
        return ""
    shown = " → ".join(f"{code.co_name} ({os.path.basename(code.co_filename)}:{line})"  # noqa: PTH119 -- text alone
                       for code, line in calling[:_MOST_IN_CIRCLE])  # fmt: skip
    more = " → …" if len(calling) > _MOST_IN_CIRCLE else ""
    return f"endless calls: {shown}{more} → {calling[0][0].co_name} …"


# --- the stack that a worker wrote before its end


_SECTION = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(?P<file>[^"\n]*)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)


def stack_of_item(log: str, tops: Collection[str]) -> list[tuple[str, int, str]]:
    """Return the frames (file, line, function) of the job's code in a dump of stacks, innermost first.

    They end where a frame is in one of the files `tops`; there are none if no frame is.
    """
    sections = list(_SECTION.finditer(log))
    for number in reversed(range(len(sections))):
        end = sections[number + 1].start() if number + 1 < len(sections) else len(log)
        frames = [
            (match["file"], int(match["line"]), match["function"])
            for match in _FRAME.finditer(log, sections[number].end(), end)
        ]
        end_of_jobs = next((index for index, (file, _, _) in enumerate(frames) if file in tops), None)
        if end_of_jobs is not None:
            return frames[:end_of_jobs]
    return []


# --- inside


def _constants(frames: TracebackType | None) -> Iterator[str]:
    """Yield the texts that the code of the frames has in it, but for the standard library's."""
    while frames:
        code = frames.tb_frame.f_code
        for value in code.co_consts if not code.co_filename.startswith(_STDLIB) else ():
            yield from filter(lambda one: isinstance(one, str), value if isinstance(value, tuple) else (value,))
        frames = frames.tb_next


def _mounted_at(path: str) -> str:
    place = os.path.realpath(path)
    while place != os.path.dirname(place) and not os.path.ismount(place):  # noqa: PTH120 -- text alone
        place = os.path.dirname(place)  # noqa: PTH120
    return place


def _room(path: str) -> str:
    try:
        state = os.statvfs(_mounted_at(path))
    except (OSError, AttributeError):
        return ""
    if state.f_files and not state.f_favail:
        return f": none of the {state.f_files:,} files (inodes) that it can have are left now"
    return f": {state.f_bavail * state.f_frsize:,} bytes of {state.f_blocks * state.f_frsize:,} are left now"
