"""Build `parbatch/sample/template.docx`: page, header, footer and every style of the sample job's documents.

    python tools/build_sample_template.py

The same code gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor

from parbatch.sample import styles

if TYPE_CHECKING:
    from docx.document import Document as DocumentObject
    from docx.styles.style import BaseStyle, ParagraphStyle
    from docx.text.paragraph import Paragraph

OUT = Path(__file__).parent.parent / "parbatch" / "sample" / "template.docx"

CREDIT = "Data: GeoNames, CC BY 4.0"
FONT = "Arial"  # on every desktop, or a metric twin of it
INK = "1F2933"
SOFT = "5F6C7B"
ACCENT = "0B5C6B"
RULE = "C9D3DA"
TINT = "EEF4F5"
TEXT_WIDTH = Cm(16.5)

# What is taken over from python-docx's default template; all else in it would only be carried along.
KEPT_STYLES = {"Normal", "Title", "Subtitle", "Heading 1", "Heading 2", "Body Text", "Caption", "Header",
               "Footer", "Default Paragraph Font", "Normal Table", "No List"}  # fmt: skip
UNUSED_PARTS = {
    "thumbnail",
    "extended-properties",
    "stylesWithEffects",
    "customXml",
    "numbering",
    "webSettings",
}
# The order in which the schema wants the run properties used here (ECMA-376 part 1, 17.3.2).
RUN_PROPERTIES = ("rFonts", "b", "noProof", "color", "spacing", "sz", "szCs", "u")


def main() -> None:
    """Write the template."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    document = Document()
    for style in [style for style in document.styles if style.name not in KEPT_STYLES]:
        style.delete()
    document.styles.element.remove(document.styles.element.find(qn("w:latentStyles")))
    lay_out_page(document)
    define_cells(document)
    define_text(document)
    define_link(document)
    define_tables(document)
    fill_header_and_footer(document)
    out.write_bytes(packed(document))


