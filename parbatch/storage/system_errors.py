"""Errors of the system in words: which path or call failed, and why, so that nothing else is blamed for it.

Errors of SQLite are told apart by their codes: a disk that is full or gone is not a damaged file.
"""

import errno
import io
import os
import re
import sys
import traceback
from types import TracebackType

from parbatch.storage.tree import UnsafePathError

_SEMAPHORES = "/dev/shm"  # where Linux keeps them  # noqa: S108 -- no temporary file is made there
NO_THREAD = "can't start new thread"  # as Python says it
_CALL = re.compile(r"\b(?:os|fcntl|signal|select|selectors|socket|mmap|ctypes|_posixsubprocess|subprocess)\.\w+")

# https://www.sqlite.org/rescode.html: the primary codes, the last eight bits of what is reported.
_CODE_BITS = 0xFF
_READ_ONLY, _FULL, _BUSY, _LOCKED, _NO_MEMORY, _IO, _CANT_OPEN, _PERMISSION = 8, 13, 5, 6, 7, 10, 14, 3
_NOT_DAMAGED = {
    _READ_ONLY: "can't be written",
    _FULL: "can't be written: the disk is full",
    _BUSY: "is held by another program",
    _LOCKED: "is held by another program",
    _NO_MEMORY: "can't be used: there is too little memory",
    _IO: "can't be used: the disk gives an error, or is full",
    _CANT_OPEN: "can't be opened, or a file can't be made beside it",
    _PERMISSION: "can't be used: there is no permission",
}


def in_words(error: BaseException, database: str | os.PathLike[str] | None = None) -> str | None:
    """Say what an error of the system is about, in a clause; `database` is the file that SQLite has to do with.

    None for an error that is not one of the system.
    """
    if is_of_sqlite(error):
        found = _NOT_DAMAGED.get(_code(error))
        if _code(error) in {_IO, _FULL} and (most := largest_file()) is not None:
            found = f"{found}, or would be larger than the {most:,} bytes that a file may have (ulimit -f)"
        subject = "A temporary file of SQLite" if database is None else str(database)
        return f"{subject} {found or 'is damaged'} ({error})"
    if isinstance(error, MemoryError):
        return "there is too little memory (a limit such as ulimit -v or -d, or the machine's)"
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return "no further thread can be started (a limit such as ulimit -u, -v or -d, or that of a container)"
    return _of_the_system(error) if isinstance(error, OSError) else None


def largest_file() -> int | None:
    """How many bytes a file that this process writes may have; None where that is not limited."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 -- not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft


def is_of_sqlite(error: BaseException) -> bool:
    """Whether an error was raised by SQLite; its module is not imported for that."""
    return type(error).__module__ == "sqlite3"


def is_busy(error: BaseException) -> bool:
    """Whether SQLite has waited in vain for another program that holds the file."""
    return is_of_sqlite(error) and _code(error) in {_BUSY, _LOCKED}


def is_damage(error: BaseException) -> bool:
    """Whether SQLite has found that a file is not what it should be; else it only can't be used now."""
    return is_of_sqlite(error) and _code(error) not in _NOT_DAMAGED


def open_file_in(frames: TracebackType | None) -> str:
    """Return the name of the innermost open file that the frames hold: a failed write does not say which it was."""
    found = ""
    while frames:
        for value in list(frames.tb_frame.f_locals.values()):
            name = getattr(value, "name", None) if isinstance(value, io.IOBase) else None
            if isinstance(name, str):
                found = name
        frames = frames.tb_next
    return found


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _CODE_BITS


def _of_the_system(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"there are too many open files ({_call(error)}: {reason}); a higher limit (ulimit -n) or fewer workers"
    if error.filename is None and _file_of(error).endswith("synchronize.py"):
        return (
            f"{_SEMAPHORES}: {reason}; workers need a few semaphores there (in a container: --shm-size, or a tmpfs)."
            " Without it, --backend inline renders in one process"
        )
    call = _call(error)
    if error.errno in {errno.EAGAIN, errno.ENOMEM} and "fork" in call:
        return f"no further process can be started: {reason} (a limit such as ulimit -u, or that of a container)"
    if error.filename is None and call == "os.getcwd":
        return "the current folder was removed; change to another (cd)"
    if error.filename is None:
        return f"{open_file_in(error.__traceback__) or call}: {reason}"
    if error.errno == errno.EFBIG and not isinstance(error, UnsafePathError) and (most := largest_file()) is not None:
        reason += f" (a file may have {most:,} bytes: ulimit -f)"
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
    return f"{path} {reason}" if isinstance(error, UnsafePathError) else f"{path}: {reason}"


def _file_of(error: BaseException) -> str:
    """Return the file of the innermost frame that an error has passed."""
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].filename if frames else ""


def _call(error: BaseException) -> str:
    """Return the call that failed, as it stands in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    named = _CALL.search(frames[-1].line or "")
    return named.group() if named else frames[-1].name
