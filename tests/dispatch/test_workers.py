"""What is known of a slot's worker, and for whose sake it is ended."""

from collections import deque

from parbatch.dispatch.worker_death import KillReason
from parbatch.dispatch.workers import Workers, WorkerState
from tests.dispatch.fakes import FakeBackend, dispatched, hangs
from tests.dispatch.scheduling import scheduler as scheduler_of
from tests.support import ended, task


def test_a_worker_that_was_to_be_ended_and_has_retired_meanwhile_leaves_nothing_to_the_next_one() -> None:
    """What is said of the worker before must not keep the limits from its successor."""
    workers = FakeBackend({0: [hangs], 1: [hangs]})
    workers.retires_when_ended = True
    book, _, dispatcher = dispatched(workers, 2, chunk=1, timeout=5.0)
    dispatcher.run()
    assert book.statuses() == "ok timeout"


def test_a_worker_is_not_ended_for_an_attempt_that_has_ended_meanwhile() -> None:
    backend, scheduler = FakeBackend(), scheduler_of(2, chunk=2)
    workers = Workers(scheduler, backend)
    assert scheduler.hand_out(0) is not None
    backend.queues[0] = deque()
    scheduler.began(0, 0.0)
    reason = KillReason(scheduler.attempt(0), "timeout", "too long", 0.0)
    scheduler.ended(0, ended(task(0)), 1.0)
    workers.kill(0, reason)
    assert ([*workers.going_on()], backend.ended) == ([0], [])
    workers.kill(0, KillReason(None, "crashed", "silent", 0.0))
    assert ([*workers.going_on()], backend.ended) == ([], [0.0])


def test_pid_and_peak_of_a_dead_worker_are_kept_for_its_last_outcome() -> None:
    workers = Workers(scheduler_of(1), FakeBackend())
    workers.states[0] = WorkerState(is_ready=True, is_distrusted=True, pid=7, peak_bytes=8)
    workers.reset(0)
    assert workers.states[0] == WorkerState(pid=7, peak_bytes=8)
