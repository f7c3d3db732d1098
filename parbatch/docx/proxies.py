"""The objects that users hold: made in one step instead of through a chain of `super().__init__` calls.

The same attributes with the same values in the same objects; a class derived from one of these calls the one
it names.
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

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches


def _paragraph(self: Any, p: Any, parent: Any) -> None:
    self._parent = parent
    self._p = self._element = p


def _run(self: Any, r: Any, parent: Any) -> None:
    self._parent = parent
    self._r = self._element = self.element = r


def _cell(self: Any, tc: Any, parent: Any) -> None:
    self._parent = parent
    self._tc = self._element = tc


def _table(self: Any, tbl: Any, parent: Any) -> None:
    self._parent = parent
    self._element = self._tbl = tbl


def _font(self: Any, r: Any, parent: Any = None) -> None:
    self._element = r
    self._parent = parent
    self._r = r


def _color(self: Any, rPr_parent: Any) -> None:  # noqa: N803 - python-docx's name
    self._element = rPr_parent
    self._parent = None


def install(patches: Patches) -> None:
    """Replace the constructors of paragraphs, runs, cells, tables, fonts and colours."""
    assert Paragraph.__mro__[1] is Run.__mro__[1] is BlockItemContainer.__mro__[1] is StoryChild
    assert Font.__mro__[1] is ColorFormat.__mro__[1] is ElementProxy
    patches.replace(Paragraph, "__init__", _paragraph)
    patches.replace(Run, "__init__", _run)
    patches.replace(_Cell, "__init__", _cell)
    patches.replace(Table, "__init__", _table)
    patches.replace(Font, "__init__", _font)
    patches.replace(ColorFormat, "__init__", _color)
