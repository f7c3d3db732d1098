"""What people build by the thousand, built in one go: tables from rows, paragraphs from texts.

The result is that of the loop over `add_table`, `cell.text` and `add_paragraph`: the same elements and the
same styles. Only what is wrong with the input is said before anything is added, not after a part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.enum.style import WD_STYLE_TYPE
from docx.shared import Emu
from docx.text.paragraph import Paragraph

from parbatch.docx.forbidden import clean_text, first_forbidden
from parbatch.docx.names import clark, new_element
from parbatch.docx.paragraphs import NO_STYLE, paragraph_prototype
from parbatch.docx.runs import fill, is_plain
from parbatch.docx.stood_for import path
from parbatch.docx.watching import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from docx.document import Document
    from docx.shared import Length
    from docx.styles.style import ParagraphStyle, _TableStyle
    from docx.table import Table

_PARAGRAPHS, _TABLE = path("add-paragraphs"), path("add-table")
_P, _T, _TC = clark("w:p"), clark("w:t"), clark("w:tc")


def add_table(
    document: Document,
    rows: Iterable[Sequence[object]],
    *,
    style: str | _TableStyle | None = None,
    header: Sequence[object] | None = None,
    widths: Sequence[Length | int] | None = None,
    drop_forbidden: bool = False,
) -> Table:
    """Add a table with a row for each of `rows` and return it; a cell is the `str` of its value, or empty for
    None.

    It is the table of `document.add_table(...)` with each `cell.text` set. `header` becomes a first row that
    is repeated on every page. `widths` are those of the columns, lengths of python-docx or numbers of EMU
    (914,400 to an inch), set for the column and for each of its cells.

    Raises ValueError for rows of different lengths, for a table without columns, for another number of
    widths, and for characters that XML forbids, naming row and column, unless they are to be dropped with
    `drop_forbidden`; KeyError for an unknown style.
    """
    texts = [] if header is None else [_texts(header, drop=drop_forbidden)]
    texts.extend(_texts(row, drop=drop_forbidden) for row in rows)
    columns = _columns(texts, widths)
    for number, row in enumerate(texts, start=0 if header is not None else 1):
        for column, text in enumerate(row, start=1):
            _check(text, f"row {number or 'of the header'}, column {column} of the table")
    if not undisturbed(_TABLE):
        return _table_by_loop(document, texts, columns, style, widths, header=header is not None)
    table: Table = document.add_table(min(len(texts), 1), columns, style)
    if widths is not None:
        for grid_column, width in zip(table._tbl.tblGrid.gridCol_lst, widths, strict=True):
            grid_column.w = Emu(width)
    if texts:
        _fill_rows(table._tbl, texts, widths)
    if header is not None:
        table._tbl.tr_lst[0].get_or_add_trPr().append(new_element("w:tblHeader"))
    return table


def add_paragraphs(
    document: Document,
    texts: Iterable[str],
    *,
    style: str | ParagraphStyle | None = None,
    drop_forbidden: bool = False,
) -> list[Paragraph]:
    """Add a paragraph for each of `texts` at the end of the document and return them all.

    They are those of `document.add_paragraph(text, style)`. Raises ValueError for characters that XML
    forbids, naming the number of the text, unless they are to be dropped with `drop_forbidden`; KeyError for
    an unknown style; TypeError for one text in place of several, which would be taken letter by letter.
    """
    if isinstance(texts, str):
        raise TypeError("texts is a single text; give a list of them, such as [text]")
    wanted = [clean_text(text) for text in texts] if drop_forbidden else list(texts)
    for number, text in enumerate(wanted, start=1):
        _check(text, f"text {number}")
    if not undisturbed(_PARAGRAPHS):
        return [document.add_paragraph(text, style) for text in wanted]
    part: Any = document.part
    style_id = NO_STYLE if style is None else part.get_style_id(style, WD_STYLE_TYPE.PARAGRAPH)
    body: Any = document.element.body
    container = document._body
    added = []
    for text in wanted:
        plain = is_plain(text)
        p = paragraph_prototype(style_id, text=plain).__copy__()
        if plain:
            fill(p[-1][0], text)
        body._insert_p(p)
        paragraph = Paragraph(p, container)
        if text and not plain:
            paragraph.add_run(text)
        added.append(paragraph)
    return added


def _table_by_loop(
    document: Document, texts: list[list[str]], columns: int, style: Any, widths: Any, *, header: bool
) -> Table:
    """Return the same table made with python-docx's own functions, which somebody has changed."""
    table: Table = document.add_table(len(texts), columns, style)
    for row, row_texts in zip(table.rows, texts, strict=True):
        for cell, text in zip(row.cells, row_texts, strict=True):
            cell.text = text
    for number, width in enumerate(widths or ()):
        for sized in (table.columns[number], *table.columns[number].cells):
            sized.width = Emu(width)
    if header:
        table.rows[0]._tr.get_or_add_trPr().append(new_element("w:tblHeader"))
    return table


def _texts(row: Sequence[object], *, drop: bool) -> list[str]:
    texts = ["" if value is None else str(value) for value in row]
    return [clean_text(text) for text in texts] if drop else texts


def _columns(texts: list[list[str]], widths: Sequence[Length | int] | None) -> int:
    """Return the number of columns that rows and widths agree on."""
    columns = len(texts[0]) if texts else len(widths or ())
    if not columns:
        raise ValueError("the table has no columns: give it rows, a header, or widths")
    for number, row in enumerate(texts, start=1):
        if len(row) != columns:
            raise ValueError(f"row {number} of the table has {len(row)} cells, the first one {columns}")
    if widths is not None and len(widths) != columns:
        raise ValueError(f"the table has {columns} columns, but {len(widths)} widths were given")
    return columns


def _check(text: str, place: str) -> None:
    character = first_forbidden(text)
    if character is not None:
        raise ValueError(
            f"{place} has U+{ord(character):04X}, which XML can't hold: correct it, or pass drop_forbidden=True"
        )


def _fill_rows(tbl: Any, texts: list[list[str]], widths: Sequence[Length | int] | None) -> None:
    """Make the table's only row the pattern of all, copy it for each, then set their texts."""
    pattern = tbl.tr_lst[0]
    for number, tc in enumerate(pattern.iterchildren(_TC)):
        if widths is not None:
            tc.width = Emu(widths[number])
        p = next(tc.iterchildren(_P))
        r = new_element("w:r")
        r.append(new_element("w:t"))
        p.append(r)
    for _ in texts[1:]:
        tbl.append(pattern.__copy__())
    marks = list(tbl.iter(_T))
    for t, text in zip(marks, [text for row in texts for text in row], strict=True):
        if is_plain(text):
            fill(t, text)
        else:
            r = t.getparent()
            r.remove(t)
            r.text = text
