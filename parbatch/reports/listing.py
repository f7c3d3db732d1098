"""The items of a checkpoint, a line each, read as they are asked for: a million of them need no memory."""

from collections.abc import Iterator

import msgspec

from parbatch.model.selection import Selection
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.filters import narrowed, offer_selection


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a list. `duration_s` is the last attempt's, None before there is one."""

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None


def listed(checkpoint: Checkpoint, selection: Selection) -> Iterator[Listed]:
    """The items that are asked for, in item order."""
    offer_selection(checkpoint, selection)
    limit = -1 if selection.limit is None else selection.limit
    rows = checkpoint.db.execute(
        f'SELECT id, name, "group", status, attempts, duration_s FROM items WHERE {narrowed(selection)}'
        " ORDER BY position LIMIT ?",
        (limit,),
    )
    for item_id, name, group, status, attempts, duration_s in rows:
        yield Listed(id=item_id, name=name, group=group, status=status, attempts=attempts, duration_s=duration_s)
