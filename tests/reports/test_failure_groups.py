"""Failures that are one problem are told as one."""

from collections.abc import Sequence

import pytest

from parbatch.reports import failure_groups
from parbatch.reports.failure_groups import group_failures
from tests.reports.test_console import failure


def _told(fingerprints: Sequence[str]) -> list[tuple[str, int]]:
    failures = [failure(number, fingerprint=one) for number, one in enumerate(fingerprints)]
    return [(group.fingerprint, group.count) for group in group_failures(failures)]


def test_the_largest_group_comes_first_and_equals_come_as_they_were_met() -> None:
    assert _told("abbc") == [("b", 2), ("a", 1), ("c", 1)]


def test_of_a_group_the_first_are_named_and_all_are_counted() -> None:
    (group,) = group_failures([failure(number, fingerprint="a") for number in range(5)], named=2)
    assert (group.count, [one.id for one in group.first]) == (5, ["i0", "i1"])


def test_what_comes_after_very_many_kinds_is_counted_together_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_groups, "_MOST_GROUPS", 2)
    assert _told("abcdcd") == [("a", 1), ("b", 1), ("", 4)]
