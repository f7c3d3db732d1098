"""Lookup of the item that a person names: by id or name, in any case, with what is close when there is none.

Called by planning and storage with pairs of id and name, wherever these are from.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from parbatch.errors import SelectionError

# Comparing texts for likeness takes a millisecond for a hundred of them; whoever mistypes can wait a second or two.
MOST_COMPARED = 100_000
_MOST_NAMED = 5
_MOST_CLOSE = 3


def find(wanted: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return the id among pairs of id and name, read once. The exact id goes first, then an id, then a name.

    Raises SelectionError with close matches when there is none, and with the ids when several have that name.
    """
    folded = wanted.casefold()
    by_id: list[str] = []
    by_name: list[str] = []
    others: dict[str, str] = {}
    for item_id, name in pairs:
        if item_id == wanted:
            return item_id
        if item_id.casefold() == folded:
            by_id.append(item_id)
        elif name.casefold() == folded:
            by_name.append(item_id)
        elif len(others) < MOST_COMPARED:
            others[name.casefold()] = others[item_id.casefold()] = item_id
    found = by_id or by_name
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(found[:_MOST_NAMED])
        more = f", … and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise SelectionError(f"{len(found)} items are called {wanted!r}. Name one by its id: {ids}{more}.")
    raise SelectionError(f"No item is called {wanted!r}.{close_to(wanted, others) or _first(wanted, others)}")


def _first(wanted: str, others: Mapping[str, str]) -> str:
    """Return what ids look like, for those who ask for a number that none has."""
    ids = list(islice(dict.fromkeys(others.values()), _MOST_CLOSE)) if wanted.isdecimal() else []
    return f" The first are: {', '.join(ids)}." if ids else ""


def close_to(wanted: str, by_text: Mapping[str, str]) -> str:
    """Return a sentence that names the ids whose folded id or name is like what is wanted; empty when none is.

    Close is a number of the same value, then what begins so, then what is spelled alike; of numbers only the first two:
    100 is not close to 00.
    """
    folded = wanted.casefold()
    texts = [text for text in by_text if _same_number(text, folded)] if folded.isdecimal() else []
    if folded:
        texts += [text for text in by_text if text.startswith(folded)][:_MOST_CLOSE]
    if not folded.isdecimal():
        from difflib import get_close_matches  # noqa: PLC0415 -- for a name that was mistyped

        texts += get_close_matches(folded, by_text, _MOST_CLOSE)
    ids = list(dict.fromkeys(by_text[text] for text in texts))[:_MOST_CLOSE]
    return f" Close to it: {', '.join(ids)}." if ids else ""


def _same_number(text: str, wanted: str) -> bool:
    return text.isdecimal() and text.lstrip("0") == wanted.lstrip("0")
