"""Which items a run takes on: rules that each leave some out, in order, so that the same list gives the counts."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from parbatch.model.selection import Selection, as_typed, matches_any
from parbatch.storage.checkpoint import Checkpoint

# So many runs in a row in which an item failed alike, nothing that it depends on changed, and it is known to fail.
KNOWN_AFTER = 2
_KNOWN_TO_FAIL = f"status NOT IN ('ok', 'pending') AND alike >= {KNOWN_AFTER}"

OK_ALREADY = "ok already"
_HAS_FINGERPRINT = "status NOT IN ('ok', 'pending') AND has_fingerprint(fingerprint)"
# An item without a group waits for no other.
_IN_FINISHED_GROUP = """"group" = '' OR "group" NOT IN (SELECT "group" FROM items WHERE status = 'pending')"""
_UNFINISHED = "in groups that still have pending items (--include-unfinished-groups takes them)"


class Rule(NamedTuple):
    """A condition in SQL on what is taken, and what the items are that it leaves out."""

    leaves_out: str
    takes: str


def narrowed(selection: Selection) -> str:
    """Return the SQL condition on the items that a person asked for, done or not."""
    return _all(_narrowing(selection))


def due(selection: Selection) -> str:
    """Return the SQL condition on the items that a run takes on."""
    return _all([Rule(OK_ALREADY, "status <> 'ok'"), *_narrowing(selection), *_known(selection)])


def known_to_fail(checkpoint: Checkpoint, selection: Selection) -> int:
    """How many of the items that are asked for are not tried because they are known to fail."""
    if not _known(selection):
        return 0
    rows = checkpoint._db.execute(f"SELECT COUNT(*) FROM items WHERE {_KNOWN_TO_FAIL} AND {narrowed(selection)}")
    return int(rows.fetchone()[0])


def left_out(checkpoint: Checkpoint, selection: Selection) -> dict[str, int]:
    """How many items each rule leaves out of those that the rules before it have taken, by what these items are."""
    rules = _narrowing(selection)
    if not rules:
        return {}
    cases = " ".join(f"WHEN NOT ({rule.takes}) THEN {number}" for number, rule in enumerate(rules))
    counts = dict(checkpoint._db.execute(f"SELECT CASE {cases} END, COUNT(*) FROM items GROUP BY 1"))
    return {rule.leaves_out: counts.get(number, 0) for number, rule in enumerate(rules)}


def listed(
    checkpoint: Checkpoint, selection: Selection, prefix: str = "", after: int = -1
) -> Iterator[tuple[int, str, str, str, str, int, float | None]]:
    """Yield the items that are asked for after a position: it, id, name, group, status, attempts, seconds.

    `prefix` stands before their ids where these are asked for.
    """
    offer_selection(checkpoint, selection, prefix)
    rows = checkpoint._db.execute(
        'SELECT position, id, name, "group", status, attempts, duration_s FROM items'
        f" WHERE position > ? AND {narrowed(selection)} ORDER BY position",
        (after,),
    )
    yield from map(tuple, rows)  # a cursor that is left in the middle can't be closed after its connection


def offer_selection(checkpoint: Checkpoint, selection: Selection, prefix: str = "") -> None:
    """Give the rules of a selection the functions that their SQL calls; `prefix` stands before the ids."""
    functions: dict[str, tuple[int, Callable[..., bool]]] = {
        "selected": (2, lambda item_id, name: selection.matches(f"{prefix}{item_id}", name)),
        "excluded": (2, lambda item_id, name: matches_any(selection.exclude, f"{prefix}{item_id}", name)),
        "in_groups": (1, lambda group: matches_any(selection.groups, group)),
        "has_status": (1, lambda status: status in selection.statuses),
        "has_fingerprint": (1, lambda found: (found or "").startswith(tuple(selection.fingerprints))),
    }
    for name, (arguments, function) in functions.items():
        checkpoint._db.create_function(name, arguments, function, deterministic=True)


def _narrowing(selection: Selection) -> list[Rule]:
    """Return the rules on what a person asked for, in the order in which they are applied."""
    if selection.exact is not None:
        return [Rule("not asked for", "selected(id, name)")]
    retry = selection.retry
    rules = (
        (retry, OK_ALREADY, "status <> 'ok'"),
        (selection.groups, f"not in {as_typed('group', selection.groups)}", 'in_groups("group")'),
        (selection.statuses, f"without {as_typed('status', selection.statuses)}", "has_status(status)"),
        (selection.fingerprints, f"without {as_typed('fingerprint', selection.fingerprints)}", _HAS_FINGERPRINT),
        (selection.only, f"not {as_typed('only', selection.only)}", "selected(id, name)"),
        (selection.exclude, f"by {as_typed('exclude', selection.exclude)}", "NOT excluded(id, name)"),
        (retry and not selection.takes_unfinished_groups, _UNFINISHED, _IN_FINISHED_GROUP),
    )
    return [Rule(leaves_out, takes) for applies, leaves_out, takes in rules if applies]


def _known(selection: Selection) -> list[Rule]:
    if selection.retry or selection.retry_failed or selection.exact is not None:
        return []
    return [Rule("known to fail", f"NOT ({_KNOWN_TO_FAIL})")]


def _all(rules: Sequence[Rule]) -> str:
    return " AND ".join(f"({rule.takes})" for rule in rules) or "1"
