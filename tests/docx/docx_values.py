"""The values and attribute names that the operations of a script choose from."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from docx.enum.dml import MSO_THEME_COLOR
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_COLOR_INDEX, WD_UNDERLINE
from docx.shared import Cm, Emu, Inches, Pt, RGBColor

TEXTS = (
    "", "plain", "two words", " led", "trailed ", "\ta tab", "a\tb\nc\rd\r\n", "\n", "  ", "\u00a0nbsp\u00a0",
    "é ü 漢字 🙂", "<&>\"'", "bad\x00", "bell\x07 in it", "\ud800", "x" * 300, None, 7, b"bytes",
)  # fmt: skip
STYLES = (
    "Normal", "Heading 1", "heading 2", "List Bullet", "List Number", "Quote", "Table Grid", "Strong",
    "Emphasis", "Default Paragraph Font", "No Such Style", "Heading1", "New One", "Renamed", "Quo\"te", "",
    None, 3, "Light List", "Normal Table",
)  # fmt: skip
VALUES = (
    True, False, None, 0, 1, 12, -5, "text", 2.5, Pt(9), Pt(12.5), Inches(1), Cm(2), Emu(914400), "center",
    WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.JUSTIFY, WD_UNDERLINE.DOUBLE, WD_UNDERLINE.NONE,
    WD_COLOR_INDEX.YELLOW, RGBColor(1, 2, 254), MSO_THEME_COLOR.ACCENT_1, WD_ORIENT.LANDSCAPE,
    WD_SECTION.CONTINUOUS, WD_SECTION.ODD_PAGE, WD_CELL_VERTICAL_ALIGNMENT.CENTER, WD_TABLE_ALIGNMENT.RIGHT,
    WD_BREAK.PAGE, WD_BREAK.LINE, WD_BREAK.COLUMN, WD_BREAK.LINE_CLEAR_ALL, WD_STYLE_TYPE.PARAGRAPH,
    WD_STYLE_TYPE.CHARACTER, WD_STYLE_TYPE.TABLE, WD_STYLE_TYPE.LIST, 2**40,
)  # fmt: skip


def _names(text: str) -> list[str]:
    return text.split()


PARAGRAPH = _names("style alignment text")
FORMAT = _names(
    "alignment first_line_indent keep_together keep_with_next left_indent line_spacing line_spacing_rule "
    "right_indent page_break_before space_after space_before widow_control"
)
RUN = _names("text bold italic underline style")
FONT = _names(
    "all_caps bold italic name size underline highlight_color subscript superscript strike hidden small_caps math rtl"
)
SECTION = _names(
    "start_type page_height page_width orientation left_margin right_margin top_margin bottom_margin "
    "header_distance footer_distance gutter different_first_page_header_footer"
)
STYLE = _names("name style_id hidden priority quick_style locked unhide_when_used base_style next_paragraph_style")


def png(width: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * (width + 1))), chunk(b"IEND", b""))
    )


def of(values: Any, number: int) -> Any:
    return values[number % len(values)]
