"""What a document holds besides its paragraphs: fields, addresses of links, formulas, alternative texts, properties.

A template may have a gap in any of them, which no reader of the text sees. Read for checks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from docx.opc.constants import CONTENT_TYPE as CT
from docx.opc.constants import RELATIONSHIP_TYPE as RT

from parbatch.docx.names import clark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_CHART_VALUE = "{http://schemas.openxmlformats.org/drawingml/2006/chart}v"

FALLBACK = f"{_MC}Fallback"
TEXT_BOX = clark("w:txbxContent")
#: Struck out, or there a second time for programs from before 2010.
GONE = frozenset({FALLBACK, clark("w:del"), clark("w:moveFrom")})

_P, _T = clark("w:p"), clark("w:t")
_SIMPLE, _INSTR = clark("w:fldSimple"), clark("w:instr")
_CHAR, _CHAR_TYPE, _INSTR_TEXT = clark("w:fldChar"), clark("w:fldCharType"), clark("w:instrText")
# Of the whole part, each a story of its own: a field that one leaves open ends there.
_STORIES = {clark("w:footnote"), clark("w:endnote"), clark("w:comment"), TEXT_BOX}
# Texts in attributes, each with what they are.
_SPOKEN = {
    clark("w:hyperlink"): ((clark("w:anchor"), "link"), (clark("w:tooltip"), "link")),
    f"{_WP}docPr": (("descr", "alternative text"), ("title", "alternative text")),
    "{urn:schemas-microsoft-com:vml}textpath": (("string", "in a drawing"),),  # WordArt, as watermarks are
}
_FORMULA, _DRAWN_TEXT = f"{_M}oMath", f"{_A}p"

# Code and data of other programs, which look like anything.
_FOREIGN = frozenset({"ADDIN", "EQ", "MACROBUTTON", "PRIVATE"})
# The fields of a letter that are filled when it is merged; the first three show the value of a column.
_SHOWING = frozenset({"MERGEFIELD", "ADDRESSBLOCK", "GREETINGLINE"})
_MERGING = _SHOWING | {"MERGEREC", "MERGESEQ", "NEXT", "NEXTIF", "SKIPIF"}
_UNFILLED = re.compile(r"\s*(«.*»|<[^<>]+>)\s*", re.DOTALL)
_NAME = re.compile(r'\s*(?P<kind>[^\W\d]+)\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s\\]\S*))?')

# Where addresses are those of the machine that a template was made on.
_OF_MACHINE = frozenset({"attachedTemplate", "mailMergeSource", "mailMergeHeaderSource", "recipientData", "frame"})
_PROPERTIES = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_DRAWN = {CT.DML_CHART: "chart", CT.DML_DIAGRAM_DATA: "diagram"}


class Code(NamedTuple):
    """Text that stands in none of the paragraphs; `place` says where it stands."""

    place: str
    text: str


class Field:
    """A field: its code, and what it shows. `is_shown` says that it has come to show anything, be it empty."""

    def __init__(self, paragraph: Any, code: str = "", *, is_shown: bool = False) -> None:
        self.paragraph = paragraph
        self.code = code
        self.is_shown = is_shown
        self.result = ""

    def add(self, text: str, *, is_code: bool) -> None:
        """Add to the code, or to what is shown; what is out of its place is neither."""
        if is_code and not self.is_shown:
            self.code += text
        elif not is_code and self.is_shown:
            self.result += text

    @property
    def kind(self) -> str:
        """What kind of field it is, such as `PAGE`; empty for what is no field code."""
        found = _NAME.match(self.code)
        return found["kind"].upper() if found else ""

    @property
    def unfilled(self) -> str | None:
        """What a merge field that nothing has filled waits for, such as a column's name; None for all others."""
        if self.kind not in _MERGING:
            return None
        if not _UNFILLED.fullmatch(self.result) and (self.is_shown or self.kind not in _SHOWING):
            return None
        found = _NAME.match(self.code)
        name = (found["quoted"] or found["plain"] or "") if found and self.kind == "MERGEFIELD" else ""
        return name or self.result.strip(" «»<>") or self.kind


