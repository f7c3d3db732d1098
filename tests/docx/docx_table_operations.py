"""The operations on tables that a script of public python-docx calls is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Inches

if TYPE_CHECKING:
    from tests.docx.docx_script import Machine


from tests.docx.docx_values import STYLES, TEXTS, VALUES, of


def add_table(m: Machine, a: int, b: int, c: int) -> Any:
    container = of(m.containers, c)
    sizes = (a % 4, b % 4)
    if container is m.document:
        table = container.add_table(*sizes, of(STYLES, a + b + c))
    else:
        table = container.add_table(*sizes) if hasattr(container, "_tc") else container.add_table(*sizes, Inches(3))
    m.tables.append(table)


def table_cell(m: Machine, a: int, b: int, c: int) -> Any:
    cell = m.pick(m.tables, a).cell(b % 5 - 1, c % 5 - 1)
    m.cells.append(cell)
    return cell.text


def cell_text(m: Machine, a: int, b: int, c: int) -> Any:
    cell = m.pick(m.cells, a)
    cell.text = of(TEXTS, b)
    m.paragraphs.extend(cell.paragraphs)
    return cell.text


def cell_props(m: Machine, a: int, b: int, c: int) -> Any:
    setattr(m.pick(m.cells, a), of(["width", "vertical_alignment"], b), of(VALUES, c))


def merge(m: Machine, a: int, b: int, c: int) -> Any:
    table = m.pick(m.tables, a)
    return table.cell(b % 3, c % 3).merge(table.cell((b // 3) % 4, (c // 3) % 4)).text


def read_table(m: Machine, a: int, b: int, c: int) -> Any:
    table = m.pick(m.tables, a)
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    return [rows, [len(column.cells) for column in table.columns], [cell.text for cell in table._cells]]


def table_row(m: Machine, a: int, b: int, c: int) -> Any:
    row = m.pick(m.tables, a).rows[b % 6 - 2 if c % 4 else slice(b % 3)]
    m.cells.extend(row.cells)
    row.height = of(VALUES, c)
    return [row._index, row.height, row.grid_cols_before]


def grow_table(m: Machine, a: int, b: int, c: int) -> Any:
    table = m.pick(m.tables, a)
    (table.add_row if b % 2 else lambda: table.add_column(of(VALUES, c)))()


def table_props(m: Machine, a: int, b: int, c: int) -> Any:
    table = m.pick(m.tables, a)
    name = of(["style", "alignment", "autofit", "table_direction"], b)
    setattr(table, name, of(STYLES if name == "style" else VALUES, c))
    return table.style.name if table.style else None


def hurt_table(m: Machine, a: int, b: int, c: int) -> Any:
    """Do what users do by hand: remove a cell or a row, start a row later, write a span that is no number."""
    table = m.pick(m.tables, a)
    row = table.rows[b % 3]._tr
    if c % 4 == 0:
        row.remove(row.tc_lst[0])
    elif c % 4 == 1:
        table._tbl.remove(row)
    else:
        mark = OxmlElement("w:gridBefore" if c % 4 == 2 else "w:gridSpan")
        mark.set(qn("w:val"), "1" if c % 8 < 4 else "one")
        (row.get_or_add_trPr() if c % 4 == 2 else row.tc_lst[0].get_or_add_tcPr()).append(mark)
