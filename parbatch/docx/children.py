"""Finding an element's children, and where among them another belongs."""

from __future__ import annotations

from typing import Any

from parbatch.docx.names import clark


def first_child(element: Any, name: str) -> Any:
    """Return the first child called `name` (in Clark notation) or None: what `element.find(name)` returns.

    Most elements have no child, or the wanted one is their first: no need to start an iterator then.
    """
    if not len(element):
        return None
    child = element[0]
    if child.tag == name:
        return child
    return next(element.iterchildren(name), None)


def first_successor(element: Any, ranks: dict[str, int]) -> Any:
    """Return the child whose tag has the lowest rank, the first of these in document order, or None.

    The same as looking for one tag after the other, in one pass over the children: these are few in property
    elements.
    """
    best, lowest = None, len(ranks)
    for child in element:
        rank = ranks.get(child.tag, lowest)
        if rank < lowest:
            best, lowest = child, rank
            if not rank:
                break
    return best


def insert_before(element: Any, child: Any, ranks: dict[str, int], only: str | None) -> None:
    """Insert `child` in schema order: before its first successor that is present, else at the end."""
    successor = None
    if ranks and len(element):
        successor = next(element.iterchildren(only), None) if only else first_successor(element, ranks)
    if successor is None:
        element.append(child)
    else:
        successor.addprevious(child)


def ranked(tags: tuple[str, ...]) -> tuple[dict[str, int], str | None]:
    """Return the ranks of successor tags, and the tag itself if there is only one."""
    ranks: dict[str, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(clark(tag), rank)
    return ranks, clark(tags[0]) if len(tags) == 1 else None
