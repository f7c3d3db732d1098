"""A worker's end of its pipes: what it can't say as it is, it says otherwise."""

import os

import msgspec

from parbatch.model.messages import Ended, Message
from parbatch.worker.process import Pipe


def test_an_outcome_that_no_message_can_hold_is_told_as_failed() -> None:
    orders, _ = os.pipe()
    heard, messages = os.pipe()
    pipe = Pipe(orders, messages)
    pipe.send(Ended(3, 2, "ok", 0.5, templates=("odd\udc80.docx",), logs=("stdout",)))
    pipe.close()
    with open(heard, "rb") as lines:
        (said,) = msgspec.json.Decoder(Message).decode_lines(lines.read())
    assert isinstance(said, Ended)
    assert (said.position, said.number, said.status, said.logs) == (3, 2, "failed", ("stdout",))
    assert said.evidence is not None
    assert said.evidence.message.startswith("how the attempt ended can't be told")
