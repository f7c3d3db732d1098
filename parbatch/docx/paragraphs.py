"""Paragraphs and their styles: added in one piece, with the style id from the index.

What python-docx does in six calls (add a paragraph, add a run, fill it, find the style, add properties, add
the style reference) gives the same few elements each time. Here they are copied together. Whatever is out of
the ordinary (a style object, a style that is not found, text with tabs or breaks) goes the old way, for the
same result or error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.blkcntnr import BlockItemContainer
from docx.document import _Body
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.document import CT_Body
from docx.oxml.table import CT_Tc
from docx.oxml.text.paragraph import CT_P
from docx.parts.document import DocumentPart
from docx.parts.story import StoryPart
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from parbatch.docx.names import clark, new_element
from parbatch.docx.runs import fill, is_plain
from parbatch.docx.stood_for import path
from parbatch.docx.styles import known_style
from parbatch.docx.watching import Watched, WatchedDicts, WatchedTexts

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

_SECTION, _VAL = clark("w:sectPr"), clark("w:val")
_PARAGRAPH = WD_STYLE_TYPE.PARAGRAPH

#: Kept prototypes: one for each style that a process uses, with and without text.
_LIMIT = 1024

_INSIDE = frozenset((Paragraph, Run, Table, _Cell, _Body))
_CONTAINERS = frozenset((_Body, _Cell))
_ADD_PARAGRAPH = path("docx.blkcntnr:BlockItemContainer.add_paragraph")
_SET_STYLE = path("docx.text.paragraph:Paragraph.style")
UNKNOWN = object()  #: the index can't tell
NO_STYLE = object()  #: the style is not to be set at all

_prototypes: dict[tuple[Any, bool], Any] = {}
_properties: dict[str | None, Any] = {}


def story_part(item: Any) -> Any:
    """Return `item.part`, walking up the parents without a call for each; None where there is no part to
    find.
    """
    while type(item) in _INSIDE:
        item = item._parent
    return getattr(item, "part", None)


def style_id_of(part: Any, name: Any, kind: WD_STYLE_TYPE) -> Any:
    """Return the id to write for a style name (None for the default style), or `UNKNOWN`."""
    if type(name) is not str:
        return UNKNOWN
    if type(part) is not DocumentPart:
        if not isinstance(part, StoryPart):
            return UNKNOWN
        if "get_style_id" in part.__dict__:
            return UNKNOWN
        part = part._document_part
        if type(part) is not DocumentPart:
            return UNKNOWN
    found = known_style(part, name)
    return found[1] if found is not None and found[0] is kind else UNKNOWN


def _properties_with(style_id: str | None) -> Any:
    """Return paragraph properties with this style reference; None gives empty ones, as setting the default
    style does.
    """
    made = _properties.get(style_id)
    if made is None:
        made = new_element("w:pPr")
        if style_id is not None:
            reference = new_element("w:pStyle")
            reference.set(_VAL, style_id)
            made.append(reference)
        if len(_properties) < _LIMIT:
            _properties[style_id] = made
    return made


def paragraph_prototype(style_id: Any, *, text: bool) -> Any:
    """Return a paragraph to be copied, with this style reference and, for `text`, an empty `w:t` in a run."""
    made = _prototypes.get((style_id, text))
    if made is None:
        made = new_element("w:p")
        if style_id is not NO_STYLE:
            made.append(_properties_with(style_id).__copy__())
        if text:
            r = new_element("w:r")
            r.append(new_element("w:t"))
            made.append(r)
        if len(_prototypes) < _LIMIT:
            _prototypes[style_id, text] = made
    return made


def _add_paragraph(self: Any, text: Any = "", style: Any = None) -> Any:
    """The same paragraph, copied with its run and style reference inside."""
    if not ((Watched.look and WatchedDicts.look and WatchedTexts.look and _ADD_PARAGRAPH.on) or _ADD_PARAGRAPH.holds()):
        return _ADD_PARAGRAPH.original(self, text, style)
    container = self._element
    kind = type(container)
    if type(self) in _CONTAINERS and (kind is CT_Body or kind is CT_Tc) and (not text or is_plain(text)):
        style_id = NO_STYLE if style is None else style_id_of(story_part(self), style, _PARAGRAPH)
        if style_id is not UNKNOWN:
            p = paragraph_prototype(style_id, text=bool(text)).__copy__()
            if not text or fill(p[-1][0], text):
                successor = next(container.iterchildren(_SECTION), None) if kind is CT_Body else None
                if successor is None:
                    container.append(p)
                else:
                    successor.addprevious(p)
                return Paragraph(p, self)
    return _ADD_PARAGRAPH.original(self, text, style)


def _set_style(self: Any, style_or_name: Any) -> None:
    """The same style reference; into a paragraph that has no properties yet, copied with them."""
    p = self._p
    if type(p) is CT_P and (
        (Watched.look and WatchedDicts.look and WatchedTexts.look and _SET_STYLE.on) or _SET_STYLE.holds()
    ):
        style_id = style_id_of(story_part(self), style_or_name, _PARAGRAPH)
        if style_id is not UNKNOWN:
            if p.pPr is None:
                p.insert(0, _properties_with(style_id).__copy__())
            else:
                p.style = style_id
            return
    _SET_STYLE.original(self, style_or_name)


def install(patches: Patches) -> None:
    """Replace `BlockItemContainer.add_paragraph` and the setting of `Paragraph.style`."""
    patches.replace(BlockItemContainer, "add_paragraph", _add_paragraph, _ADD_PARAGRAPH.name)
    patches.replace_setter(Paragraph, "style", _set_style, _SET_STYLE.name)
