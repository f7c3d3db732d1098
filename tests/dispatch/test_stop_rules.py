"""When a run stops handing out: after failures, failures alike in a row, and at a point in time."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from parbatch.dispatch.scheduler import ChunkMode
from parbatch.dispatch.stop_rules import StopRules
from tests.dispatch.scheduling import end, fail, handed, scheduler, stop_of
from tests.support import ended


def test_an_item_that_is_tried_again_is_no_failure_yet() -> None:
    made = scheduler(2, stops={"max_failures": 1}, attempts=2)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert stop_of(made) is None
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert stop_of(made) == "the limit of 1 failure was reached (--max-failures 1)"
    assert made.waiting == 1


def test_max_failures_counts_items_whatever_their_status() -> None:
    made = scheduler(10, chunk=10, stops={"max_failures": 3})
    made.hand_out(0)
    made.began(0, 0.0)
    for status in ("failed", "timeout"):
        end(made, status)
    end(made)
    assert stop_of(made) is None
    end(made, "memory")
    assert stop_of(made) == "the limit of 3 failures was reached (--max-failures 3)"


def test_attempts_that_fail_alike_in_a_row_stop_the_run() -> None:
    made = scheduler(10, chunk=10, stops={"max_same_failure": 3})
    made.hand_out(0)
    made.began(0, 0.0)
    for fingerprint in ("a", "a", "b", "b"):
        fail(made, fingerprint)
    end(made)  # an ok in between starts the count anew
    for _ in range(2):
        fail(made, "b")
    assert stop_of(made) is None
    fail(made, "b")
    assert stop_of(made) == "3 attempts in a row failed alike (--max-same-failure 3)"


def test_attempts_in_a_row_are_counted_over_all_slots_and_tries() -> None:
    made = scheduler(10, slots=2, attempts=2, stops={"max_same_failure": 3})
    for slot in (0, 1, 0):
        made.hand_out(slot)
        made.began(slot, 0.0)
        fail(made, "a", slot)
    assert stop_of(made) == "3 attempts in a row failed alike (--max-same-failure 3)"


def test_after_a_stop_nothing_is_handed_out_and_the_first_reason_stays() -> None:
    made = scheduler(10)
    made.hand_out(0)
    made.stop("interrupted")
    made.stop("the time budget is used up")
    assert stop_of(made) == "interrupted"
    assert handed(made) == []
    before = made.finished
    made.returned(0)
    assert (before, made.finished, made.waiting) == (False, True, 10)


def test_what_the_items_of_a_chunk_fail_for_together_is_one_failure_alike() -> None:
    made = scheduler(6, chunk=3, mode=ChunkMode(works_on_chunk=True), stops={"max_same_failure": 2})
    for count in (1, 2):
        assert made.stopped_by is None, f"before chunk {count}"
        made.hand_out(0)
        made.began(0, 0.0)
        for one in made.in_flight(0):
            made.ended(0, ended(one, "failed", fingerprint="same"), 1.0)
    assert "2 attempts in a row failed alike" in str(made.stopped_by)


def test_the_time_budget_stops_the_run_when_it_is_used_up_and_is_no_deadline_after_that() -> None:
    rules = StopRules(stop_at=10.0)
    rules.check_time(9.9)
    before = (rules.reason, rules.deadline)
    rules.check_time(10.0)
    rules.stop("interrupted")
    assert before == (None, 10.0)
    assert (rules.reason, rules.deadline) == ("the time budget is used up", None)


def test_failures_from_before_count_towards_the_limit() -> None:
    rules = StopRules(max_failures=3, failures_before=2)
    before = rules.reason
    rules.count_settled()
    assert (before, rules.reason) == (None, "the limit of 3 failures was reached (--max-failures 3)")
    assert StopRules(max_failures=2, failures_before=2).reason is not None, "before anything is handed out"


@given(st.lists(st.sampled_from(["ok", "a", "b"]), max_size=30), st.integers(1, 4))
def test_the_run_stops_at_the_first_row_of_failures_alike_that_is_long_enough(ends: list[str], most: int) -> None:
    rules = StopRules(max_same_failure=most)
    for chunk, how in enumerate(ends, start=1):
        if how == "ok":
            rules.count_ok()
        else:
            rules.count_failed(how, chunk, had_company=False)
        so_far = ends[:chunk]
        rows = [len([*row]) for fingerprint, row in groupby(so_far) if fingerprint != "ok"]
        assert (rules.reason is not None) == (max(rows, default=0) >= most)
