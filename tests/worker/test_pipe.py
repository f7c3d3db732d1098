"""A worker's end of its pipes: orders that come in pieces or are void, messages that can't be sent as they are."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from parbatch.model.messages import Chunk, Ended, Message, Order, Returned, Stop
from parbatch.worker.pipe import Pipe
from tests.support import task

CHUNKS = [Chunk(number, [task(number)]) for number in (1, 2)]


class Ends(NamedTuple):
    """A worker's pipe, and the parent's ends of it."""

    pipe: Pipe
    orders: int
    messages: int

    def order(self, *orders: Order) -> None:
        """Send orders, a line each."""
        os.write(self.orders, b"".join(msgspec.json.encode(order) + b"\n" for order in orders))


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A new pipe, closed after the test."""
    orders_in, orders_out = os.pipe()
    messages_in, messages_out = os.pipe()
    ends = Ends(Pipe(orders_in, messages_out), orders_out, messages_in)
    yield ends
    os.close(ends.messages)


def received(ends: Ends) -> list[Message]:
    """What the parent receives once the worker has closed the pipe."""
    ends.pipe.close()
    return msgspec.json.Decoder(Message).decode_lines(os.read(ends.messages, 1 << 16))


def test_an_outcome_that_no_message_can_hold_is_told_as_failed(ends: Ends) -> None:
    ends.pipe.send(Ended(3, 2, "ok", 0.5, templates=("odd\udc80.docx",), logs=("stdout",)))
    (message,) = received(ends)
    assert isinstance(message, Ended)
    assert (message.position, message.number, message.status, message.logs) == (3, 2, "failed", ("stdout",))
    assert message.evidence is not None
    assert message.evidence.message.startswith("how the attempt ended can't be told")


def test_an_order_that_comes_in_pieces_is_received_when_it_is_whole(ends: Ends) -> None:
    line = msgspec.json.encode(CHUNKS[0])
    os.write(ends.orders, line[:7])
    assert not ends.pipe.take_stop()
    os.write(ends.orders, line[7:] + b"\n")
    assert ends.pipe.receive() == CHUNKS[0]


def test_a_stop_voids_the_chunks_before_it_and_none_after_it(ends: Ends) -> None:
    ends.order(CHUNKS[0], Stop(), CHUNKS[1])
    assert ends.pipe.take_stop()
    assert not ends.pipe.take_stop()
    assert ends.pipe.receive() == CHUNKS[1]


def test_where_the_parent_is_gone_there_is_no_order_and_all_is_to_stop(ends: Ends) -> None:
    ends.order(CHUNKS[0])
    os.close(ends.orders)
    assert ends.pipe.receive() == CHUNKS[0]
    assert ends.pipe.receive() is None
    assert ends.pipe.take_stop()


def test_messages_are_lines_in_the_order_in_which_they_were_sent(ends: Ends) -> None:
    ends.pipe.send(Returned())
    ends.pipe.send(Ended(1, 1, "ok", 0.5))
    assert [type(message) for message in received(ends)] == [Returned, Ended]
