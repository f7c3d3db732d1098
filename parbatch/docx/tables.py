"""Tables: cells by position and by row, without a list of all cells of the table for each one asked for.

`table.cell()` builds a proxy for every cell of the table to return one of them. What makes a list necessary
at all is merged cells, so a search says first whether the table has any; in one that has none, the cells are
the table's `w:tc` elements in document order, and the wanted one is found by counting. A table with merged
cells goes the old way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from docx.oxml.table import CT_Row, CT_Tbl, CT_TblGrid, CT_Tc
from docx.oxml.text.paragraph import CT_P
from docx.shared import Cm, Emu, Inches, Length, Mm, Pt, Twips
from docx.table import Table, _Cell, _Row, _Rows

from parbatch.docx.names import clark
from parbatch.docx.runs import paragraph_with_text
from parbatch.docx.stood_for import path
from parbatch.docx.watching import Watched, WatchedNumbers, WatchedTexts
from parbatch.docx.xpaths import compiled

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

_TR, _TC, _TCPR, _COLUMN = clark("w:tr"), clark("w:tc"), clark("w:tcPr"), clark("w:gridCol")
_SPAN, _MERGE = clark("w:gridSpan"), clark("w:vMerge")

_nth_cell = compiled("(w:tr/w:tc)[$number]")
_nth_row = compiled("w:tr[$number]")

#: Lengths that divide as numbers do; a class of the user's own may not.
_LENGTHS = frozenset((Length, Inches, Cm, Emu, Mm, Pt, Twips))

#: Cells of the largest table that is kept to be copied; a larger one costs as much to keep as it saves.
_LARGEST = 2000

_CELL = path("docx.table:Table.cell")
_CELLS = path("docx.table:Table._cells")
_ROW_CELLS = path("docx.table:_Row.cells")
_ROW = path("docx.table:_Rows.__getitem__")
_NEW_TBL = path("docx.oxml.table:CT_Tbl.new_tbl")
_TEXT = path("docx.table:_Cell.text")
_CLEAR = path("docx.oxml.table:CT_Tc.clear_content")
_COL_COUNT = path("docx.oxml.table:CT_Tbl.col_count")


def _merges(element: Any) -> bool:
    """Whether there is a span or merge mark anywhere inside; one of a nested table counts too, and does no
    harm.
    """
    return next(element.iter(_SPAN, _MERGE), None) is not None


def _table_cell(self: Any, row_idx: Any, col_idx: Any) -> Any:
    """The cell at this place of the list of all cells: in a table without merges, the `w:tc` of the same
    number.
    """
    tbl = self._tbl
    plain = type(self) is Table and type(tbl) is CT_Tbl and type(row_idx) is int and type(col_idx) is int
    if plain and ((Watched.look and _CELL.on) or _CELL.holds()):
        number = col_idx + row_idx * tbl.col_count
        if number >= 0 and not _merges(tbl):
            found = _nth_cell(tbl, number=number + 1)
            if found:
                return _Cell(found[0], self)
    return _CELL.original(self, row_idx, col_idx)


def _table_cells(self: Any) -> Any:
    """All cells: in a table without merges, one for each `w:tc` in document order."""
    tbl = self._tbl
    if (
        type(self) is Table
        and type(tbl) is CT_Tbl
        and ((Watched.look and _CELLS.on) or _CELLS.holds())
        and not _merges(tbl)
    ):
        _ = tbl.tblGrid  # it is asked for the number of columns: a table must have it
        return [_Cell(tc, self) for tr in tbl.iterchildren(_TR) for tc in tr.iterchildren(_TC)]
    return _CELLS.original(self)


def _row_cells(self: Any) -> Any:
    """The cells of a row: without merges in it, one for each of its `w:tc`."""
    tr = self._tr
    if (
        type(self) is _Row
        and type(tr) is CT_Row
        and ((Watched.look and _ROW_CELLS.on) or _ROW_CELLS.holds())
        and not _merges(tr)
    ):
        table = self.table
        return tuple([_Cell(tc, table) for tc in tr.iterchildren(_TC)])
    return _ROW_CELLS.original(self)


def _rows_getitem(self: Any, idx: Any) -> Any:
    """One row by its number, without a proxy for every other row."""
    tbl = self._tbl
    if (
        type(self) is _Rows
        and type(idx) is int
        and idx >= 0
        and type(tbl) is CT_Tbl
        and ((Watched.look and _ROW.on) or _ROW.holds())
    ):
        found = _nth_row(tbl, number=idx + 1)
        if found:
            return _Row(found[0], self)
    return _ROW.original(self, idx)


def _col_count(self: Any) -> Any:
    """The number of grid columns, counted without a list of them."""
    if type(self) is not CT_Tbl or not ((Watched.look and _COL_COUNT.on) or _COL_COUNT.holds()):
        return _COL_COUNT.original(self)
    grid = self.tblGrid
    return sum(1 for _ in grid.iterchildren(_COLUMN)) if type(grid) is CT_TblGrid else len(grid.gridCol_lst)


@lru_cache(maxsize=64)
def _new_table(rows: int, cols: int, width: int) -> Any:
    return _NEW_TBL.original(CT_Tbl, rows, cols, Emu(width))


def _new_tbl(cls: Any, rows: Any, cols: Any, width: Any) -> Any:
    """A copy of the table that was parsed for the same size before."""
    on = (Watched.look and WatchedNumbers.look and _NEW_TBL.on) or _NEW_TBL.holds()
    plain = cls is CT_Tbl and type(rows) is type(cols) is int and type(width) in _LENGTHS
    if on and plain and rows * cols <= _LARGEST:
        return _new_table(rows, cols, int(width)).__deepcopy__(None)
    return _NEW_TBL.original(cls, rows, cols, width)


def _cell_text(self: Any, text: Any) -> None:
    """The same content for plain text: one paragraph with one run with one text, copied in one piece.

    Text that is refused is refused on the loose copy, before anything was changed; then the original is
    asked.
    """
    tc = self._tc
    if type(tc) is CT_Tc and ((Watched.look and WatchedTexts.look and _TEXT.on) or _TEXT.holds()):
        p = paragraph_with_text(text)
        if p is not None:
            tc.clear_content()
            tc.append(p)
            return
    _TEXT.original(self, text)


def _clear_content(self: Any) -> None:
    """Remove all elements but `w:tcPr`: a new cell has it first, and one paragraph."""
    if len(self) == 2 and type(self) is CT_Tc and ((Watched.look and _CLEAR.on) or _CLEAR.holds()):
        first, second = self
        if first.tag == _TCPR and type(second) is CT_P:
            self.remove(second)
            return
    _CLEAR.original(self)


def install(patches: Patches) -> None:
    """Replace the look-up of cells and rows, the making of tables, and the setting of a cell's text."""
    patches.replace(Table, "cell", _table_cell, _CELL.name)
    patches.replace(_Rows, "__getitem__", _rows_getitem, _ROW.name)
    patches.replace(CT_Tbl, "new_tbl", classmethod(_new_tbl), _NEW_TBL.name)
    patches.replace(CT_Tc, "clear_content", _clear_content, _CLEAR.name)
    patches.replace_getter(Table, "_cells", _table_cells, _CELLS.name)
    patches.replace_getter(_Row, "cells", _row_cells, _ROW_CELLS.name)
    patches.replace_getter(CT_Tbl, "col_count", _col_count, _COL_COUNT.name)
    patches.replace_setter(_Cell, "text", _cell_text, _TEXT.name)
