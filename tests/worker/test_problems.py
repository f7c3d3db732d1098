"""What validation may give back: problems and texts, one or many; anything else is refused by name."""

from typing import Any

import pytest

from parbatch import Problem
from parbatch.worker.problems import MOST_PROBLEMS, PLAIN, problems_by_id, problems_of

ODD = Problem("odd", "this is odd")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        ("wrong", [Problem(PLAIN, "wrong")]),
        (ODD, [ODD]),
        (["wrong", ODD], [Problem(PLAIN, "wrong"), ODD]),
        (iter([ODD]), [ODD]),
    ],
)
def test_problems_and_texts_may_be_given_one_or_many(given: Any, expected: list[Problem]) -> None:
    assert list(problems_of(given, "check")) == expected


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (7, TypeError, "check returned 7, of type int"),
        ({"a": "wrong"}, TypeError, "check returned {'a': 'wrong'}, of type dict"),
        ([7], TypeError, "check yielded 7, of type int; yield Problems or texts"),
        (Problem("odd", 7), TypeError, "what a Problem says is text"),  # type: ignore[arg-type]
        (Problem("odd", "", severity="bad"), ValueError, "of severity 'bad'"),  # type: ignore[arg-type]
    ],
)
def test_anything_else_is_refused_with_what_it_is(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=r"^check ") as raised:
        problems_of(given, "check")
    assert message in str(raised.value)


def test_of_very_many_problems_the_first_are_kept_and_it_is_said() -> None:
    problems = problems_of((str(number) for number in range(MOST_PROBLEMS * 2)), "check")
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].message == "more than 1,000 problems: these are the first"


def test_a_long_message_is_cut() -> None:
    (problem,) = problems_of(Problem("odd", "x" * 10**6), "check")
    assert len(problem.message) < 10**5


@pytest.mark.parametrize("given", [{"a": "wrong", "b": [ODD]}, [("a", "wrong"), ("b", ODD)]])
def test_problems_of_a_chunk_are_given_by_id(given: Any) -> None:
    assert dict(problems_by_id(given, "check")) == {"a": (Problem(PLAIN, "wrong"),), "b": (ODD,)}


@pytest.mark.parametrize("given", ["wrong", ODD, 7, ["wrong"], [(1, "wrong")]])
def test_problems_of_a_chunk_without_ids_are_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"\(id, problem\)"):
        list(problems_by_id(given, "check"))
