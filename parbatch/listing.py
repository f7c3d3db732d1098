"""The items of a checkpoint, a line each, read as they are asked for: a million of them need no memory."""

from collections.abc import Iterator, Sequence

import msgspec

from parbatch.checkpoint import Checkpoint
from parbatch.plan import Selection, offer_selection


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a list. `duration_s` is the last attempt's, None before there is one."""

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None


def listed(
    checkpoint: Checkpoint, selection: Selection, *, statuses: Sequence[str] = (), groups: Sequence[str] = ()
) -> Iterator[Listed]:
    """The items that are selected and have one of the statuses and groups (none: any), in item order."""
    offer_selection(checkpoint, selection)
    conditions = ["selected(id, name)"] if selection.narrows else []
    for column, values in (("status", statuses), ('"group"', groups)):
        if values:
            conditions.append(f"{column} IN ({', '.join('?' * len(values))})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    limit = -1 if selection.limit is None else selection.limit
    rows = checkpoint.db.execute(
        f'SELECT id, name, "group", status, attempts, duration_s FROM items {where} ORDER BY position LIMIT ?',
        (*statuses, *groups, limit),
    )
    for item_id, name, group, status, attempts, duration_s in rows:
        yield Listed(id=item_id, name=name, group=group, status=status, attempts=attempts, duration_s=duration_s)