def fields(root: Any) -> list[Field]:
    """Return all fields of a part, nested ones too, but for those that are struck out."""
    if next(root.iter(_CHAR, _SIMPLE), None) is None:
        return []
    found: list[Field] = []
    opened: list[Field] = []
    _walk(root, None, opened, found)
    return found + opened


def _walk(node: Any, paragraph: Any, opened: list[Field], found: list[Field]) -> None:
    for child in node:
        tag = child.tag
        if tag == _CHAR:
            _at_boundary(child.get(_CHAR_TYPE), paragraph, opened, found)
        elif tag in {_INSTR_TEXT, _T}:
            if opened:
                opened[-1].add(child.text or "", is_code=tag == _INSTR_TEXT)
        elif tag == _SIMPLE:
            inside = [Field(paragraph, child.get(_INSTR) or "", is_shown=len(child) > 0)]
            _walk(child, paragraph, inside, found)
            found += inside
        elif tag in _STORIES:
            inside = []
            _walk(child, paragraph, inside, found)
            found += inside
        elif tag not in GONE:
            _walk(child, child if tag == _P else paragraph, opened, found)


def _at_boundary(kind: str | None, paragraph: Any, opened: list[Field], found: list[Field]) -> None:
    if kind == "begin":
        opened.append(Field(paragraph))
    elif kind == "separate" and opened:
        opened[-1].is_shown = True
    elif kind == "end" and opened:
        found.append(opened.pop())


def codes_in(root: Any, place_of: Callable[[Any], str]) -> Iterator[Code]:
    """Codes of fields, formulas, drawn and alternative texts of a part with paragraphs. `place_of` an element says
    where it stands.
    """
    for node in root.iter(_FORMULA, _DRAWN_TEXT, *_SPOKEN):
        if next(node.iterancestors(*GONE), None) is not None:
            continue
        if node.tag == _FORMULA:
            yield Code(f"{place_of(node)}, in a formula", "".join(text.text or "" for text in node.iter(f"{_M}t")))
        elif node.tag == _DRAWN_TEXT:
            yield Code(f"{place_of(node)}, in a drawing", _drawn_text(node))
        for attribute, what in _SPOKEN.get(node.tag, ()):
            yield Code(f"{place_of(node)}, {what}", node.get(attribute) or "")


def field_codes(found: list[Field], place_of: Callable[[Any], str]) -> Iterator[Code]:
    """The codes of fields but for those whose code is another program's data."""
    for field in found:
        if field.kind not in _FOREIGN:
            yield Code(f"{place_of(field.paragraph)}, code of a field", " ".join(field.code.split()))


def merge_fields(found: list[Field], place_of: Callable[[Any], str]) -> Iterator[Code]:
    """The names of merge fields that nothing has filled."""
    for field in found:
        if (name := field.unfilled) is not None:
            yield Code(place_of(field.paragraph), name)


def addresses(part: Any, place: str) -> Iterator[Code]:
    """Where links and linked pictures of a part lead to, as people write it: Word keeps `{` as `%7B`."""
    for rel in part.rels.values():
        if rel.is_external and rel.reltype.rpartition("/")[2] not in _OF_MACHINE:
            what = "address of a picture" if rel.reltype == RT.IMAGE else "address of a link"
            yield Code(f"{place}{what}", unquote(rel.target_ref))


def other_codes(part: Any, tree: Any) -> Iterator[Code]:
    """Texts of charts, diagrams and of the document's properties."""
    if kind := _DRAWN.get(part.content_type):
        place = f"{kind} {''.join(filter(str.isdigit, str(part.partname)))}".rstrip()
        for paragraph in tree.iter(f"{_A}p"):
            yield Code(place, _drawn_text(paragraph))
        for value in tree.iter(_CHART_VALUE):
            yield Code(place, value.text or "")
    elif part.content_type in {CT.OPC_CORE_PROPERTIES, _PROPERTIES}:
        for node in tree.iter():
            if isinstance(node.tag, str) and len(node) == 0:
                yield Code("properties of the document", node.text or "")


def _drawn_text(paragraph: Any) -> str:
    return "".join(text.text or "" for text in paragraph.iter(f"{_A}t"))
