"""Problems, from what a job's validation functions return or yield.

Called by `attempt` and `whole_chunk`. It must not know what problems make of an item.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from parbatch.model.problem import Problem
from parbatch.model.text import MOST_MESSAGE, MOST_SHORT, shorten

# Of one item: what a person does not read all of, a checkpoint need not hold.
MOST_PROBLEMS = 1_000
# The type of a problem that is given as plain text.
PLAIN = "problem"


def problems_of(given: Any, whose: str) -> tuple[Problem, ...]:
    """Return problems from a Problem, a text, or some of these; None is none. Raises TypeError for anything else."""
    if given is None:
        return ()
    if isinstance(given, (Problem, str)):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise TypeError(f"{whose} returned {_shown(given)}; return or yield Problems or texts")
    problems = [_problem(one, whose) for one in islice(given, MOST_PROBLEMS)]
    if len(problems) == MOST_PROBLEMS:
        problems.append(Problem(PLAIN, f"more than {MOST_PROBLEMS:,} problems: these are the first"))
    return tuple(problems)


def problems_by_id(given: Any, whose: str) -> Iterator[tuple[str, tuple[Problem, ...]]]:
    """Yield each item at fault with its problems, from `{id: problems}` or from pairs of id and problem.

    Raises TypeError for anything else.
    """
    pairs = given.items() if isinstance(given, Mapping) else () if given is None else given
    if isinstance(pairs, (str, Problem)) or not isinstance(pairs, Iterable):
        raise TypeError(f"{whose} returned {_shown(given)}; return {{id: problems}}, or yield (id, problem)")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise TypeError(f"{whose} yielded {_shown(pair)}; yield (id, problem)")
        yield pair[0], problems_of(pair[1], whose)


def _problem(given: Any, whose: str) -> Problem:
    if isinstance(given, str):
        given = Problem(PLAIN, given)
    if not isinstance(given, Problem):
        raise TypeError(f"{whose} yielded {_shown(given)}; yield Problems or texts")
    if given.severity not in {"error", "warning"}:
        raise ValueError(f"{whose} yielded a Problem of severity {given.severity!r}; it is 'error' or 'warning'")
    texts = (given.type, given.message, given.where, given.suggestion)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{whose} yielded {_shown(given)}; what a Problem says is text")
    if all(type(text) is str and text.isascii() and len(text) <= MOST_SHORT for text in texts):  # nearly always
        return given
    kind, message, where, suggestion = texts
    return Problem(
        shorten(kind, MOST_SHORT),
        shorten(message, MOST_MESSAGE),
        shorten(where, MOST_SHORT),
        shorten(suggestion, MOST_MESSAGE),
        given.severity,
    )


def _shown(given: Any) -> str:
    text = repr(given)
    return f"{text[:80]}{'…' if len(text) > 80 else ''}, of type {type(given).__name__}"
