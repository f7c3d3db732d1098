"""Messages of a worker out of its pipe: whole lines, none of them trusted to be well-formed.

Used by the loky backend, one reader for each worker. It does not know which messages are in order at a time.
The job's code runs in the process that writes here, and may write to any descriptor that it finds. What is no message
of parbatch's is a fault: it is named, and from then on nothing that comes out of this pipe is believed.
"""

import os

import msgspec

from parbatch.model.messages import Message
from parbatch.worker.evidence import OF_PIPE_LOST

_PIECE = 1 << 18
# No line is longer: SQLite holds no more than so many bytes in a value, and a result is one (SQLITE_MAX_LENGTH).
_LONGEST = 1_000_000_000
# What the lines of a worker begin with; a long one is looked at before it is collected.
_BEGINNING = b'["'
_SHOWN = 60


class MessageReader:
    """The parent's end of the pipe that a worker's messages come through. `longest` bounds the bytes of one message.

    `has_read` says that there was one; `closed` that no more can come; `fault` why what came is not from a worker in
    order, empty if it is.
    """

    def __init__(self, descriptor: int, longest: int | None = None) -> None:
        self._descriptor = descriptor
        self._longest = min(longest or _LONGEST, _LONGEST)
        self._pieces: list[bytes] = []
        self._length = 0
        self._decoder = msgspec.json.Decoder(Message)
        self.has_read = False
        self.closed = False
        self.fault = ""

    def read(self) -> list[Message]:
        """Return messages that have come whole since the last call; do not wait. There may be more."""
        return self._take() or []

    def drain(self) -> list[Message]:
        """Return all messages that a process which has ended has left."""
        said: list[Message] = []
        while (taken := self._take()) is not None:
            said += taken
        return said

    def give_up(self, why: str = OF_PIPE_LOST) -> None:
        """Believe nothing more, although the worker lives: that is a fault."""
        self.fault = self.fault or why

    def _take(self) -> list[Message] | None:
        """Return what is whole in the next piece, or None when there is none, for now or for ever."""
        try:
            piece = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return None
        if not piece:
            self.closed = True
            return None
        before, newline, after = piece.rpartition(b"\n")
        if not newline:  # in the middle of a long line: kept in pieces, joined once when it is whole
            self._keep(piece)
            return []
        lines = b"".join((*self._pieces, before))
        self._pieces.clear()
        self._length = 0
        said = [] if self.fault else self._decode(lines)
        self._keep(after)
        self.has_read = self.has_read or bool(said)
        return said

    def _keep(self, piece: bytes) -> None:
        if not piece or self.fault:
            return
        if not self._pieces and not piece.startswith(_BEGINNING[: len(piece)]):
            self._find_fault(piece)
        self._length += len(piece)
        if self._length > self._longest:
            self.fault = f"it wrote more than {self._longest:,} bytes without an end {_WHERE}"
            self._pieces.clear()
        if not self.fault:
            self._pieces.append(piece)

    def _decode(self, lines: bytes) -> list[Message]:
        try:
            return self._decoder.decode_lines(lines)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._decode_up_to_fault(lines)

    def _decode_up_to_fault(self, lines: bytes) -> list[Message]:
        said: list[Message] = []
        for line in lines.split(b"\n"):
            try:
                said += self._decoder.decode_lines(line)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self._find_fault(line)
                break
        return said

    def _find_fault(self, line: bytes) -> None:
        shown = line[:_SHOWN].decode("utf-8", "backslashreplace")
        self.fault = f"it wrote {shown!r}{'…' if len(line) > _SHOWN else ''} {_WHERE}"


_WHERE = "into the descriptor through which its worker reports"
