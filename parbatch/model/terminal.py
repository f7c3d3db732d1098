"""The standard streams, and the one place where text for people is written to them.

Standard output may be a terminal that is gone, a full disk, a closed pipe, or nothing at all. A line that can't be
written is left out, and that is all: no work is lost for it. Nothing of it is left in the stream's buffers either,
where it would fail once more when Python ends.

It is no value, but stands here because the start of a command, the loky backend, the engine and the reports all need
it, and backends and reports may not import one another. It knows no words: what is said is made elsewhere.
"""

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# A stream in non-blocking mode that takes nothing more is waited for, as a blocking one would make us wait; but no
# work may stand still for ever because nobody reads.
_MOST_WAITED_MS = 10_000


def show(text: str, stream: TextIO | None) -> bool:
    """Print a line, with escapes for characters that the stream's encoding lacks. Returns whether it was written."""
    return write(f"{text}\n", stream)


def write(text: str, stream: TextIO | None) -> bool:
    """Write a text as it is, with escapes for characters that are lacking. Returns whether it was written."""
    if stream is None:
        return False
    try:
        put(text.encode(_encoding(stream), "backslashreplace"), stream)
    except Exception:  # noqa: BLE001 -- what stands in for a stream fails in ways of its own; the text is lost anyway
        return False
    return True


def put(data: bytes, stream: TextIO) -> None:
    """Write bytes to where a text stream writes, below what it has buffered. Raises what the stream raises.

    Where there is a descriptor behind the stream, it is written to directly: nothing stays in a buffer.
    """
    stream.flush()
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, io.FileIO):
        _put_whole(raw.fileno(), data)
    elif buffer is not None:
        buffer.write(data)
        buffer.flush()
    else:
        stream.write(data.decode(_encoding(stream)))
        stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether people look at what is written to the stream."""
    try:
        return stream is not None and stream.isatty()
    except Exception:  # noqa: BLE001 -- closed, or something that only looks like a stream
        return False


def occupy_standard_descriptors() -> None:
    """Open the null device where descriptors 0 to 2 are closed: the next file opened would be what is printed to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)
            if opened != number:  # as happens on Windows
                os.dup2(opened, number)
                os.close(opened)


@contextlib.contextmanager
def flushing_anyway() -> Iterator[None]:
    """Let code that is not ours flush standard output and error also where that fails, or where there is none."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream if _flushes(stream) else cast("TextIO", Screen(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _flushes(stream: TextIO | None) -> bool:
    try:
        assert stream is not None
        stream.flush()
    except Exception:  # noqa: BLE001 -- as in `write`
        return False
    return True


class _Lenient(io.FileIO):
    """The raw file below a standard stream: what it can't write is lost, and nobody is the worse for it."""

    def write(self, data: "ReadableBuffer", /) -> int:
        with contextlib.suppress(OSError):
            _put_whole(self.fileno(), data)
        return memoryview(data).nbytes


def make_standard_streams_lenient() -> None:
    """Let whatever this process prints to standard output and error be lost where it can't be written.

    It is for a process that is a command of parbatch: what its job prints as it is loaded, warnings and logging must
    not end a run either, nor what Python flushes as it ends.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            raw = _Lenient(stream.fileno(), "wb", closefd=False)
            lenient = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, lenient)
            setattr(sys, f"__{name}__", lenient)


class Screen:
    """A stream for tqdm, which text can be written to whatever becomes of the stream behind it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = _encoding(stream)

    def write(self, text: str) -> int:
        """Write the text, or leave it out. Returns its length."""
        write(text, self._stream)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is written is flushed."""

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return is_terminal(self._stream)

    def fileno(self) -> int:
        """Return the descriptor behind it, which tqdm asks for the width. Raises OSError where there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _put_whole(descriptor: int, data: "ReadableBuffer") -> None:
    left = memoryview(data).cast("B")
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            if not waiting.poll(_MOST_WAITED_MS):
                raise
