"""What a command prints: a text for people, or data for programs, which has standard output to itself.

With data, whatever else writes to standard output (the job as it is loaded, its items function, C code, child
processes) is sent to standard error, at the level of descriptors.
"""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

import msgspec

from parbatch.errors import NobodyReadsError, NotWrittenError
from parbatch.model.terminal import is_terminal, put, show

_CLEAR = b"\x1b[2J\x1b[1;1H"
_PIECE = 64 * 1024  # bytes gathered before they are written


class Output:
    """Standard output as it was when the command began."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def is_terminal(self) -> bool:
        """Whether people read along; else it is a pipe or a file, and each line stands for itself."""
        return is_terminal(self._stream)

    @property
    def telling(self) -> tuple[str, TextIO | None]:
        """How, and where, a person is told what takes long: on standard error, where that is a terminal."""
        return ("lines" if is_terminal(sys.stderr) else "none"), sys.stderr

    def lines(self, lines: Iterable[str]) -> None:
        """Print what the command is there to say. Raises NotWrittenError, but not where standard output is closed."""
        if self._stream is not None:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self.pieces(f"{line}\n".encode(encoding, "backslashreplace") for line in lines)

    def tell(self, lines: Iterable[str]) -> None:
        """Print what the command has done; it is done, whether that can be written or not."""
        with contextlib.suppress(NotWrittenError):
            self.lines(lines)

    def clear(self) -> None:
        """Clear the screen of a terminal. Raises NotWrittenError."""
        self.pieces([_CLEAR])

    def json(self, value: object) -> None:
        """Write a value as indented JSON. Raises NotWrittenError."""
        self.pieces([json_text(value)])

    def result(self, pieces: Iterable[bytes], exit_code: int) -> int:
        """Write what a run came to, as JSON text. Returns the exit code: the run's own; 1 in place of 0 if that failed.

        Whoever closes the pipe has read enough.
        """
        try:
            self.pieces(pieces)
        except NobodyReadsError:
            return exit_code
        except NotWrittenError as error:
            show(f"parbatch: {error} The command itself ended with {exit_code}, and what it did is kept.", sys.stderr)
            return exit_code or error.exit_code
        return exit_code

    def pieces(self, pieces: Iterable[bytes]) -> None:
        """Write data as it comes. Raises NotWrittenError."""
        gathered = bytearray()
        for piece in pieces:
            gathered += piece
            if len(gathered) >= _PIECE:
                self._put(gathered)
                gathered.clear()
        self._put(gathered)

    def _put(self, data: bytearray) -> None:
        if self._stream is None:
            raise NotWrittenError("Standard output is closed.")
        try:
            put(bytes(data), self._stream)
        except BrokenPipeError as error:
            raise NobodyReadsError("Nobody reads standard output any more.") from error
        except (OSError, ValueError) as error:
            raise NotWrittenError(f"Standard output can't be written ({error}).") from error


def json_text(value: object) -> bytes:
    """Return a value as indented JSON, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


@contextlib.contextmanager
def standard_output(*, json: bool = False, fields: bool = False) -> Iterator[Output]:
    """Give the command its output; nothing else goes there with `json`, nor with `fields` into a pipe or file."""
    before = sys.stdout
    if not json and (not fields or is_terminal(before)):
        yield Output(before)
        return
    with contextlib.redirect_stdout(sys.stderr), _apart(before) as stream:
        yield Output(stream)


@contextlib.contextmanager
def _apart(stream: TextIO | None) -> Iterator[TextIO | None]:
    """Give a stream of its own to where standard output leads, and send that of the process to standard error.

    It stays so to the process's end, as functions that are called at exit print too. Where something else stands in for
    standard output, there is no descriptor to send elsewhere.
    """
    number = None if stream is None else _descriptor_of(stream)
    if stream is None or number is None:
        yield stream
        return
    kept = os.dup(number)
    os.dup2(2, number)
    with contextlib.closing(open(kept, "w", encoding=stream.encoding, errors="backslashreplace")) as own:
        yield own


def _descriptor_of(stream: TextIO) -> int | None:
    if stream is not sys.__stdout__:
        return None
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError):
        return None
