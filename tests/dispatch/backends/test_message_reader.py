"""What the parent makes of what comes through a worker's pipe, whoever wrote it."""

import os
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.backends.message_reader import MessageReader
from parbatch.model.messages import Began, Ended, Ready, Returned

WORDS = [Ready(5, 7), Began(1), Ended(0, 1, "ok", 0.5, result=msgspec.Raw(b'"' + b"x" * 300_000 + b'"')), Returned()]


def lines(*messages: object) -> bytes:
    return b"".join(msgspec.json.encode(message) + b"\n" for message in messages)


class Pipe:
    def __init__(self, longest: int | None = None) -> None:
        reading, self.writing = os.pipe()
        os.set_blocking(reading, False)
        self.reader = MessageReader(reading, longest)
        self._reading = reading

    def write(self, text: bytes) -> list[object]:
        """Write what the pipe takes at once, and have it heard, again and again."""
        said: list[object] = []
        for start in range(0, len(text), 4096):
            os.write(self.writing, text[start : start + 4096])
            said += self.reader.read()
        return said

    def close(self) -> None:
        os.close(self._reading)
        os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_messages_come_as_they_were_said_however_they_are_cut(pipe: Pipe) -> None:
    assert pipe.write(lines(*WORDS)) == WORDS
    assert (pipe.reader.fault, pipe.reader.closed) == ("", False)


@pytest.mark.parametrize(
    "written",
    [
        b"hello\n",
        b"hello",
        b"\x00" * 20 + b"\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'["ended"]\n',
        b'["ended",0,1,"splendid",0.1]\n',
        b'["ended",0,1,"ok",0.1,0,0,' + b"[" * 50_000 + b"]" * 50_000 + b"]\n",
        b'["unheard-of",1]\n',
        b'{"a": 1}\n',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_message_is_a_fault_and_what_came_before_counts(pipe: Pipe, written: bytes) -> None:
    said = pipe.write(lines(Ready(5, 7)) + written + lines(Began(1)))
    assert said == [Ready(5, 7)]
    assert "into the descriptor through which its worker reports" in pipe.reader.fault
    assert pipe.write(lines(Began(1))) == [], "nothing more is believed"


def test_a_line_without_an_end_is_given_up_at_its_bound() -> None:
    pipe = Pipe(longest=100_000)
    pipe.write(b'["ended",0,1,"ok",0.1,0,0,"' + b"x" * 99_000)
    assert pipe.reader.fault == ""
    pipe.write(b"x" * 2_000)
    assert "more than 100,000 bytes without an end" in pipe.reader.fault
    pipe.close()


def test_a_worker_that_has_died_in_the_middle_of_a_line_is_heard_out(pipe: Pipe) -> None:
    """Also where a process that it has started still holds the other end."""
    os.write(pipe.writing, lines(Ready(1), Began(1)) + b'["ended",0,')
    assert pipe.reader.drain() == [Ready(1), Began(1)]
    assert not pipe.reader.closed


def test_an_end_of_the_pipe_is_seen(pipe: Pipe) -> None:
    os.write(pipe.writing, lines(Ready(1)))
    os.close(pipe.writing)
    assert pipe.reader.drain() == [Ready(1)]
    assert pipe.reader.closed
    pipe.writing = os.open(os.devnull, os.O_WRONLY)


def heard(cut: Callable[[bytes], list[bytes]], text: bytes) -> tuple[list[object], bool]:
    pipe = Pipe()
    said: list[object] = []
    for piece in cut(text):
        os.write(pipe.writing, piece)
        said += pipe.reader.read()
    fault = bool(pipe.reader.fault)
    pipe.close()
    return said, fault


@given(before=st.sampled_from([b"", lines(Ready(1)), lines(Ready(1), Began(1))]), noise=st.binary(max_size=60))
def test_no_bytes_at_all_make_it_raise(before: bytes, noise: bytes) -> None:
    said, _ = heard(lambda text: [text[:7], text[7:]], before + noise + b"\n" + lines(Began(2)))
    assert said[: before.count(b"\n")] == [Ready(1), Began(1)][: before.count(b"\n")]
