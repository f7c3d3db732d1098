"""A worker's ends of the two pipes to its parent: lines of JSON both ways.

Made and used by `process` alone. It must know nothing of the job: what it is given to send, it sends or ends.
"""

import errno
import os
import select
from collections import deque

import msgspec
from msgspec.structs import replace

from parbatch.model.messages import Ended, Message, Order, Stop
from parbatch.worker.capture import lift
from parbatch.worker.evidence import EXIT_PIPE_LOST, of_exception

_PIECE = 1 << 18


class Pipe:
    """The pipe as a worker sees it: what it receives and sends. It can ask without blocking whether it is to stop."""

    def __init__(self, orders: int, messages: int) -> None:
        self._orders_fd = lift(orders)
        self._messages_fd = lift(messages)
        self._identity = _identity(self._messages_fd)
        self._pieces: list[bytes] = []  # of a line that has not come whole
        self._orders: deque[Order] = deque()
        self._stops = 0
        self._decoder = msgspec.json.Decoder(Order)
        self._encoder = msgspec.json.Encoder()
        self._poll = select.poll()
        self._poll.register(self._orders_fd, select.POLLIN)

    def send(self, message: Message) -> None:
        """Send a message to the parent. Ends the process when an item has closed the pipe."""
        try:
            line = self._encoder.encode(message) + b"\n"
        except Exception as error:  # noqa: BLE001 -- such as the name of a template or a metric that is no text
            line = self._encode_bare(message, error) + b"\n"
        while line:
            try:
                line = line[os.write(self._messages_fd, line) :]
            except BlockingIOError:  # an item has set it so, and the parent has not read yet
                os.set_blocking(self._messages_fd, True)
            except OSError as error:
                if error.errno == errno.EBADF:
                    os._exit(EXIT_PIPE_LOST)
                error.filename = "the pipe to the process that runs the batch"
                raise

    def _encode_bare(self, message: Message, error: Exception) -> bytes:
        """Encode an `Ended` of which a part can't be encoded. Raises the error where it is another message."""
        if not isinstance(message, Ended):
            raise error
        evidence = of_exception(error, skip=(__file__,), advice="how the attempt ended can't be told")
        return self._encoder.encode(replace(_bare(message), evidence=evidence))

    @property
    def is_lost(self) -> bool:
        """Whether messages reach nobody: an item has put something else in the pipe's place."""
        return _identity(self._messages_fd) != self._identity

    def close(self) -> None:
        """End the conversation: what this process still does is nobody's concern."""
        os.close(self._messages_fd)

    def receive(self) -> Order | None:
        """Wait for the next order, and return it; None when the parent has ended the conversation."""
        while not self._orders:
            if not self._read():
                return None
        order = self._orders.popleft()
        self._stops -= isinstance(order, Stop)
        return order

    def take_stop(self) -> bool:
        """Tell, without waiting, whether a Stop has come. It voids every chunk that came before it."""
        while self._poll.poll(0):
            if not self._read():
                return True
        if not self._stops:
            return False
        while not isinstance(self.receive(), Stop):
            continue
        return True

    def _read(self) -> bool:
        try:
            piece = os.read(self._orders_fd, _PIECE)
        except BlockingIOError:  # an item has set it so
            os.set_blocking(self._orders_fd, True)
            return self._read()
        before, newline, after = piece.rpartition(b"\n")
        if newline:
            orders = self._decoder.decode_lines(b"".join((*self._pieces, before)))
            self._pieces = [after] if after else []
            self._orders.extend(orders)
            self._stops += sum(isinstance(order, Stop) for order in orders)
        else:
            self._pieces.append(piece)
        return bool(piece)


def _bare(ended: Ended) -> Ended:
    """Return the end of an attempt as `failed`, without anything that the job's code has a say in."""
    return Ended(
        ended.position,
        ended.number,
        "failed",
        ended.duration_s,
        ended.cpu_s,
        ended.peak_memory_bytes,
        logs=ended.logs,
        slot=ended.slot,
        ended_at=ended.ended_at,
        pid=ended.pid,
        acceleration=ended.acceleration,
    )


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Return what tells the file behind a descriptor from all others; None if it is closed."""
    try:
        state = os.fstat(descriptor)
    except OSError:
        return None
    return state.st_dev, state.st_ino
