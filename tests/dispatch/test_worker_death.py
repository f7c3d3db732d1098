"""What the death of a worker means for what it was at, and for the run."""

from pathlib import Path

import pytest

from parbatch.dispatch.backends.base import Died
from parbatch.dispatch.worker_death import MOST_STARTUP_FAILURES, KillReason, StartupFailures, evidence_of
from parbatch.errors import SetupError
from parbatch.model.problem import Evidence
from tests.dispatch.fakes import FakeBackend, crashes, dispatched
from tests.support import task


def test_a_crash_is_the_crash_of_the_item_in_flight_and_is_tried_once_more() -> None:
    workers = FakeBackend({1: [crashes, crashes], 4: [crashes]})
    book, _, dispatcher = dispatched(workers, 6)
    dispatcher.run()
    assert book.statuses() == "ok crashed ok ok ok ok"
    assert sorted(workers.made) == [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2), (5, 1)]
    evidence = book.settled[1].evidence
    assert evidence is not None
    assert (evidence.type, evidence.returncode, evidence.signal) == ("SIGSEGV", -11, "SIGSEGV")


def test_workers_that_die_before_their_first_item_again_and_again_end_the_run(tmp_path: Path) -> None:
    class DyingAtStart(FakeBackend):
        starts = 0

        def work(self, slot: int) -> None:
            if self.queues[slot]:
                self.starts += 1
                self.queues[slot].clear()
                self.said.append((slot, Died(-4)))

    workers = DyingAtStart()
    book, _, dispatcher = dispatched(workers, 9)
    with pytest.raises(
        SetupError, match=f"{MOST_STARTUP_FAILURES} workers in a row ended before their first item: .*SIGILL"
    ):
        dispatcher.run()
    assert workers.starts == MOST_STARTUP_FAILURES
    assert book.tries == []
    assert tmp_path.exists()


def test_a_worker_that_starts_makes_those_before_it_no_failures_in_a_row() -> None:
    failures = StartupFailures(FakeBackend(), "/nowhere")
    death = Evidence(type="SIGILL", message="it was ended by SIGILL")
    for _ in range(MOST_STARTUP_FAILURES - 1):
        failures.count(0, death, None)
    failures.reset()
    for _ in range(MOST_STARTUP_FAILURES - 1):
        failures.count(0, death, None)
    failures.count(0, death, KillReason(None, "pending", "interrupted", 0.0))
    with pytest.raises(SetupError, match="3 workers in a row"):
        failures.count(0, death, None)


def test_a_worker_that_was_ended_is_no_more_for_the_reason_it_was_ended_for() -> None:
    reason = KillReason(task(0), "timeout", "the attempt took longer than 5 s", 5.0)
    assert evidence_of(Died(-9), reason) == Evidence(
        type="TimeoutError", message="the attempt took longer than 5 s", returncode=-9, signal="SIGKILL"
    )
    assert evidence_of(Died(-9), None).type == "SIGKILL"
