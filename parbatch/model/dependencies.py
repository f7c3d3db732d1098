"""Dependencies between jobs: which come before a job, and in which order they are done.

Used by jobs, to check themselves, and by the engine, for its phases. It is pure, and knows no folder.
"""

from typing import TYPE_CHECKING

from parbatch.errors import JobError
from parbatch.model.file_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parbatch.model.job import Job


def in_order(job: "Job") -> "list[Job]":
    """Return the job and all that it comes after, each once, none before what it comes after itself; the job last.

    Raises JobError for jobs that come after one another in a circle, and for two different jobs of one name.
    """
    ordered: list[Job] = []
    done: set[int] = set()
    under_way: dict[int, Job] = {}  # from the job down to the one that is being looked at
    steps: list[tuple[Job, Iterator[Job]]] = [(job, iter(job.after))]
    under_way[id(job)] = job
    while steps:  # a loop, since a chain may be longer than calls can be nested
        current, earlier = steps[-1]
        one = next(earlier, None)
        if one is None:
            steps.pop()
            del under_way[id(current)]
            done.add(id(current))
            ordered.append(current)
        elif id(one) in under_way:
            raise JobError(_circle([*under_way.values()], one))
        elif id(one) not in done:
            under_way[id(one)] = one
            steps.append((one, iter(one.after)))
    _check_names(ordered)
    return ordered


def _circle(path: "list[Job]", again: "Job") -> str:
    """Return the circle as a path of names, from a job to what it comes after, and back."""
    names = [job.name for job in path[next(n for n, job in enumerate(path) if job is again) :]]
    return (
        f"Jobs come after one another in a circle: {' → '.join([*names, again.name])} (a → b: a comes after b)."
        " Take one of these after= away."
    )


def _check_names(jobs: "list[Job]") -> None:
    """Raise JobError where two phases would have one folder, also on a case-insensitive disk."""
    by_name: dict[str, Job] = {}
    for job in jobs:
        other = by_name.setdefault(folded(job.name), job)
        if other is not job:
            raise JobError(
                f"Two different jobs, {other!r} and {job!r}, would have one folder in a run of {jobs[-1]!r}."
                " Give each a name of its own."
            )
