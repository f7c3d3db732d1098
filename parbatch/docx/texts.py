"""What a document says, paragraph by paragraph, wherever it stands: read for checks.

The text of a paragraph is put together from all its runs. Paragraphs of tables and text boxes count where they stand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from docx.opc.constants import CONTENT_TYPE as CT
from docx.opc.part import XmlPart
from docx.oxml.parser import parse_xml
from docx.package import Package

from parbatch.docx.names import clark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_P, _T, _STYLE_ID, _VAL = clark("w:p"), clark("w:t"), clark("w:styleId"), clark("w:val")
_TABLE, _TEXT_BOX = clark("w:tbl"), clark("w:txbxContent")
# Word keeps a drawing's text box twice: as it is, and in this for programs from before 2010.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# Text in there is another paragraph's, is struck out, or is not shown.
_SKIPPED = {_TEXT_BOX, _FALLBACK, clark("w:del"), clark("w:moveFrom"), clark("w:pPr"), clark("w:rPr")}
_SIGNS = {
    clark("w:tab"): "\t",
    clark("w:br"): "\n",
    clark("w:cr"): "\n",
    clark("w:noBreakHyphen"): "-",
}
_BESIDES = {
    CT.WML_HEADER: "header",
    CT.WML_FOOTER: "footer",
    CT.WML_FOOTNOTES: "footnotes",
    CT.WML_ENDNOTES: "endnotes",
    CT.WML_COMMENTS: "comments",
}
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)


class Text(NamedTuple):
    """A paragraph's text, its runs of white space made one space; `place` says where it stands.

    `level` is that of a heading, 0 for a title; None for ordinary text. `in_body` is False in headers, notes and such.
    """

    place: str
    text: str
    level: int | None = None
    in_body: bool = True


def read_texts(path: Path) -> list[Text]:
    """All paragraphs of a document, those of the body first.

    Every part is read. Raises ValueError where the file is no Word document, and whatever zipfile, lxml and
    python-docx raise where it is damaged.
    """
    package = Package.open(str(path))
    main = package.main_document_part
    if main.content_type != CT.WML_DOCUMENT_MAIN:
        raise ValueError(f"its main part is of the type {main.content_type}, which no Word document has")
    trees = {part: _tree(part) for part in package.iter_parts() if part.content_type.endswith("xml")}
    if trees[main].find(clark("w:body")) is None:
        raise ValueError("its main part has no body")
    levels = _levels(next((trees[part] for part in trees if part.content_type == CT.WML_STYLES), ()))
    texts = list(_texts(trees[main], "", levels))
    for part in sorted(trees, key=lambda part: str(part.partname)):
        if part.content_type in _BESIDES:
            number = "".join(filter(str.isdigit, str(part.partname)))
            kind = f"{_BESIDES[part.content_type]} {number}".rstrip()
            texts += _texts(trees[part], f"{kind}, ", levels)
    return texts


def _tree(part: Any) -> Any:
    return part.element if isinstance(part, XmlPart) else parse_xml(part.blob)


def _texts(root: Any, place: str, levels: dict[str, int]) -> Iterator[Text]:
    shown = (p for p in root.iter(_P) if next(p.iterancestors(_FALLBACK), None) is None)
    for number, paragraph in enumerate(shown, start=1):
        inside = next(paragraph.iterancestors(_TABLE, _TEXT_BOX), None)
        around = "" if inside is None else " (in a table)" if inside.tag == _TABLE else " (in a text box)"
        text = " ".join("".join(_pieces(paragraph)).split())
        yield Text(f"{place}paragraph {number}{around}", text, _level(paragraph, levels), not place)


def _pieces(node: Any) -> Iterator[str]:
    for child in node:
        if child.tag == _T:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag not in _SKIPPED:
            yield from _pieces(child)


def _level(paragraph: Any, levels: dict[str, int]) -> int | None:
    properties = paragraph.find(clark("w:pPr"))
    if properties is None:
        return None
    own = _outline(properties)
    return levels.get(_value(properties, "w:pStyle")) if own is None else own


def _levels(styles: Any) -> dict[str, int]:
    """The level of every paragraph style that is a heading, by its id: by its name, its outline level, or its base."""
    own: dict[str, int] = {}
    bases: dict[str, str] = {}
    for style in styles:
        style_id = style.get(_STYLE_ID)
        if style.tag != clark("w:style") or style_id is None:
            continue
        bases[style_id] = _value(style, "w:basedOn")
        name = _value(style, "w:name")
        properties = style.find(clark("w:pPr"))
        outline = None if properties is None else _outline(properties)
        if found := _HEADING.fullmatch(name):
            own[style_id] = int(found[1])
        elif outline is not None:
            own[style_id] = outline
        elif name.lower() == "title":
            own[style_id] = 0
    return {style_id: level for style_id in bases if (level := _inherited(style_id, own, bases)) is not None}


def _inherited(style_id: str, own: dict[str, int], bases: dict[str, str]) -> int | None:
    seen: set[str] = set()
    while style_id and style_id not in own and style_id not in seen:
        seen.add(style_id)
        style_id = bases.get(style_id, "")
    return own.get(style_id)


def _outline(properties: Any) -> int | None:
    """The level that an outline level stands for; None for body text, which is Word's ninth, and where none is set."""
    value = _value(properties, "w:outlineLvl")
    return int(value) + 1 if value.isdecimal() and int(value) < 9 else None


def _value(node: Any, tag: str) -> str:
    child = node.find(clark(tag))
    return "" if child is None else child.get(_VAL) or ""
