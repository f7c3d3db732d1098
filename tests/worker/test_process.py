"""What a worker tells of a chunk, when it stops, and when it makes room for a new one."""

import os

import msgspec
import pytest

from parbatch import Job
from parbatch.model.messages import Began, Chunk, Ended, Message, Order, Ready, Retiring, Returned, Stop
from parbatch.worker.pipe import Pipe
from parbatch.worker.process import Worker
from tests.support import make_job, task
from tests.worker.conftest import MakeSession

CHUNKS = [Chunk(number, [task(2 * number), task(2 * number + 1)]) for number in (1, 2)]


def messages_of(make_session: MakeSession, job: Job, orders: list[Order], memory_cap: int | None = None) -> list[type]:
    """The kinds of messages of a worker that is given these orders, and no more."""
    orders_in, orders_out = os.pipe()
    messages_in, messages_out = os.pipe()
    os.write(orders_out, b"".join(msgspec.json.encode(order) + b"\n" for order in orders))
    os.close(orders_out)
    pipe = Pipe(orders_in, messages_out)
    Worker(pipe, make_session(job), memory_cap).serve()
    pipe.close()
    with open(messages_in, "rb") as lines:
        return [type(message) for message in msgspec.json.Decoder(Message).decode_lines(lines.read())]


def test_a_worker_is_ready_begins_a_chunk_and_tells_the_end_of_what_it_does(make_session: MakeSession) -> None:
    """That the pipe ends is a stop as well: the second item is not begun."""
    assert messages_of(make_session, make_job([]), [CHUNKS[0]]) == [Ready, Began, Ended, Returned]


def test_a_stop_without_a_chunk_is_answered(make_session: MakeSession) -> None:
    assert messages_of(make_session, make_job([]), [Stop()]) == [Ready, Returned]


@pytest.mark.parametrize("memory_cap", [None, 2**50])
def test_one_that_has_room_goes_on(make_session: MakeSession, memory_cap: int | None) -> None:
    assert Retiring not in messages_of(make_session, make_job([]), [CHUNKS[0], Stop(), CHUNKS[1]], memory_cap)
