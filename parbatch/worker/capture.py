"""Capture of what an item prints, at the level of file descriptors: Python, C code and child processes alike.

Descriptors 1 and 2 point to two files of the slot, opened for appending. After each item their sizes tell whether
there is anything to keep: a silent item costs two system calls. When a worker dies, its files hold the output of the
item in flight. Called by `attempt`, and by backends for workers that died; it must not know who reads the logs.
"""

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from parbatch.model.outcome import STREAMS
from parbatch.storage.tree import Directory

# A log keeps this much of its beginning and as much of its end; an item that prints 50 MB is a bug to look at,
# and the two ends show it.
LOG_HALF = 1024 * 1024
# The stacks of a worker's threads, written just before its death, are within so much of the end.
_STACKS = 64 * 1024

# From this number on lie the descriptors that are lifted, of which a process has few.
_LIFTED, _MOST_LIFTED = 200, 8

_libc = ctypes.CDLL(None) if os.name == "posix" else None


class _Stream:
    """One descriptor, the file behind it, and the Python stream in front of it."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.name = STREAMS[number - 1]
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self.keep = lift(os.open(path, flags, 0o644))
        state = os.fstat(self.keep)
        self._device, self._inode = state.st_dev, state.st_ino
        self.text = _unbuffered(number)

    def install(self) -> None:
        os.dup2(self.keep, self.number)
        setattr(sys, self.name, self.text)

    def size(self) -> int:
        """Bytes printed since the last look; sets things right where the item closed or replaced them."""
        try:
            state = os.fstat(self.number)
        except OSError:
            state = None
        if state is None or state.st_ino != self._inode or state.st_dev != self._device:
            os.dup2(self.keep, self.number)
            state = os.fstat(self.keep)
        if getattr(sys, self.name) is not self.text or self.text.closed:
            if self.text.closed:
                self.text = _unbuffered(self.number)
            setattr(sys, self.name, self.text)
        return state.st_size


class Capture:
    """The captured output of one slot. `install` it for good in a worker, or use `installed` around an item."""

    def __init__(self, prefix: str) -> None:
        self._streams = [_Stream(number, capture_file(prefix, STREAMS[number - 1])) for number in (1, 2)]
        self._before: list[tuple[TextIO, int]] = []

    @property
    def stderr_fd(self) -> int:
        """A descriptor of the error log that items are unlikely to close: for stack dumps."""
        return self._streams[1].keep

    def install(self) -> None:
        """Send descriptors 1 and 2 to the capture files."""
        for stream in self._streams:
            stream.install()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Send them there for a while; afterwards both are what they were."""
        _flush()
        self._before = [(getattr(sys, stream.name), os.dup(stream.number)) for stream in self._streams]
        self.install()
        try:
            yield
        finally:
            _flush()
            for stream, (text, descriptor) in zip(self._streams, self._before, strict=True):
                os.dup2(descriptor, stream.number)
                os.close(descriptor)
                setattr(sys, stream.name, text)

    def descriptors_before(self) -> list[int]:
        """Inside `installed`: what descriptors 1 and 2 were before."""
        return [descriptor for _, descriptor in self._before]

    def close(self) -> None:
        """Close the capture files of a capture that is not installed."""
        for stream in self._streams:
            os.close(stream.keep)

    def is_silent(self) -> bool:
        """Tell whether nothing was printed; sets things right where the item closed or replaced the streams."""
        _flush()
        out, err = self._streams
        return not out.size() + err.size()

    def take(self, destination: str, *, below: Collection[str] = (), leave: bool = False) -> tuple[str, ...]:
        """Move what was printed to `<destination>.stdout` and `.stderr`, and return which were not empty.

        The streams in `below` go below what was taken before; with `leave`, all can be taken once more for somebody
        else.
        """
        _flush()
        taken = []
        for stream in self._streams:
            if stream.size():
                with open(capture_file(destination, stream.name), "ab" if stream.name in below else "wb") as log:
                    _copy(stream.keep, log)
                if not leave:
                    os.ftruncate(stream.keep, 0)
                taken.append(stream.name)
        return tuple(taken)

    def note(self, text: str) -> None:
        """Put a line of parbatch's own into the error log, whatever the item has done to its streams.

        On a full disk there is none: what it tells of matters more than the line.
        """
        with contextlib.suppress(OSError):
            os.write(self.stderr_fd, text.encode("utf-8", "backslashreplace"))

    def drop(self) -> None:
        """Forget what was printed."""
        _flush()
        for stream in self._streams:
            if stream.size():
                os.ftruncate(stream.keep, 0)


