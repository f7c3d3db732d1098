"""What python-docx's own errors leave unsaid: the style that is meant, the kind of file, the field of the data."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from parbatch.docx.forbidden import explain_forbidden
from parbatch.docx.unreadable import SUFFIXES, hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift) ?([1-9])", re.IGNORECASE)
_MOST_NAMED = 8
_NOT_SPELT = re.compile(r"[\W_]+")
_OTHER_KINDS = ("template.main+xml", "macroenabled")


def explain(error: BaseException, data: Callable[[], Any]) -> str | None:
    """Return what a person has to know about an error besides its own words; None where there is nothing to add.

    `data` is called for the item's data when it is needed.
    """
    if "docx" not in sys.modules or not isinstance(error, Exception):
        return None
    try:
        if isinstance(error, ValueError) and (told := explain_forbidden(error, data())):
            return told
        return _unknown_style(error) or _no_path(error) or _unreadable(error)
    except Exception:  # noqa: BLE001 -- it looks into objects that are broken; the error itself is told in any case
        return None


def _unreadable(error: Exception) -> str | None:
    """Advice for a file that the job's own code has opened."""
    for frame, _ in walk_tb(error.__traceback__):
        path = frame.f_locals.get("docx") if frame.f_code.co_name == "Document" else frame.f_locals.get("pkg_file")
        if frame.f_globals.get("__name__", "").startswith("docx.") and isinstance(path, str):
            if "is not a Word file" in str(error) and any(kind in str(error).lower() for kind in _OTHER_KINDS):
                return f"docx.Document opens .docx files alone; ctx.document() opens {', '.join(SUFFIXES)}"
            if told := hint(path, error):
                return f"{path}: {told[0]}; {told[1]}"
    return None


def _no_path(error: Exception) -> str | None:
    """Advice where a Document was given to what opens a file itself, as docxtpl does."""
    if not isinstance(error, AttributeError) or error.name not in {"seek", "read"}:
        return None
    if not type(error.obj).__module__.startswith("docx."):
        return None
    return "a path belongs here, not a Document that is open: DocxTemplate(Path(__file__).parent / 'letter.docx')"


def _unknown_style(error: Exception) -> str | None:
    """The style that may be meant where none of that name is in the document."""
    if not isinstance(error, KeyError):
        return None
    frame = [each for each, _ in walk_tb(error.__traceback__)][-1]
    if frame.f_globals.get("__name__") != "docx.styles.styles":
        return None
    name = frame.f_locals.get("key")
    if frame.f_code.co_name != "__getitem__" or not isinstance(name, str):
        return None
    return hint_of_style(name, [(style.name or "", style.style_id, _level(style)) for style in frame.f_locals["self"]])


def hint_of_style(name: str, styles: Iterable[tuple[str, str, int | None]]) -> str:
    """Return what to write for a style `name` that a document does not have, from the names, ids and outline levels
    of those that it has.
    """
    there = [(other, style_id, level) for other, style_id, level in styles if other and other != name]
    folded = _folded(name)
    alike = [other for other, style_id, _ in there if folded in {_folded(other), _folded(style_id)}]
    if not alike and (heading := _HEADING.fullmatch(name)):
        alike = [other for other, _, level in there if level == int(heading[1])]
    if not alike:
        by_fold = {_folded(other): other for other, _, _ in there}
        alike = [by_fold[close] for close in get_close_matches(folded, by_fold, n=3, cutoff=0.7)]
    if alike:
        return f"the document has no style {name!r}; is {' or '.join(map(repr, alike[:3]))} meant?"
    named = ", ".join(repr(other) for other, _, _ in there[:_MOST_NAMED])
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    return (
        f"the document has no style {name!r}, but {named}{more}. Word writes a style into a file once it is used:"
        " use it in the template, and save that"
    )


def _folded(name: str) -> str:
    return _NOT_SPELT.sub("", name).casefold()


def _level(style: Any) -> int | None:
    """The level of a heading style, by its outline level."""
    found = style._element.xpath("./w:pPr/w:outlineLvl/@w:val")
    return int(found[0]) + 1 if found and found[0].isdecimal() else None
