"""A template with every kind of part, for tests."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import docx
from docx.opc.packuri import PackURI
from docx.opc.part import Part

from tests.docx.docx_values import png

if TYPE_CHECKING:
    from pathlib import Path

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"


def build_full(path: Path) -> Path:
    """Write a template that has everything with a part of its own: header, footer, picture, comment, link, notes."""
    document = docx.Document()
    run = document.add_paragraph("text", style="Quote").add_run("run")
    document.add_picture(io.BytesIO(png(3)))
    document.sections[0].header.paragraphs[0].text = "header"
    document.sections[0].header.paragraphs[0].add_run().add_picture(io.BytesIO(png(2)))
    document.sections[0].footer.paragraphs[0].text = "footer"
    document.add_comment(run, "a comment", author="me")
    document.settings.odd_and_even_pages_header_footer = True
    document.part.relate_to("https://example.org/", "urn:link", is_external=True)
    document.add_table(2, 2, "Table Grid").cell(0, 0).merge(document.tables[0].cell(1, 0))
    package: Any = document.part.package
    notes = Part(PackURI("/word/footnotes.xml"), _FOOTNOTES, b"<w:footnotes xmlns:w='urn:w'/>", package)
    document.part.relate_to(notes, f"{_OFFICE}/footnotes")
    document.save(str(path))
    return path
