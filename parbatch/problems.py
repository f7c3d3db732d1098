"""What a job's validation functions return or yield, as problems."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parbatch.model import Problem

# The type of a problem that is given as plain text.
PLAIN = "problem"


def problems_of(given: Any, whose: str) -> tuple[Problem, ...]:
    """Problems from a Problem, a text, or an iterable of these; None is none. Raises TypeError for anything else."""
    if given is None:
        return ()
    if isinstance(given, (Problem, str)):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise TypeError(f"{whose} returned {_shown(given)}; return or yield Problems or texts")
    return tuple(_problem(one, whose) for one in given)


def problems_by_id(given: Any, whose: str) -> Iterator[tuple[str, tuple[Problem, ...]]]:
    """Each item at fault with its problems, from `{id: problems}` or from pairs of id and problem.

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
        return Problem(PLAIN, given)
    if not isinstance(given, Problem):
        raise TypeError(f"{whose} yielded {_shown(given)}; yield Problems or texts")
    if given.severity not in {"error", "warning"}:
        raise ValueError(f"{whose} yielded a Problem of severity {given.severity!r}; it is 'error' or 'warning'")
    return given


def _shown(given: Any) -> str:
    text = repr(given)
    return f"{text[:80]}{'…' if len(text) > 80 else ''}, of type {type(given).__name__}"
