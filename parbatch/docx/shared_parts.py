"""Parts that share their template's tree: until somebody reads, sets or deletes it, in whatever way.

Such a part has everything that python-docx gives it but its tree. Whoever asks for that, as an attribute or in the
part's `__dict__`, finds a copy that is the part's own; whoever puts another tree in its place is left with that one.
`templates` makes these parts, `saving` and `styles` ask for what they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.opc.oxml import serialize_part_xml
from docx.opc.part import XmlPart
from docx.opc.parts.coreprops import CorePropertiesPart
from docx.oxml.styles import CT_Styles
from docx.parts.comments import CommentsPart
from docx.parts.hdrftr import FooterPart, HeaderPart
from docx.parts.numbering import NumberingPart
from docx.parts.settings import SettingsPart
from docx.parts.styles import StylesPart

from parbatch.docx.stylenames import style_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from parbatch.docx.stylenames import StyleNames

#: Under what a part that shares a tree keeps its source.
SOURCE = "_parbatch_source"

#: The classes of parts that share; a class derived from one of these may give itself another content.
LAZY = frozenset((StylesPart, NumberingPart, SettingsPart, CommentsPart, CorePropertiesPart, HeaderPart, FooterPart))

#: The other name under which a part keeps its element.
ALSO = {SettingsPart: "_settings", CommentsPart: "_comments"}
ELEMENT_NAMES = frozenset(("_element", *ALSO.values()))


_get: Any = dict.get  # of a SharedState, too: not its own


class Source:
    """One XML part of a template: its tree, which nobody else may hold, and what is known of it."""

    def __init__(self, element: Any, also: str | None) -> None:
        """Take over `element`; `also` is the second name under which the part keeps it."""
        self._element = element
        self._names = ("_element",) if also is None else ("_element", also)
        self.blob: bytes = serialize_part_xml(element)
        self.style_names: StyleNames = style_names(element) if type(element) is CT_Styles else {}

    def give(self, state: dict[str, Any]) -> None:
        """Put a copy of the tree into a part's attributes, where there is none."""
        element = self._element.__deepcopy__(None)
        for name in self._names:
            dict.setdefault(state, name, element)


def source_of(part: Any) -> Source | None:
    """Return what a part shares with its template; None for one that has a tree of its own."""
    if type(part) not in LAZY:
        return None
    state = part.__dict__
    source: Source | None = _get(state, SOURCE)
    return None if source is None or _get(state, "_element", source) is not source else source


def settle(state: dict[str, Any]) -> None:
    """Give a part that shares its template's tree a copy of its own; `state` is its attributes."""
    source = dict.pop(state, SOURCE, None)
    if source is not None:
        source.give(state)


def _for_key(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of dict that settles first, if the key that it is called with is a tree's."""

    def call(self: Any, key: Any, *rest: Any) -> Any:
        if key in ELEMENT_NAMES:
            settle(self)
        return method(self, key, *rest)

    return call


def _for_all(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of dict that settles first."""

    def call(self: Any, *rest: Any, **more: Any) -> Any:
        settle(self)
        return method(self, *rest, **more)

    return call


class SharedState(dict[str, Any]):
    """The `__dict__` of a part that shares its template's tree: to all who look it has a tree of its own."""

    __slots__ = ()

    for _name in ("__getitem__", "__setitem__", "__delitem__", "__contains__", "get", "pop", "setdefault"):
        locals()[_name] = _for_key(getattr(dict, _name))
    for _name in (
        *("__iter__", "__reversed__", "__len__", "__eq__", "__ne__", "__or__", "__ror__", "__ior__", "__repr__"),
        *("keys", "values", "items", "copy", "update", "clear", "popitem"),
    ):
        locals()[_name] = _for_all(getattr(dict, _name))
    del _name


class OwnElement:
    """An attribute of XML parts that holds their tree: each use of it makes the tree the part's own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, part: Any, owner: type | None = None) -> Any:
        if part is None:
            return self
        state = part.__dict__
        try:
            return dict.__getitem__(state, self._name)
        except KeyError:
            settle(state)
        if not dict.__contains__(state, self._name):
            raise self._missing(part)
        return dict.__getitem__(state, self._name)

    def __set__(self, part: Any, element: Any) -> None:
        state = part.__dict__
        settle(state)
        dict.__setitem__(state, self._name, element)

    def __delete__(self, part: Any) -> None:
        state = part.__dict__
        settle(state)
        if not dict.__contains__(state, self._name):
            raise self._missing(part)
        dict.__delitem__(state, self._name)

    def _missing(self, part: Any) -> AttributeError:
        message = f"{type(part).__name__!r} object has no attribute {self._name!r}"
        return AttributeError(message, name=self._name, obj=part)


def share_elements() -> None:
    """Let parts share trees. Never taken away again: parts that do may live on, and others don't notice."""
    for owner, name in {XmlPart: "_element", **ALSO}.items():
        if name not in vars(owner):
            setattr(owner, name, OwnElement(name))
