"""Which items a run takes on: rules that each leave some out, in order, so that the same list gives the counts."""

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from parbatch.checkpoint import Checkpoint

# So many runs in a row in which an item failed alike, nothing that it depends on changed, and it is known to fail.
KNOWN_AFTER = 2
_KNOWN_TO_FAIL = f"status NOT IN ('ok', 'pending') AND alike >= {KNOWN_AFTER}"

OK_ALREADY = "ok already"
_HAS_FINGERPRINT = "status NOT IN ('ok', 'pending') AND has_fingerprint(fingerprint)"
# An item without a group waits for no other.
_IN_FINISHED_GROUP = """"group" = '' OR "group" NOT IN (SELECT "group" FROM items WHERE status = 'pending')"""
_UNFINISHED = "in groups that still have pending items (--include-unfinished-groups takes them)"


class Selection(NamedTuple):
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

    def matches(self, item_id: str, name: str) -> bool:
        """Whether an item is asked for by id or name; upper and lower case are the same."""
        if self.exact is not None:
            return item_id == self.exact
        return not self.only or _any(self.only, item_id, name)

    def asks_for(self, item_id: str, name: str, group: str) -> bool:
        """Whether an item that was never tried is asked for."""
        return (
            self.matches(item_id, name)
            and not _any(self.exclude, item_id, name)
            and (not self.groups or _any(self.groups, group))
        )

    @property
    def takes_unfinished_groups(self) -> bool:
        """Whether a retry takes groups that still have pending items: on request, or as they were asked for by name."""
        return bool(self.unfinished_groups or self.groups or self.only or "pending" in self.statuses)

    @property
    def narrows(self) -> bool:
        """Whether not every item is asked for."""
        return bool(_narrowing(self))

    def describe(self) -> str:
        """The selection as a person typed it."""
        typed = (
            _typed("group", self.groups),
            _typed("status", self.statuses),
            _typed("fingerprint", self.fingerprints),
            _typed("only", self.only),
            _typed("exclude", self.exclude),
        )
        return " ".join(filter(None, typed))


class Rule(NamedTuple):
    """A condition in SQL on what is taken, and what the items are that it leaves out."""

    leaves_out: str
    takes: str


def narrowed(selection: Selection) -> str:
    """The SQL condition on the items that a person asked for, done or not."""
    return _all(_narrowing(selection))


def due(selection: Selection) -> str:
    """The SQL condition on the items that a run takes on."""
    return _all([Rule(OK_ALREADY, "status <> 'ok'"), *_narrowing(selection), *_known(selection)])


def known_to_fail(checkpoint: Checkpoint, selection: Selection) -> int:
    """How many of the items that are asked for are not tried because they are known to fail."""
    if not _known(selection):
        return 0
    rows = checkpoint.db.execute(f"SELECT COUNT(*) FROM items WHERE {_KNOWN_TO_FAIL} AND {narrowed(selection)}")
    return int(rows.fetchone()[0])


def left_out(checkpoint: Checkpoint, selection: Selection) -> dict[str, int]:
    """How many items each rule leaves out of those that the rules before it have taken, by what these items are."""
    rules = _narrowing(selection)
    if not rules:
        return {}
    cases = " ".join(f"WHEN NOT ({rule.takes}) THEN {number}" for number, rule in enumerate(rules))
    counts = dict(checkpoint.db.execute(f"SELECT CASE {cases} END, COUNT(*) FROM items GROUP BY 1"))
    return {rule.leaves_out: counts.get(number, 0) for number, rule in enumerate(rules)}


def offer_selection(checkpoint: Checkpoint, selection: Selection) -> None:
    """Give the rules of a selection the functions that their SQL calls."""
    functions: dict[str, tuple[int, Callable[..., bool]]] = {
        "selected": (2, selection.matches),
        "excluded": (2, lambda item_id, name: _any(selection.exclude, item_id, name)),
        "in_groups": (1, lambda group: _any(selection.groups, group)),
        "has_status": (1, lambda status: status in selection.statuses),
        "has_fingerprint": (1, lambda found: (found or "").startswith(tuple(selection.fingerprints))),
    }
    for name, (arguments, function) in functions.items():
        checkpoint.db.create_function(name, arguments, function, deterministic=True)


def _narrowing(selection: Selection) -> list[Rule]:
    """The rules on what a person asked for, in the order in which they are applied."""
    if selection.exact is not None:
        return [Rule("not asked for", "selected(id, name)")]
    retry = selection.retry
    rules = (
        (retry, OK_ALREADY, "status <> 'ok'"),
        (selection.groups, f"not in {_typed('group', selection.groups)}", 'in_groups("group")'),
        (selection.statuses, f"without {_typed('status', selection.statuses)}", "has_status(status)"),
        (selection.fingerprints, f"without {_typed('fingerprint', selection.fingerprints)}", _HAS_FINGERPRINT),
        (selection.only, f"not {_typed('only', selection.only)}", "selected(id, name)"),
        (selection.exclude, f"by {_typed('exclude', selection.exclude)}", "NOT excluded(id, name)"),
        (retry and not selection.takes_unfinished_groups, _UNFINISHED, _IN_FINISHED_GROUP),
    )
    return [Rule(leaves_out, takes) for applies, leaves_out, takes in rules if applies]


def _known(selection: Selection) -> list[Rule]:
    if selection.retry or selection.retry_failed or selection.exact is not None:
        return []
    return [Rule("known to fail", f"NOT ({_KNOWN_TO_FAIL})")]


def _all(rules: Sequence[Rule]) -> str:
    return " AND ".join(f"({rule.takes})" for rule in rules) or "1"


def _typed(option: str, values: Sequence[str]) -> str:
    return " ".join(f"--{option} {value!r}" for value in values)


def _any(patterns: Sequence[str], *texts: str) -> bool:
    return any(_pattern(pattern).fullmatch(text.casefold()) for pattern in patterns for text in texts)


def _pattern(typed: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(typed.casefold()))