def capture_file(prefix: str, stream: str) -> Path:
    """Return where a stream's output lies for a slot or an attempt."""
    return Path(f"{prefix}.{stream}")


def copy_captured_output(prefix: str, destination: str) -> tuple[str, ...]:
    """Copy the captured output of a dead worker to `destination`. Returns which streams there are.

    One that can't be copied, to a full disk say, is not there: the outcome matters more than its log.
    """
    found = []
    for stream in STREAMS:
        source = capture_file(prefix, stream)
        with contextlib.suppress(OSError):
            if source.exists() and source.stat().st_size:
                with source.open("rb") as lines, capture_file(destination, stream).open("wb") as log:
                    _copy(lines.fileno(), log)
                found.append(stream)
    return tuple(found)


def write_log(printed: Path, log: Path, heading: str, *, below: bool = False) -> None:
    """Move what was printed into a log under a heading, over what is there or `below` it.

    Raises UnsafePathError where the log, or what was printed, is not a plain file.
    """
    with Directory.at(str(printed.parent)) as staged, Directory.at(str(log.parent)) as logs:
        with staged.open(printed.name) as source, logs.append(log.name) if below else logs.create(log.name) as target:
            target.write(heading.encode("utf-8", "backslashreplace"))
            shutil.copyfileobj(source, target)
        staged.remove(printed.name)


def add_last_line(destination: str, text: str) -> str:
    """Put a line of parbatch's own below what a dead worker's item had printed as errors; returns the end of it all.

    Where that can't be written there is nothing to return: the outcome matters more than its log.
    """
    with contextlib.suppress(OSError), capture_file(destination, STREAMS[1]).open("ab+") as log:
        log.write(f"parbatch: {text}\n".encode("utf-8", "backslashreplace"))
        log.seek(-min(log.tell(), _STACKS), os.SEEK_END)
        return log.read().decode("utf-8", "replace")
    return ""


def _copy(descriptor: int, log: BinaryIO) -> None:
    size = os.fstat(descriptor).st_size
    if size <= 2 * LOG_HALF:
        _copy_range(descriptor, 0, size, log)
        return
    _copy_range(descriptor, 0, LOG_HALF, log)
    log.write(f"\n[parbatch: {size - 2 * LOG_HALF} bytes cut here]\n".encode())
    _copy_range(descriptor, size - LOG_HALF, LOG_HALF, log)


def _copy_range(descriptor: int, start: int, length: int, log: BinaryIO) -> None:
    while length:
        piece = os.pread(descriptor, min(length, 1 << 20), start)
        if not piece:
            return
        log.write(piece)
        start, length = start + len(piece), length - len(piece)


def _flush() -> None:
    """Push out what C code has printed; Python's own streams here write through."""
    if _libc is not None:
        _libc.fflush(None)


def _unbuffered(number: int) -> TextIO:
    """Open a Python stream over a descriptor that holds nothing back: a crash must not swallow what was printed."""
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115 -- lives as long as the process
    return TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def lift(descriptor: int) -> int:
    """Move a descriptor to a high number: out of the way of code that closes the low ones, and not soon given anew.

    Where the system allows few descriptors, the number is as high as leaves room for those of a worker above it.
    """
    if os.name != "posix":
        return descriptor
    import fcntl  # noqa: PLC0415 -- POSIX alone
    import resource  # noqa: PLC0415 -- POSIX alone

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = _LIFTED if most < 0 else max(3, min(_LIFTED, most - _MOST_LIFTED))
    try:
        lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:  # all of the few above it are taken
        lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return lifted
