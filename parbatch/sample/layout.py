"""Building blocks of the sample job's documents, on python-docx: tables, captions, links, properties."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm

from parbatch.sample import styles
from parbatch.sample.country import DATA_DATE

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell, _Row
    from docx.text.paragraph import Paragraph

NUMBER = styles.CELL_NUMBER
TEXT = styles.CELL


def set_properties(document: "Document", title: str, subject: str, keywords: Sequence[str]) -> None:
    """Fill in the core properties; the dates are the data's, so that equal data gives equal bytes."""
    core = document.core_properties
    core.title, core.subject, core.keywords = title, subject, ", ".join(keywords)
    core.author = core.last_modified_by = "parbatch"
    core.category, core.comments, core.language = "Country briefs", "Data: GeoNames, CC BY 4.0", "en"
    core.created = core.modified = DATA_DATE.replace(tzinfo=None)
    core.revision = 1


def set_header(document: "Document", left: str, right: str) -> None:
    """Set the running head of all pages but the cover."""
    document.sections[0].header.paragraphs[0].text = f"{left}\t{right}"


def add_figures(document: "Document", figures: Sequence[tuple[str, str]]) -> None:
    """Add the cover's row of key figures: what is said large, and what it means."""
    table = add_table(document, styles.FIGURES_TABLE, [16.5 / len(figures)] * len(figures))
    for cell, (figure, label) in zip(new_row(table), figures, strict=True):
        fill(cell, figure, styles.FIGURE)
        cell.add_paragraph(label, styles.FIGURE_LABEL)


def add_facts(document: "Document", facts: Iterable[tuple[str, str]]) -> None:
    """Add a table of labels and values, one fact a row; facts without a value are left out."""
    table = add_table(document, styles.FACTS_TABLE, [5.5, 11])
    for label, value in facts:
        if value:
            label_cell, value_cell = new_row(table)
            fill(label_cell, label, styles.CELL_LABEL)
            fill(value_cell, value, TEXT)


def add_list(
    document: "Document",
    columns: Sequence[tuple[str, float, str]],
    rows: Iterable[Sequence[str]],
    *,
    totals: bool = False,
) -> "Table":
    """Add a table with a heading that is repeated on each page.

    `columns` are heading, width in centimetres and style; `totals` sets the last row off.
    """
    table = add_table(document, styles.LIST_TABLE, [width for _, width, _ in columns])
    _use_conditions(table, totals=totals)
    head = new_row(table)
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # noqa: SLF001 -- has no other name
    for cell, (heading, _, style) in zip(head, columns, strict=True):
        fill(cell, heading, styles.CELL_HEAD_NUMBER if style == NUMBER else styles.CELL_HEAD)
    kinds = [style for _, _, style in columns]
    for row in rows:
        for cell, text, style in zip(new_row(table), row, kinds, strict=True):
            fill(cell, text, style)
    return table


def add_table(document: "Document", style: str, widths: Sequence[float]) -> "Table":
    """Add an empty table of columns with fixed widths in centimetres."""
    table: Table = document.add_table(rows=0, cols=len(widths), style=style)
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    return table


def new_row(table: "Table") -> tuple["_Cell", ...]:
    """Add a row and return its cells, which are as wide as the columns."""
    row: _Row = table.add_row()
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001 -- a row is not broken over pages
    return row.cells


def _use_conditions(table: "Table", *, totals: bool) -> None:
    """Say which of the style's special rows the table has."""
    look = table._tbl.tblPr.find(qn("w:tblLook"))  # noqa: SLF001 -- python-docx has no name for it
    if look is not None:
        table._tbl.tblPr.remove(look)  # noqa: SLF001
    flags = {"firstRow": "1", "lastRow": f"{totals:d}", "noHBand": "1", "noVBand": "1"}
    flags["val"] = f"{0x0620 + 0x0040 * totals:04X}"  # the same as a sum, for readers of the older form
    table._tbl.tblPr.append(OxmlElement("w:tblLook", {qn(f"w:{key}"): value for key, value in flags.items()}))  # noqa: SLF001


def fill(cell: "_Cell", text: str, style: str) -> "Paragraph":
    """Put text into a cell's only paragraph, in a style."""
    paragraph: Paragraph = cell.paragraphs[0]
    if text:
        paragraph.add_run(text)
    if style != TEXT:  # which a cell's paragraph is already
        paragraph.style = style
    return paragraph


def add_caption(document: "Document", number: int, text: str, source: str = "") -> None:
    """Add what stands above a table: a caption numbered by a field, and whose data it is.

    Below the table, the source could be left alone on the next page.
    """
    paragraph = document.add_paragraph("Table ", styles.CAPTION)
    field = OxmlElement("w:fldSimple", {qn("w:instr"): "SEQ Table"})
    result = OxmlElement("w:r")
    shown = OxmlElement("w:t")
    shown.text = str(number)
    result.append(shown)
    field.append(result)
    paragraph._p.append(field)  # noqa: SLF001 -- python-docx has no fields
    paragraph.add_run(f". {text}")
    if source:
        document.add_paragraph(source, styles.SOURCE)


def add_link(paragraph: "Paragraph", text: str, address: str) -> None:
    """Add a link to a paragraph; an address without a scheme is relative to the document."""
    relation = paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link = OxmlElement("w:hyperlink", {qn("r:id"): relation, qn("w:history"): "1"})
    run = paragraph.add_run(text, styles.LINK)
    link.append(run._r)  # noqa: SLF001 -- python-docx reads links but does not make them
    paragraph._p.append(link)  # noqa: SLF001
