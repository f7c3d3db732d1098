"""How the parts of a run stand to each other: which are not finished, what each has made, who published what.

Called by the engine, once a part is done, and by the readers of all parts together. It only looks.
"""

from parbatch.storage.folder import Folder
from parbatch.storage.item_outputs import Before, known_in
from parbatch.storage.layout import Layout, Part, read_layout
from parbatch.storage.lock import holder
from parbatch.storage.reader import reading


def unfinished(layout: Layout) -> dict[str, str]:
    """Return the parts that are not finished by their names, and why. One whose items failed is finished."""
    whys = {part.name: _why_unfinished(part) for part in layout.parts}
    return {name: why for name, why in whys.items() if why is not None}


def with_work_left(layout: Layout) -> list[str]:
    """Return the names of the parts that have items that are not ok, or are not finished."""
    return [part.name for part in layout.parts if _why_unfinished(part) is not None or _has_work_left(part)]


def marks(layout: Layout) -> dict[str, str]:
    """Return a mark for each part that has begun, which is another one as soon as an outcome in it has changed."""
    found = {}
    for part in layout.begun():
        with reading(part.folder) as checkpoint:
            found[part.name] = checkpoint.outcomes_mark
    return found


def output_elsewhere(folder: Folder, place: str) -> Before | None:
    """Return what another part of the folder has published in a place; first of all what one of its items is ok by."""
    layout = read_layout(folder)
    if layout is None or layout.chosen is None:
        return None
    found = None
    for part in layout.parts:
        if part.folder.run != folder.run and part.folder.has_checkpoint:
            with reading(part.folder) as checkpoint:
                known = known_in(checkpoint, place, f" of shard {part.name}")
            if known is not None and known.is_live:
                return known
            found = found or known
    return found


def _has_work_left(part: Part) -> bool:
    with reading(part.folder) as checkpoint:
        counts = checkpoint.counts()
    return counts["ok"] != sum(counts.values())


def _why_unfinished(part: Part) -> str | None:
    if not part.folder.has_checkpoint:
        return "not begun"
    with reading(part.folder) as checkpoint:
        last, pending, unread = checkpoint.last_run(), checkpoint.counts()["pending"], checkpoint.unread
    if last is not None and last[1] == "running":
        return "running" if holder(part.folder) is not None else "killed"
    if last is None or last[1] != "finished":
        return last[1] if last else "not begun"
    if unread:
        return "its source not read to the end"
    return f"{pending:,} pending" if pending else None
