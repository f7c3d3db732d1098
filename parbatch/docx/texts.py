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

from parbatch.docx.codes import (
    FALLBACK,
    GONE,
    TEXT_BOX,
    Code,
    addresses,
    codes_in,
    field_codes,
    fields,
    merge_fields,
    other_codes,
)
from parbatch.docx.names import clark
from parbatch.docx.word_formats import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_P, _T, _STYLE_ID, _VAL = clark("w:p"), clark("w:t"), clark("w:styleId"), clark("w:val")
_TABLE = clark("w:tbl")
# Text in there is another paragraph's, is struck out, or is not shown.
_SKIPPED = {TEXT_BOX, *GONE, clark("w:pPr"), clark("w:rPr")}
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
_GLOSSARY = "/word/glossary/"  # building blocks to be put in, with gaps by design
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)


class Text(NamedTuple):
    """A paragraph's text, its runs of white space made one space; `place` says where it stands.

    `level` is that of a heading, 0 for a title; None for ordinary text. `in_body` is False in headers, notes and such.
    """

    place: str
    text: str
    level: int | None = None
    in_body: bool = True


class Contents(NamedTuple):
    """What is in a document: its paragraphs, those of the body first; text in other places; merge fields that nothing
    filled, by name. `kind` is the ending that the file's name should have.
    """

    kind: str
    texts: list[Text]
    codes: list[Code]
    merge_fields: list[Code]


def read_contents(path: Path) -> Contents:
    """Return all that checks look at in a document.

    Every part is read. Raises ValueError where the file is no Word document, and whatever zipfile, lxml and
    python-docx raise where it is damaged.
    """
    package = Package.open(str(path))
    main = package.main_document_part
    kind = kind_of(main.content_type)
    if kind is None:
        raise ValueError(f"its main part is of the type {main.content_type}, which no Word document has")
    trees = {part: _tree(part) for part in package.iter_parts() if part.content_type.endswith("xml")}
    if trees[main].find(clark("w:body")) is None:
        raise ValueError("its main part has no body")
    levels = _levels(next((trees[part] for part in trees if part.content_type == CT.WML_STYLES), ()))
    contents = Contents(kind, [], [], [])
    _read_story(contents, trees[main], "", levels)
    contents.codes.extend(addresses(main, ""))
    for part in sorted(trees, key=lambda part: str(part.partname)):
        if part is main or str(part.partname).startswith(_GLOSSARY):
            continue
        number = "".join(filter(str.isdigit, str(part.partname)))
        place = f"{_BESIDES[part.content_type]} {number}".rstrip() + ", " if part.content_type in _BESIDES else ""
        if place:
            _read_story(contents, trees[part], place, levels)
        contents.codes.extend(other_codes(part, trees[part]))
        contents.codes.extend(addresses(part, place))
    return contents


def _read_story(contents: Contents, root: Any, place: str, levels: dict[str, int]) -> None:
    """Add what is in a part with paragraphs."""
    shown = [p for p in root.iter(_P) if next(p.iterancestors(FALLBACK), None) is None]
    places = {paragraph: _place(place, number, paragraph) for number, paragraph in enumerate(shown, start=1)}

    def place_of(node: Any) -> str:
        while node is not None and node not in places:
            node = node.getparent()
        return places.get(node, place.rstrip(", "))

    contents.texts.extend(_texts(places, levels, in_body=not place))
    found = fields(root)
    contents.merge_fields.extend(merge_fields(found, place_of))
    contents.codes.extend(field_codes(found, place_of))
    contents.codes.extend(codes_in(root, place_of))


def _tree(part: Any) -> Any:
    return part.element if isinstance(part, XmlPart) else parse_xml(part.blob)


def _place(place: str, number: int, paragraph: Any) -> str:
    inside = next(paragraph.iterancestors(_TABLE, TEXT_BOX), None)
    around = "" if inside is None else " (in a table)" if inside.tag == _TABLE else " (in a text box)"
    return f"{place}paragraph {number}{around}"


def _texts(places: dict[Any, str], levels: dict[str, int], *, in_body: bool) -> Iterator[Text]:
    for paragraph, place in places.items():
        text = " ".join("".join(_pieces(paragraph)).split())
        yield Text(place, text, _level(paragraph, levels), in_body)


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