def lay_out_page(document: DocumentObject) -> None:
    """Give an A4 page room to breathe, and the cover no header."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin, section.right_margin = Cm(2.5), Cm(2)
    section.top_margin, section.bottom_margin = Cm(2.5), Cm(2.2)
    section.header_distance = section.footer_distance = Cm(1.1)
    section.different_first_page_header_footer = True


def define_text(document: DocumentObject) -> None:
    """Define the paragraph styles of cover and text."""
    define(document, styles.BODY, base=styles.CELL, size=10, before=0, after=6, line=1.3)
    define(document, styles.KICKER, size=11, colour=ACCENT, bold=True, before=120, after=10, spacing=30)
    define(document, styles.TITLE, size=38, colour=INK, bold=True, after=10, line=1.0)
    define(document, styles.SUBTITLE, size=14, colour=SOFT, after=30)
    define(document, styles.FIGURE, size=18, colour=ACCENT, bold=True, before=8, after=0, line=1.15)
    define(document, styles.FIGURE_LABEL, size=9, colour=SOFT, after=8, line=1.15)
    define(document, styles.COVER_NOTE, size=9, colour=SOFT, before=36)
    define(document, styles.SECTION, size=16, colour=ACCENT, bold=True, before=18, line=1.15, keep=True)
    on_new_page = define(document, styles.SECTION_ON_NEW_PAGE, base=styles.SECTION, before=0)
    on_new_page.paragraph_format.page_break_before = True
    define(document, styles.SUBSECTION, size=12, colour=INK, bold=True, before=16, line=1.15, keep=True)
    define(document, styles.NOTE, size=9, colour=SOFT, before=6)
    define(document, styles.CAPTION, size=9, colour=INK, bold=True, before=8, after=2, line=1.15, keep=True)
    define(document, styles.SOURCE, size=8, colour=SOFT, after=4, line=1.15, keep=True)
    for name in ("Header", "Footer"):
        stops = define(document, name, size=8, colour=SOFT, after=0).paragraph_format.tab_stops
        stops.add_tab_stop(TEXT_WIDTH, WD_TAB_ALIGNMENT.RIGHT)


def define_cells(document: DocumentObject) -> None:
    """Define the paragraph styles of table cells: text to the left, numbers to the right."""
    normal = define(document, styles.CELL, base=styles.CELL, size=9.5, before=1.5, after=1.5, line=1.0)
    fonts = OxmlElement("w:rFonts", {qn(f"w:{slot}"): FONT for slot in ("ascii", "hAnsi", "eastAsia", "cs")})
    normal.element.rPr.insert(0, fonts)
    add_run_property(normal, "noProof")  # names are no spelling mistakes
    define(document, styles.CELL_LABEL, base=styles.CELL, colour=SOFT)
    define(document, styles.CELL_HEAD, base=styles.CELL, size=9, colour=ACCENT, bold=True, keep=True)
    for number, base in ((styles.CELL_NUMBER, styles.CELL), (styles.CELL_HEAD_NUMBER, styles.CELL_HEAD)):
        define(document, number, base=base).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def define(
    document: DocumentObject,
    name: str,
    *,
    base: str = styles.BODY,
    size: float | None = None,
    colour: str = "",
    bold: bool | None = None,
    before: float | None = None,
    after: float | None = None,
    line: float | None = None,
    spacing: int = 0,
    keep: bool | None = None,
) -> ParagraphStyle:
    """Define a paragraph style anew; sizes and distances in points, `line` in lines, `spacing` in 1/20."""
    known = {style.name for style in document.styles}
    found = document.styles[name] if name in known else document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style = cast("ParagraphStyle", found)
    for child in style.element.xpath("w:rPr | w:pPr | w:link | w:rsid"):
        style.element.remove(child)
    if name.startswith("Heading"):
        level = "1" if name == styles.SUBSECTION else "0"
        style.element.get_or_add_pPr().append(OxmlElement("w:outlineLvl", {qn("w:val"): level}))
    if name != styles.CELL:
        style.base_style = document.styles[base]
    style.quick_style, style.hidden = True, False
    style.font.bold = bold
    if size is not None:
        style.font.size = Pt(size)
        add_run_property(style, "szCs", round(size * 2))
    if colour:
        style.font.color.rgb = RGBColor.from_string(colour)
    if spacing:
        add_run_property(style, "spacing", spacing)
    layout = style.paragraph_format
    layout.space_before = None if before is None else Pt(before)
    layout.space_after = None if after is None else Pt(after)
    layout.line_spacing = line
    layout.keep_with_next = keep
    return style


def add_run_property(style: BaseStyle, name: str, value: int | None = None) -> None:
    """Add a property that python-docx has no attribute for, where the schema wants it."""
    properties = style.element.get_or_add_rPr()
    properties.append(OxmlElement(f"w:{name}", None if value is None else {qn("w:val"): str(value)}))
    properties[:] = sorted(properties, key=lambda child: RUN_PROPERTIES.index(child.tag.rpartition("}")[2]))


def define_link(document: DocumentObject) -> None:
    """Define the character style of links."""
    link = document.styles.add_style(styles.LINK, WD_STYLE_TYPE.CHARACTER)
    link.font.color.rgb = RGBColor.from_string(ACCENT)
    link.font.underline = True


def define_tables(document: DocumentObject) -> None:
    """Define the table styles: rules between rows, no boxes; a list may have a head and a row of totals."""
    heavy = f'w:val="single" w:sz="8" w:space="0" w:color="{ACCENT}"'
    fine = f'w:val="single" w:sz="4" w:space="0" w:color="{RULE}"'
    head = (
        f'<w:tblStylePr w:type="firstRow"><w:tcPr><w:tcBorders><w:bottom {heavy}/></w:tcBorders></w:tcPr>'
        "</w:tblStylePr>"
    )
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{TINT}"/>'
    total = (
        '<w:tblStylePr w:type="lastRow"><w:rPr><w:b/></w:rPr>'
        f"<w:tcPr><w:tcBorders><w:top {heavy}/></w:tcBorders>{shade}</w:tcPr></w:tblStylePr>"
    )
    ends = f"<w:top {heavy}/><w:bottom {heavy}/>"
    add_table_style(document, styles.FIGURES_TABLE, ends)
    add_table_style(document, styles.FACTS_TABLE, f"<w:top {fine}/><w:bottom {fine}/><w:insideH {fine}/>")
    add_table_style(document, styles.LIST_TABLE, f"{ends}<w:insideH {fine}/>", head + total)


def add_table_style(document: DocumentObject, name: str, borders: str, conditions: str = "") -> None:
    """Add a table style with the given borders and special rows."""
    margins = "".join(f'<w:{side} w:w="60" w:type="dxa"/>' for side in ("left", "right"))
    style = (
        f'<w:style {nsdecls("w")} w:type="table" w:customStyle="1" w:styleId="{name.replace(" ", "")}">'
        f'<w:name w:val="{name}"/><w:basedOn w:val="TableNormal"/><w:qFormat/><w:tblPr>'
        f"<w:tblBorders>{borders}</w:tblBorders><w:tblCellMar>{margins}</w:tblCellMar></w:tblPr>"
        f"{conditions}</w:style>"
    )
    document.styles.element.append(parse_xml(style))


def fill_header_and_footer(document: DocumentObject) -> None:
    """Credit the data and number the pages; the header's text is each document's own."""
    section = document.sections[0]
    section.header.is_linked_to_previous = False
    section.first_page_header.is_linked_to_previous = False
    section.first_page_footer.paragraphs[0].text = CREDIT
    footer = section.footer.paragraphs[0]
    footer.text = f"{CREDIT}\tPage "
    add_field(footer, "PAGE")
    footer.add_run(" of ")
    add_field(footer, "NUMPAGES")


def add_field(paragraph: Paragraph, code: str) -> None:
    """Append a field that the reader's program fills in."""
    run = "<w:r><w:t>1</w:t></w:r>"
    paragraph._p.append(parse_xml(f'<w:fldSimple {nsdecls("w")} w:instr="{code}">{run}</w:fldSimple>'))  # noqa: SLF001


def packed(document: DocumentObject) -> bytes:
    """Return the document's bytes, without the parts that nothing uses and with no time of day in them."""
    for relations in (document.part.package.rels, document.part.rels):
        for key, relation in list(relations.items()):
            if relation.reltype.rpartition("/")[2] in UNUSED_PARTS:
                del relations[key]
    stream, clean = io.BytesIO(), io.BytesIO()
    document.save(stream)
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(clean, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), source.read(name), zipfile.ZIP_DEFLATED)
    return clean.getvalue()


if __name__ == "__main__":
    main()
