"""Which workers are ended for an attempt's time or memory, or as they say nothing."""

import pytest

from parbatch.dispatch.worker_waits import SILENCE_S
from parbatch.errors import SetupError
from parbatch.model.messages import Loading, Ready
from tests.dispatch.fakes import FakeBackend, MuteBackend, dispatched, hangs


def test_an_attempt_past_its_time_is_ended_after_a_dump_of_its_stacks() -> None:
    workers = FakeBackend({1: [hangs]})
    book, _, dispatcher = dispatched(workers, 3, timeout=5.0)
    dispatcher.run()
    assert book.statuses() == "ok timeout ok"
    assert workers.dumped[0] == pytest.approx(5.0)
    assert workers.ended[0] > workers.dumped[0]
    evidence = book.settled[1].evidence
    assert evidence is not None
    assert (evidence.type, evidence.message) == ("TimeoutError", "the attempt took longer than 5.0 s")
    assert book.settled[1].duration_s >= 5.0
    assert book.settled[1].logs == ("stderr",)


def test_a_worker_over_the_cap_is_ended_for_the_item_in_flight() -> None:
    workers = FakeBackend({1: [hangs]}, size=2 * 1024**3)
    book, _, dispatcher = dispatched(workers, 3, memory_cap=256 * 1024**2)
    dispatcher.run()
    assert book.statuses() == "ok memory ok"
    last = book.settled[1]
    assert last.evidence is not None
    assert last.evidence.message == "the worker and its processes took 2.0 GB; the cap is 256.0 MB"
    assert last.peak_memory_bytes == 2 * 1024**3


def test_a_worker_that_says_nothing_for_a_minute_ends_the_run() -> None:
    workers = MuteBackend()
    _, _, dispatcher = dispatched(workers, 3)
    with pytest.raises(SetupError, match=r"No worker can start: the worker said nothing for 1 min"):
        dispatcher.run()
    assert workers.time == SILENCE_S


def test_what_is_loaded_before_the_first_item_has_the_time_of_an_attempt_and_its_own() -> None:
    workers = MuteBackend(Loading("the job's import"), Loading("setup"))
    _, _, dispatcher = dispatched(workers, 3, timeout=100.0)
    with pytest.raises(SetupError, match=r"No worker can start: setup took longer than 1 min 40 s"):
        dispatcher.run()
    assert workers.dumped == [100.0]


def test_a_worker_that_is_ready_and_takes_up_nothing_is_replaced() -> None:
    workers = MuteBackend(Ready(0))
    _, scheduler, dispatcher = dispatched(workers, 3)

    def work(slot: int) -> None:
        FakeBackend.work(workers, slot)

    def end(slot: int) -> None:
        FakeBackend.end(workers, slot)
        workers.work = work  # type: ignore[method-assign]

    workers.end = end  # type: ignore[method-assign]
    dispatcher.run()
    assert (workers.ended, scheduler.finished) == ([SILENCE_S], True)


def test_a_cap_that_a_worker_exceeds_before_its_first_item_ends_the_run() -> None:
    backend = MuteBackend(Ready(9))
    _, _, dispatcher = dispatched(backend, 3, memory_cap=8)
    with pytest.raises(SetupError, match=r"A worker takes 9 B before its first item, and its cap is 8 B\."):
        dispatcher.run()
