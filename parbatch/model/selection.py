"""The selection of items that a person asked for, as a value.

Part of the options; what it means for the rows of a checkpoint is in `storage.filters`.
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items a person asked for, and at most how many (`limit`).

    `only` and `exclude` are shell patterns for ids or names, `groups` for groups, `statuses` are statuses,
    `fingerprints` the beginnings of fingerprints; where one is empty, it asks for nothing in particular. `exact` is the
    id of the one item that is asked for, done or not. `retry` takes on what is not ok, cheap items first, without
    groups that still have pending items unless `unfinished_groups`, or what was asked for names them; `retry_failed`
    takes on what is known to fail.
    `sample_groups` takes one item of each group first, and goes on with the groups where that one ended ok.
    """

    only: Sequence[str] = ()
    limit: int | None = None
    exact: str | None = None
    retry_failed: bool = False
    exclude: Sequence[str] = ()
    groups: Sequence[str] = ()
    statuses: Sequence[str] = ()
    fingerprints: Sequence[str] = ()
    retry: bool = False
    unfinished_groups: bool = False
    sample_groups: bool = False

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all that can be asked for."""
        return frozenset(field.name for field in fields(cls))

    def matches(self, item_id: str, name: str) -> bool:
        """Tell whether an item is asked for by id or name; upper and lower case are the same."""
        if self.exact is not None:
            return item_id == self.exact
        return not self.only or matches_any(self.only, item_id, name)

    def asks_for(self, item_id: str, name: str, group: str) -> bool:
        """Tell whether an item that was never tried is asked for."""
        return (
            self.matches(item_id, name)
            and not matches_any(self.exclude, item_id, name)
            and (not self.groups or matches_any(self.groups, group))
        )

    def for_phase(self, *, is_last: bool, has_begun: bool) -> "Selection":
        """Return the selection for one phase of a run: what selects items is for the last, others are done whole.

        A retry takes groups that have pending items too: what an earlier phase has mended makes new ones. In a phase
        that has not begun there is nothing to try again.
        """
        selected = self if is_last else Selection(retry_failed=self.retry_failed, retry=self.retry)
        return replace(selected, unfinished_groups=True, retry=self.retry and has_begun)

    @property
    def takes_unfinished_groups(self) -> bool:
        """Whether a retry takes groups that still have pending items: on request, or as they were asked for by name."""
        return bool(self.unfinished_groups or self.groups or self.only or "pending" in self.statuses)

    def describe(self) -> str:
        """Return the selection as a person typed it."""
        typed = (
            as_typed("group", self.groups),
            as_typed("status", self.statuses),
            as_typed("fingerprint", self.fingerprints),
            as_typed("only", self.only),
            as_typed("exclude", self.exclude),
        )
        return " ".join(filter(None, typed))


def as_typed(option: str, values: Sequence[str]) -> str:
    """Write a selection's patterns as they are typed: `--group 'a*'`."""
    return " ".join(f"--{option} {value!r}" for value in values)


def matches_any(patterns: Sequence[str], *texts: str) -> bool:
    """Tell whether one of the shell patterns matches one of the texts, upper and lower case alike."""
    return any(_pattern(pattern).fullmatch(text.casefold()) for pattern in patterns for text in texts)


def _pattern(typed: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(typed.casefold()))
