"""A packet generator written the way people write one, and its seeded data.

592 communities get a briefing packet each: Letter, Arial, about 20 pages, headings, call-outs, tables filled
cell by cell. Nothing here knows about parbatch: `make_packet` and `make_regional` call plain python-docx, and
take the function that opens their template, `docx.Document` in the plain loop.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Inches, Pt, RGBColor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from docx.document import Document
    from docx.table import Table, _Cell, _Row
    from docx.text.paragraph import Paragraph

    OpenDocument = Callable[[str], Document]

SEED = 20240229
ITEMS = 592
INTERNAL = 400  # items with an internal edition as well: 592 + 400 = 992 documents
EDITIONS = ("internal", "public")
REGIONS = ("Northwest", "North", "Northeast", "East", "Southeast", "South", "Southwest", "West")
PROGRAMS = ("Water", "Housing", "Roads", "Health", "Schools", "Broadband")
ROWS = 15  # of a packet's table, header included
REGIONAL_ROWS = 240

NAVY = RGBColor(0x1F, 0x38, 0x64)
GREY = RGBColor(0x59, 0x59, 0x59)

_NAMES = "albercordanelafargarholinajaskellormarnoroscpenquirossaltorulaverwinyarzel"  # syllables of three letters
_VOCABULARY = (
    "account agency allocation annual applied approved area assessment award baseline benefit board "
    "budget capacity capital claim clinic committee community complete condition construction contract "
    "cost council county coverage current data decision delivery demand department design district "
    "drainage during effort eligible emergency estimate evaluation expected facility federal field figure "
    "finding fiscal formula fund grant ground growth hazard health household housing impact improvement "
    "income increase indicator initial inspection investment item labor land level local long loss "
    "maintenance majority map match measure meeting method mitigation need network notice objective "
    "office operation option order outcome output owner partner payment percent period phase plan policy "
    "population priority program progress project property proposal public quarter range rate record "
    "recovery region reliable repair report request reserve resident resource response result review risk "
    "road river school season service share site source staff standard state statement station storm "
    "study support survey system target tax term timeline total training transfer transit trend update "
    "upgrade use utility value water work year"
)
_WORDS = _VOCABULARY.split()
_SYLLABLES = [_NAMES[at : at + 3] for at in range(0, len(_NAMES), 3)]


def _sentences(rng: random.Random, count: int) -> list[str]:
    made = []
    for _ in range(count):
        words = rng.choices(_WORDS, k=rng.randint(15, 31))
        made.append(" ".join(words).capitalize() + ".")
    return made


_SENTENCES = _sentences(random.Random(SEED), 600)


def packet_items() -> Iterator[dict[str, Any]]:
    """Yield the 592 items: `id`, `name`, `group` (the region), `data` (JSON values), always the same."""
    rng = random.Random(SEED)
    for number in range(ITEMS):
        name = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))).capitalize()
        region = REGIONS[number % len(REGIONS)]
        both = number * INTERNAL // ITEMS != (number + 1) * INTERNAL // ITEMS
        data = {
            "name": f"{name} {rng.choice(('County', 'Township', 'District', 'Valley'))}",
            "region": region,
            "population": rng.randint(800, 95_000),
            "text": rng.randrange(len(_SENTENCES)),
            "sections": rng.choices((8, 9, 10, 11, 12, 18), weights=(4, 4, 4, 4, 3, 2))[0],
            "tables": rng.choice((4, 5)),
            "amounts": [rng.randint(1_000, 9_000_000) for _ in range(64)],
            "editions": list(EDITIONS) if both else ["public"],
        }
        yield {"id": f"packet-{number + 1:03d}", "name": data["name"], "group": region, "data": data}


def build_template(path: Path) -> Path:
    """Write the packets' template: python-docx's default one on Letter paper, in Arial, with six styles of
    its own.
    """
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Inches(8.5), Inches(11)
    section.left_margin = section.right_margin = Inches(1)
    normal = document.styles["Normal"]
    normal.font.name = "Arial"
    normal.font.size = Pt(10.5)
    for name in ("Title", "Heading 1", "Heading 2", "Heading 3"):
        heading = document.styles[name]
        fonts = heading.font._element.rPr.rFonts
        for attribute in list(fonts.attrib):  # theme fonts would win over Arial
            del fonts.attrib[attribute]
        heading.font.name = "Arial"
        heading.font.color.rgb = NAVY
    for name, size, italic in (
        ("Packet Body", 10.5, False),
        ("Packet Note", 9, True),
        ("Packet Callout", 11, False),
        ("Packet Lead", 12, False),
        ("Packet Cell", 9, False),
        ("Packet Source", 8, True),
    ):
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = normal
        style.font.size = Pt(size)
        style.font.italic = italic or None
        style.paragraph_format.space_after = Pt(4)
    document.save(str(path))
    return path


def make_packet(data: dict[str, Any], edition: str, open_document: OpenDocument, template: str) -> Document:
    """Return one edition of one community's packet."""
    document = open_document(template)
    text = _Text(data["text"])
    _running_heads(document, data, edition)
    document.add_heading(f"{data['name']}: briefing packet", 0)
    lead = document.add_paragraph(style="Packet Lead")
    lead.add_run(f"{edition.capitalize()} edition").bold = True
    lead.add_run(f", {data['region']} region, population {data['population']:,}")
    document.add_page_break()
    for number in range(data["sections"]):
        _section(document, data, text, number)
        if number < data["tables"]:
            document.add_heading(f"Table {number + 1}. Requests by program", 2)
            _amounts_table(document, _amounts_rows(data, number), by_row=bool(number % 2))
            document.add_paragraph("Source: program office records.", style="Packet Source")
        document.add_page_break()
        if edition == "internal":
            _notes(document, text, number)
    for _ in range(19 - data["sections"]):
        document.add_paragraph(text.next(), style="Packet Body")
        document.add_page_break()
    return document


