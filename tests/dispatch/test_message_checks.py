"""What a worker cannot say at a time, and what is done about it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.backends.base import Died
from parbatch.dispatch.message_checks import is_consistent, is_in_turn
from parbatch.errors import SetupError
from parbatch.model.messages import Began, Message, NotReady, Ready, Rendered, Returned
from parbatch.model.outcome import Output
from parbatch.model.problem import Evidence
from tests.dispatch.fakes import FakeBackend, MuteBackend, dispatched
from tests.dispatch.scheduling import scheduler as scheduler_of
from tests.support import ended, task


@pytest.mark.parametrize(
    "words",
    [
        [Ready(0), Began(7)],
        [Ready(0), Ready(0)],
        [Began(1)],
        [Ready(0), Began(1), Began(1)],
        [Ready(0), Began(1), Returned()],
        [Ready(0), Began(1), NotReady(Evidence(type="A", message="b"))],
        [Ready(0), Began(1), ended(task(1))],
        [Ready(0), Began(1), ended(task(0, number=2))],
        [Ready(0), Began(1), ended(task(0), "crashed")],
        [Ready(0), Began(1), ended(task(0), evidence=Evidence(type="A", message="b"))],
        [Ready(0), Began(1), ended(task(0), outputs=(Output("../x", 1, 1, "x"),))],
        [Ready(0), Began(1), ended(task(0), outputs=(Output("/x", 1, 1, "x"),))],
        [Ready(0), Rendered(0)],
    ],
)
def test_what_a_worker_cannot_say_ends_it_and_blames_what_was_in_flight(words: list[Message]) -> None:
    workers = MuteBackend(*words)
    book, _, dispatcher = dispatched(workers, 1, timeout=500.0)
    ends = 0

    def end(slot: int) -> None:
        nonlocal ends
        ends += 1
        workers.ended.append(workers.time)
        workers.hanging.clear()
        workers.queues[slot].clear()
        workers.said.append((slot, Died(-9)))
        if ends > 1:
            workers.work = lambda slot: FakeBackend.work(workers, slot)  # type: ignore[method-assign]

    workers.end = end  # type: ignore[method-assign]
    workers.retires_when_ended = False
    with contextlib.suppress(SetupError):  # of the words that are out of turn before there is anything in flight
        dispatcher.run()
    assert workers.ended, "it is ended"
    blamed = [end for end in book.settled.values() if end.evidence is not None]
    assert all(end.evidence and "a message of its own making" in end.evidence.message for end in blamed)
    assert bool(book.tries) == any(isinstance(word, Began) and word.chunk == 1 for word in words[1:])


def test_messages_are_in_turn_as_a_worker_goes_through_its_chunk() -> None:
    scheduler = scheduler_of(2, chunk=2)
    assert is_in_turn(Ready(0), scheduler, 0, is_ready=False)
    assert not is_in_turn(Ready(0), scheduler, 0, is_ready=True)
    assert not is_in_turn(Began(1), scheduler, 0, is_ready=True), "nothing is handed out"
    scheduler.hand_out(0)
    assert not is_in_turn(Began(1), scheduler, 0, is_ready=False)
    assert is_in_turn(Began(1), scheduler, 0, is_ready=True)
    assert not is_in_turn(Rendered(0), scheduler, 0, is_ready=True), "it is not begun"
    scheduler.began(0, 0.0)
    assert not is_in_turn(Began(1), scheduler, 0, is_ready=True)
    assert [is_in_turn(Rendered(position), scheduler, 0, is_ready=True) for position in (0, 1)] == [True, False]


@given(st.lists(st.sampled_from(["..", ".", "a", "a..b", ""]), min_size=1, max_size=4).map("/".join))
def test_outputs_lie_below_the_folder_of_the_attempt(path: str) -> None:
    is_below = not path.startswith("/") and ".." not in path.split("/")
    assert is_consistent(ended(task(0), outputs=(Output(path, 1, 1, "x"),))) == is_below
