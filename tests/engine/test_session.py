"""What all parts of a run use up together."""

import time

from parbatch.engine.session import Budget, new_run_id


def test_without_a_limit_nothing_is_ever_used_up() -> None:
    budget = Budget(None, spent_s=1e9)
    assert (budget.used_up, budget.stop_at(5.0)) == (None, None)


def test_what_was_spent_before_is_taken_off_the_time_that_is_left() -> None:
    budget = Budget(60.0, spent_s=45.0)
    assert budget.used_up is None
    assert budget.stop_at(100.0) == 115.0


def test_a_budget_that_is_used_up_says_how_much_it_was_and_what_was_spent() -> None:
    assert Budget(60.0, spent_s=60.0).used_up == "the time budget of 1 min 00 s was used up before (1 min 00 s)"
    assert Budget(60.0, spent_s=90.0).used_up == "the time budget of 1 min 00 s was used up before (1 min 30 s)"


def test_runs_have_names_that_differ_and_begin_with_a_time() -> None:
    first, second = new_run_id(), new_run_id()
    assert first != second
    assert (first[8], first[15]) == ("T", "Z")


def test_runs_that_begin_in_one_second_are_in_order_by_their_names() -> None:
    names = []
    for _ in range(3):
        names.append(new_run_id())
        time.sleep(0.001)
    assert names == sorted(names)
