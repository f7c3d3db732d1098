"""The operations that a script of public python-docx calls is made of."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Inches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docx.docx_script import Machine

import copy
import inspect

from tests.docx import docx_table_operations
from tests.docx.docx_values import FONT, FORMAT, PARAGRAPH, RUN, SECTION, STYLE, STYLES, TEXTS, VALUES, of, png


def _remember(m: Machine, paragraph: Any) -> str:
    m.paragraphs.append(paragraph)
    m.runs.extend(paragraph.runs)
    return str(paragraph.text)


def add_paragraph(m: Machine, a: int, b: int, c: int) -> Any:
    return _remember(m, of(m.containers, a).add_paragraph(of(TEXTS, b), of(STYLES, c)))


def add_unstyled(m: Machine, a: int, b: int, c: int) -> Any:
    return _remember(m, of(m.containers, a).add_paragraph(of(TEXTS, b)))


def add_many(m: Machine, a: int, b: int, c: int) -> Any:
    found: list[Any] = []
    for number in range(8):
        try:
            found.append(m.document.add_paragraph("x", of(STYLES, a + b * number % 5)).style)
        except (KeyError, ValueError) as error:
            found.append(repr(error))
    for number in range(8):
        _remember(m, m.document.add_paragraph("x", of(STYLES[:4], c + number)))
    return found


def add_heading(m: Machine, a: int, b: int, c: int) -> Any:
    return _remember(m, m.document.add_heading(of(TEXTS, b), a % 12))


def add_run(m: Machine, a: int, b: int, c: int) -> Any:
    run = m.pick(m.paragraphs, a).add_run(of(TEXTS, b), of(STYLES, c) if c % 3 else None)
    m.runs.append(run)
    return run.text


def insert_before(m: Machine, a: int, b: int, c: int) -> Any:
    return _remember(m, m.pick(m.paragraphs, a).insert_paragraph_before(of(TEXTS, b), of(STYLES, c)))


def set_paragraph(m: Machine, a: int, b: int, c: int) -> Any:
    name = of(PARAGRAPH, b)
    setattr(m.pick(m.paragraphs, a), name, of({"style": STYLES, "text": TEXTS}.get(name, VALUES), c))
    return None


def read_paragraph(m: Machine, a: int, b: int, c: int) -> Any:
    paragraph = m.pick(m.paragraphs, a)
    form = paragraph.paragraph_format
    return [
        paragraph.text,
        paragraph.style.name,
        paragraph.alignment,
        [getattr(form, each) for each in FORMAT],
    ]


def set_style_object(m: Machine, a: int, b: int, c: int) -> Any:
    m.pick(m.paragraphs, a).style = list(m.document.styles)[b % len(m.document.styles)]


def set_format(m: Machine, a: int, b: int, c: int) -> Any:
    setattr(m.pick(m.paragraphs, a).paragraph_format, of(FORMAT, b), of(VALUES, c))


def tab_stop(m: Machine, a: int, b: int, c: int) -> Any:
    stops = m.pick(m.paragraphs, a).paragraph_format.tab_stops
    stops.add_tab_stop(of(VALUES, b))
    return len(stops)


def set_run(m: Machine, a: int, b: int, c: int) -> Any:
    name = of(RUN, b)
    setattr(m.pick(m.runs, a), name, of({"style": STYLES, "text": TEXTS}.get(name, VALUES), c))


def set_font(m: Machine, a: int, b: int, c: int) -> Any:
    setattr(m.pick(m.runs, a).font, of(FONT, b), of(VALUES, c))


def set_color(m: Machine, a: int, b: int, c: int) -> Any:
    setattr(m.pick(m.runs, a).font.color, of(["rgb", "theme_color"], b), of(VALUES, c))
    return m.pick(m.runs, a).font.color.type


def read_run(m: Machine, a: int, b: int, c: int) -> Any:
    run = m.pick(m.runs, a)
    return [run.text, run.style.name, run.font.color.rgb, [getattr(run.font, each) for each in FONT]]


def run_parts(m: Machine, a: int, b: int, c: int) -> Any:
    run = m.pick(m.runs, a)
    (
        run.add_tab,
        lambda: run.add_break(of(VALUES, c)),
        lambda: run.add_text(of(TEXTS, c)),
        run.clear,
    )[b % 4]()
    return [str(item) for item in run.iter_inner_content()]


def clear_paragraph(m: Machine, a: int, b: int, c: int) -> Any:
    m.pick(m.paragraphs, a).clear()


def page_break(m: Machine, a: int, b: int, c: int) -> Any:
    m.document.add_page_break()


def add_style(m: Machine, a: int, b: int, c: int) -> Any:
    m.document.styles.add_style(of(STYLES, a), of(VALUES[-5:-1], b), bool(c % 2))


def set_style(m: Machine, a: int, b: int, c: int) -> Any:
    style: Any = list(m.document.styles)[a % 12 if a % 2 else -1]
    name = of(STYLE, b)
    values = {"name": STYLES, "style_id": STYLES, "base_style": [None, m.document.styles["Normal"]]}
    setattr(style, name, of(values.get(name, VALUES), c))


def style_font(m: Machine, a: int, b: int, c: int) -> Any:
    m.document.styles[of(STYLES, a)].font.bold = of(VALUES, c)


def hold_style(m: Machine, a: int, b: int, c: int) -> Any:
    style: Any = m.document.styles[of(STYLES, a)]
    kinds = (
        lambda: style,
        lambda: m.document.styles,
        lambda: style.font,
        lambda: style.paragraph_format,
        lambda: style.font.color,
        lambda: style.element,
        style.element.get_or_add_rPr,
        lambda: copy.copy(style),
        lambda: style.element.append,
    )
    m.held.append(of(kinds, b)())


def use_held(m: Machine, a: int, b: int, c: int) -> Any:
    """Change the style that a kept object belongs to, by way of that object."""
    held = m.pick(m.held, a)
    element = held if hasattr(held, "tag") else held._element
    for _ in range(4):
        if element is not None and element.tag != qn("w:style") and b % 2:
            element = element.getparent()
    if element is not None and element.tag == qn("w:style"):
        if b % 3 == 0:
            element.name_val = of(STYLES[:14], c)
        elif b % 3 == 1:
            element.styleId = of(STYLES[:14], c)
        else:
            element.default = bool(c % 2)
    elif element is not None and element.tag == qn("w:styles"):
        element.append(element[c % len(element)])
    return str(held)


def change_held(m: Machine, a: int, b: int, c: int) -> Any:
    held = m.pick(m.held, a)
    if b % 5 == 0:
        held.element.default = bool(c % 2)
    elif b % 5 == 1:
        held.delete()
    else:
        setattr(held, of(["name", "style_id"], b), of(STYLES, c))


def let_go(m: Machine, a: int, b: int, c: int) -> Any:
    m.held.clear()


def read_styles(m: Machine, a: int, b: int, c: int) -> Any:
    styles = m.document.styles
    return [of(STYLES, a) in styles, styles[of(STYLES, b)].name, styles.default(of(VALUES[-5:-1], c))]


def spoil_style(m: Machine, a: int, b: int, c: int) -> Any:
    style: Any = list(m.document.styles)[a % 20]
    style.element.set(qn(of(["w:type", "w:default"], b)), of(["paragraph", "1", "true", "no", "odd"], c))


def add_section(m: Machine, a: int, b: int, c: int) -> Any:
    m.document.add_section(of(VALUES, a))
    return len(m.document.sections)


def set_section(m: Machine, a: int, b: int, c: int) -> Any:
    section = m.document.sections[a % len(m.document.sections)]
    setattr(section, of(SECTION, b), of(VALUES, c))
    return [getattr(section, name) for name in SECTION]


def header(m: Machine, a: int, b: int, c: int) -> Any:
    section = m.document.sections[-1 - a % len(m.document.sections)]
    name = of(["header", "footer", "first_page_header", "even_page_footer"], b)
    part = getattr(section, name)
    if c % 3 == 0:
        part.is_linked_to_previous = bool(c % 2)
    else:
        m.paragraphs.append(part.paragraphs[0])
        part.paragraphs[0].text = of(TEXTS, c)
    return part.is_linked_to_previous


def picture(m: Machine, a: int, b: int, c: int) -> Any:
    where = m.pick(m.runs, a) if b % 2 and m.runs else m.document
    shape = where.add_picture(io.BytesIO(png(a % 3 + 1)), of([None, Inches(1)], c))
    return [shape.width, shape.height, len(m.document.inline_shapes)]


def number(m: Machine, a: int, b: int, c: int) -> Any:
    numbering = m.document.part.numbering_part
    num = numbering.element.add_num(a % 5)
    num.add_lvlOverride(b % 9).add_startOverride(c % 50)
    numbers = m.pick(m.paragraphs, b)._p.get_or_add_pPr().get_or_add_numPr()
    numbers.get_or_add_ilvl().val = a % 3
    numbers.get_or_add_numId().val = num.numId
    return len(numbering.numbering_definitions)


def comment(m: Machine, a: int, b: int, c: int) -> Any:
    made = m.document.add_comment(m.pick(m.runs, a), of(TEXTS, b), author=of(TEXTS, c))
    m.paragraphs.extend(made.paragraphs)
    return [made.comment_id, made.text, len(m.document.comments)]


def settings(m: Machine, a: int, b: int, c: int) -> Any:
    m.document.settings.odd_and_even_pages_header_footer = bool(a % 2)


def properties(m: Machine, a: int, b: int, c: int) -> Any:
    setattr(
        m.document.core_properties,
        of(["title", "author", "revision"], a),
        of(VALUES if a % 3 == 2 else TEXTS, b),
    )
    return m.document.core_properties.title


def raw(m: Machine, a: int, b: int, c: int) -> Any:
    element = OxmlElement(of(["w:shd", "w:keepNext", "w:jc", "w:nope", "x:none", "shd", "w:a:b"], a))
    element.set(qn("w:val"), "clear")
    paragraph = m.pick(m.paragraphs, b)._p
    paragraph.get_or_add_pPr().insert_element_before(element, "w:ind", "w:spacing", of(["w:jc", "x:bad"], c))
    paragraph.getparent().remove(paragraph) if c % 5 == 0 else None
    return [paragraph.xml, paragraph.xpath(of(["//w:p/@*", "w:r|w:pPr", "count(//w:p)", "w:[", "x:p"], c))]


def inner(m: Machine, a: int, b: int, c: int) -> Any:
    items = [type(item).__name__ for item in m.document.iter_inner_content()]
    return [items, [type(item).__name__ for s in m.document.sections for item in s.iter_inner_content()]]


OPERATIONS: dict[str, Callable[..., Any]] = {
    name: each
    for name, each in [*globals().items(), *vars(docx_table_operations).items()]
    if inspect.isfunction(each) and list(inspect.signature(each).parameters) == ["m", "a", "b", "c"]
}
