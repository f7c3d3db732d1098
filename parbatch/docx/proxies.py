"""The objects that users hold: made in one step instead of through a chain of `super().__init__` calls.

The same attributes with the same values in the same objects; objects of a class derived from one of these are made as
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.blkcntnr import BlockItemContainer
from docx.dml.color import ColorFormat
from docx.shared import ElementProxy, StoryChild
from docx.table import Table, _Cell
from docx.text.font import Font
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from parbatch.docx.stood_for import path
from parbatch.docx.watching import Watched

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches


# Written out: where somebody has put another class into such a place, its own name is another one.
_KINDS = {
    "docx.text.paragraph:Paragraph": Paragraph,
    "docx.text.run:Run": Run,
    "docx.table:_Cell": _Cell,
    "docx.table:Table": Table,
    "docx.text.font:Font": Font,
    "docx.dml.color:ColorFormat": ColorFormat,
}
_PATHS = tuple(path(f"{kind}.__init__") for kind in _KINDS)
_PARAGRAPH, _RUN, _CELL, _TABLE, _FONT, _COLOR = _PATHS


def _paragraph(self: Any, p: Any, parent: Any) -> None:
    if type(self) is not Paragraph or not ((Watched.look and _PARAGRAPH.on) or _PARAGRAPH.holds()):
        _PARAGRAPH.original(self, p, parent)
        return
    self._parent = parent
    self._p = self._element = p


def _run(self: Any, r: Any, parent: Any) -> None:
    if type(self) is not Run or not ((Watched.look and _RUN.on) or _RUN.holds()):
        _RUN.original(self, r, parent)
        return
    self._parent = parent
    self._r = self._element = self.element = r


def _cell(self: Any, tc: Any, parent: Any) -> None:
    if type(self) is not _Cell or not ((Watched.look and _CELL.on) or _CELL.holds()):
        _CELL.original(self, tc, parent)
        return
    self._parent = parent
    self._tc = self._element = tc


def _table(self: Any, tbl: Any, parent: Any) -> None:
    if type(self) is not Table or not ((Watched.look and _TABLE.on) or _TABLE.holds()):
        _TABLE.original(self, tbl, parent)
        return
    self._parent = parent
    self._element = self._tbl = tbl


def _font(self: Any, r: Any, parent: Any = None) -> None:
    if type(self) is not Font or not ((Watched.look and _FONT.on) or _FONT.holds()):
        _FONT.original(self, r, parent)
        return
    self._element = r
    self._parent = parent
    self._r = r


def _color(self: Any, rPr_parent: Any) -> None:  # noqa: N803 - python-docx's name
    if type(self) is not ColorFormat or not ((Watched.look and _COLOR.on) or _COLOR.holds()):
        _COLOR.original(self, rPr_parent)
        return
    self._element = rPr_parent
    self._parent = None


def install(patches: Patches) -> None:
    """Replace the constructors of paragraphs, runs, cells, tables, fonts and colours."""
    assert Paragraph.__mro__[1] is Run.__mro__[1] is BlockItemContainer.__mro__[1] is StoryChild
    assert Font.__mro__[1] is ColorFormat.__mro__[1] is ElementProxy
    for kind, fast, fast_path in zip(
        _KINDS.values(), (_paragraph, _run, _cell, _table, _font, _color), _PATHS, strict=True
    ):
        patches.replace(kind, "__init__", fast, fast_path.name)