def packet_result(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the regional documents need to know of a packet: JSON values."""
    return {"name": data["name"], "region": data["region"], "amounts": data["amounts"][:24]}


def make_regional(
    region: str, results: Sequence[dict[str, Any]], open_document: OpenDocument, template: str
) -> Document:
    """Return a region's document from the results of all its packets; its table has a header and 240 rows at
    most.
    """
    document = open_document(template)
    document.add_heading(f"{region} region", 0)
    rows = [["Community", "Program", "Requested", "Share"]]
    for result in results:
        total = sum(result["amounts"])
        for index, amount in enumerate(result["amounts"][:4]):
            rows.append([result["name"], PROGRAMS[index], f"${amount:,}", f"{amount / total:.1%}"])
    _amounts_table(document, rows[: REGIONAL_ROWS + 1], by_row=False)
    return document


class _Text:
    """Sentences in turn, from the item's own starting point."""

    def __init__(self, start: int) -> None:
        self._at = start

    def next(self) -> str:
        self._at += 1
        return _SENTENCES[self._at % len(_SENTENCES)]


def _section(document: Document, data: dict[str, Any], text: _Text, number: int) -> None:
    program = PROGRAMS[number % len(PROGRAMS)]
    document.add_heading(f"{number + 1}. {program} in {data['name']}", 1)
    _callout(document, f"Requested: ${data['amounts'][number]:,}")
    for part in ("Need", "Plan", "Delivery", "Risk"):
        document.add_heading(f"{program}: {part.lower()}", 2)
        paragraph = document.add_paragraph(style="Packet Body")
        run = paragraph.add_run(f"{part}. ")
        run.bold = True
        run.font.color.rgb = NAVY
        paragraph.add_run(text.next())
        paragraph.paragraph_format.keep_with_next = True
        document.add_paragraph(text.next(), style="Packet Body")
        for _ in range(3):
            document.add_paragraph(text.next(), style="List Bullet")
        note = document.add_paragraph()
        note.style = "Packet Note"
        note.add_run("Note: ").italic = True
        note.add_run(text.next())


def _notes(document: Document, text: _Text, number: int) -> None:
    document.add_heading(f"Internal notes {number + 1}", 3)
    for _ in range(2):
        paragraph = document.add_paragraph(style="List Number")
        run = paragraph.add_run(text.next())
        run.font.size = Pt(9)
        run.font.name = "Arial"


def _callout(document: Document, words: str) -> Paragraph:
    paragraph = document.add_paragraph(style="Packet Callout")
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.paragraph_format.space_before = Pt(6)
    run = paragraph.add_run(words)
    run.bold = True
    run.font.size = Pt(12)
    shading = OxmlElement("w:shd")
    shading.set(qn("w:val"), "clear")
    shading.set(qn("w:color"), "auto")
    shading.set(qn("w:fill"), "DEEAF6")
    paragraph._p.get_or_add_pPr().insert_element_before(shading, "w:spacing", "w:jc")
    return paragraph


def _amounts_rows(data: dict[str, Any], number: int) -> list[list[str]]:
    amounts = data["amounts"][number * 12 : number * 12 + ROWS - 1]
    total = sum(amounts)
    rows = [["Program", "Requested", "Share", "Status"]]
    for index, amount in enumerate(amounts):
        status = "approved" if amount % 3 else "pending"
        rows.append([f"{PROGRAMS[index % 6]} {index + 1}", f"${amount:,}", f"{amount / total:.1%}", status])
    return rows


def _amounts_table(document: Document, rows: list[list[str]], *, by_row: bool) -> Table:
    table: Table = document.add_table(rows=len(rows), cols=len(rows[0]))
    table.style = "Table Grid"
    for column, title in enumerate(rows[0]):
        cell = table.cell(0, column)
        run = cell.paragraphs[0].add_run(title)
        run.bold = True
        run.font.color.rgb = RGBColor(0xFF, 0xFF, 0xFF)
        _shade(cell, "1F3864")
    _repeat_header(table.rows[0])
    for number in range(1, len(rows)):
        if by_row:
            cells = list(table.rows[number].cells)
        else:
            cells = [table.cell(number, column) for column in range(len(rows[0]))]
        for cell, value in zip(cells, rows[number], strict=True):
            cell.text = value
            cell.paragraphs[0].style = "Packet Cell"
            if number % 2 == 0:
                _shade(cell, "F2F2F2")
    return table


def _shade(cell: _Cell, fill: str) -> None:
    shading = OxmlElement("w:shd")
    shading.set(qn("w:val"), "clear")
    shading.set(qn("w:color"), "auto")
    shading.set(qn("w:fill"), fill)
    cell._tc.get_or_add_tcPr().append(shading)


def _repeat_header(row: _Row) -> None:
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(header)


def _running_heads(document: Document, data: dict[str, Any], edition: str) -> None:
    section = document.sections[0]
    section.header.paragraphs[0].text = f"{data['name']}\t\t{edition} edition"
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = footer.add_run("Page ")
    run.font.size = Pt(8)
    run.font.color.rgb = GREY
    for kind in ("begin", None, "end"):
        run = footer.add_run()
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.text = "PAGE"
        run._r.append(mark)
