"""Failures that are one problem have one fingerprint: status, type, place in the code, message without particulars."""

import re
from collections.abc import Iterable
from hashlib import blake2b

from parbatch.model import Evidence
from parbatch.result import Failure, FailureGroup

# How many failures a group keeps by name; the others are counted.
MOST_NAMED = 10

_PARTICULARS = (
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.~@+-]+){2,}"), "<path>"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "<n>"),
)


def fingerprint(status: str, evidence: Evidence, item_id: str, name: str) -> str:
    """Eight hexadecimal digits, the same for failures that differ only in numbers, paths, dates, addresses and ids."""
    text = "\n".join((status, evidence.type, evidence.place, general(evidence.message, item_id, name)))
    return blake2b(text.encode(), digest_size=4).hexdigest()


def grouped(failures: Iterable[Failure]) -> list[FailureGroup]:
    """Failures by fingerprint, the largest group first. Of each group only the first few are held in memory."""
    members: dict[str, list[Failure]] = {}
    counts: dict[str, int] = {}
    various: set[str] = set()
    for failure in failures:
        counts[failure.fingerprint] = counts.get(failure.fingerprint, 0) + 1
        named = members.setdefault(failure.fingerprint, [])
        if len(named) < MOST_NAMED:
            named.append(failure)
        if failure.message != named[0].message:
            various.add(failure.fingerprint)
    groups = [
        FailureGroup(
            fingerprint=found, count=counts[found], same_message=found not in various, first=tuple(members[found])
        )
        for found in members
    ]
    return sorted(groups, key=lambda group: group.count, reverse=True)


def general(message: str, item_id: str, name: str) -> str:
    """A message with its particulars taken out."""
    for particular in sorted({item_id, name}, key=len, reverse=True):
        if particular.isdecimal():
            continue  # a number like any other: an item called 3 must not be the only one whose "3 columns" is itself
        message = re.sub(rf"(?<!\w){re.escape(particular)}(?!\w)", "<item>", message)
    for pattern, stand_in in _PARTICULARS:
        message = pattern.sub(stand_in, message)
    return message
