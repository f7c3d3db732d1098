"""Style objects that users keep: known, counted, and noticed when they are used.

`styles = document.styles` or `font = styles["Normal"].font`, kept to the end of a function, hold elements of
the styles. They hold them privately, though: to reach the element is to ask the object for its `_element`.
Here these objects note that, so that one that lies idle can be told from somebody who may be changing the
styles.
"""

from __future__ import annotations

import gc
from sys import getrefcount
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from docx.dml.color import ColorFormat
from docx.styles import style as style_module
from docx.styles.style import BaseStyle, CharacterStyle, ParagraphStyle
from docx.styles.styles import Styles
from docx.text import font as font_module
from docx.text.font import Font
from docx.text.parfmt import ParagraphFormat
from lxml.etree import ElementBase

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

#: References to an element that only its handles' slots hold, besides these: the list's here, and the
#: argument.
_OURS = 2

_named: Any = style_module  # where python-docx looks these classes up
_of_fonts: Any = font_module
_color = vars(Font)["color"]

_handles: WeakValueDictionary[int, Any] = WeakValueDictionary()
_uses = 0


def uses() -> int:
    """Return how often any handle has been made or asked for its element in this process."""
    return _uses


def explained(root: Any, document: Any) -> tuple[int, int] | None:
    """Return how many references to a tree's root, and to its document, idle handles account for.

    None if one of the elements that they hold is held by anybody else too.
    """
    found: dict[int, list[Any]] = {}
    for handle in list(_handles.values()):
        _count(handle, document, found)
    at_root = found.pop(id(root), [None, 0])[1]
    if any(getrefcount(entry[0]) != entry[1] + _OURS for entry in found.values()):
        return None
    return at_root, len(found)


def _count(handle: Any, document: Any, found: dict[int, list[Any]]) -> None:
    for value in handle.__dict__.values():
        if isinstance(value, ElementBase) and any(each is document for each in gc.get_referents(value)):
            found.setdefault(id(value), [value, 0])[1] += 1


class Noted:
    """An attribute that holds an element, noting each use of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, handle: Any, owner: type | None = None) -> Any:
        if handle is None:
            return self
        global _uses  # noqa: PLW0603
        _uses += 1
        try:
            return handle.__dict__[self._name]
        except KeyError:
            raise self._missing(handle) from None

    def __set__(self, handle: Any, element: Any) -> None:
        global _uses  # noqa: PLW0603
        _uses += 1
        handle.__dict__[self._name] = element
        _handles[id(handle)] = handle

    def __delete__(self, handle: Any) -> None:
        global _uses  # noqa: PLW0603
        _uses += 1
        try:
            del handle.__dict__[self._name]
        except KeyError:
            raise self._missing(handle) from None

    def _missing(self, handle: Any) -> AttributeError:
        message = f"{type(handle).__name__!r} object has no attribute {self._name!r}"
        return AttributeError(message, name=self._name, obj=handle)


class _StyleColor(ColorFormat):
    _element = Noted("_element")


class _StyleFont(Font):
    _element = Noted("_element")
    _r = Noted("_r")

    @property
    def color(self) -> ColorFormat:
        own = vars(Font).get("color") is _color and _of_fonts.ColorFormat is ColorFormat
        return _StyleColor(self._element) if own else super().color


class _StyleParagraphFormat(ParagraphFormat):
    _element = Noted("_element")


for _own, _theirs in (
    (_StyleColor, ColorFormat),
    (_StyleFont, Font),
    (_StyleParagraphFormat, ParagraphFormat),
):
    _own.__name__, _own.__qualname__ = _theirs.__name__, _theirs.__qualname__
    _own.__module__, _own.__doc__ = _theirs.__module__, _theirs.__doc__


def _font(self: Any) -> Font:
    """The same font object, noted; where somebody has put another class in Font's place, one of that."""
    return (_StyleFont if _named.Font is Font else _named.Font)(self._element)


def _paragraph_format(self: Any) -> ParagraphFormat:
    """The same paragraph format, noted; where somebody has put another class in its place, one of that."""
    own = _named.ParagraphFormat is ParagraphFormat
    return (_StyleParagraphFormat if own else _named.ParagraphFormat)(self._element)


def install(patches: Patches) -> None:
    """Let styles, their fonts, colours and paragraph formats note each use of their element.

    Fonts and formats of runs and paragraphs are left alone: those elements are not the styles'.
    """
    patches.add(Styles, "_element", Noted("_element"))
    patches.add(BaseStyle, "_element", Noted("_element"))
    patches.add(BaseStyle, "_style_elm", Noted("_style_elm"))
    patches.replace_getter(CharacterStyle, "font", _font, "docx.styles.style:CharacterStyle.font")
    patches.replace_getter(
        ParagraphStyle, "paragraph_format", _paragraph_format, "docx.styles.style:ParagraphStyle.paragraph_format"
    )
