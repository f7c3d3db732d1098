"""Failures that are one problem, told as one: by fingerprint, the largest group first.

Called by the summary, the HTML report and the status. It reads no checkpoint: it is given failures, one after another.
"""

from collections.abc import Iterable

from parbatch.model.result import Failure, FailureGroup

# How many failures a group keeps by name; the others are counted.
MOST_NAMED = 10
# So many fingerprints are told apart in a list of failures; a person reads ten of them.
_MOST_GROUPS = 2_000
_OTHERS = ""


def group_failures(failures: Iterable[Failure], named: int = MOST_NAMED) -> list[FailureGroup]:
    """Failures by fingerprint, the largest group first, each with the first few (`named`) of its failures.

    Only these are held in memory. What comes after very many fingerprints were met is in a last group without one.
    """
    members: dict[str, list[Failure]] = {}
    counts: dict[str, int] = {}
    various: set[str] = set()
    for failure in failures:
        found = failure.fingerprint if failure.fingerprint in members or len(members) < _MOST_GROUPS else _OTHERS
        counts[found] = counts.get(found, 0) + 1
        first = members.setdefault(found, [])
        if len(first) < named:
            first.append(failure)
        if failure.message != first[0].message:
            various.add(found)
    groups = [
        FailureGroup(fingerprint=found, count=counts[found], same_message=found not in various, first=tuple(first))
        for found, first in members.items()
    ]
    return sorted(groups, key=lambda group: (group.fingerprint == _OTHERS, -group.count))
