"""Gaps that no reader of the text sees: merge fields, codes of fields, links' addresses, formulas, properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml.parser import parse_xml

from parbatch.docx import checks
from tests.docx.test_checks import TEXT_BOX
from tests.docx.word_files import KINDS, word_file

if TYPE_CHECKING:
    from pathlib import Path

NS = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)
BEGIN, SEPARATE, END = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end"))
HYPERLINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"


def code(*pieces: str) -> str:
    return "".join(f'<w:r><w:instrText xml:space="preserve">{piece}</w:instrText></w:r>' for piece in pieces)


def text(*pieces: str) -> str:
    return "".join(f"<w:r><w:t>{piece}</w:t></w:r>" for piece in pieces)


def field(instruction: str, *shown: str) -> str:
    return BEGIN + code(instruction) + SEPARATE + text(*shown) + END


def simple(instruction: str, *shown: str) -> str:
    return f'<w:fldSimple w:instr="{instruction}">{text(*shown)}</w:fldSimple>'


def paragraph(content: str) -> Any:
    return parse_xml(f"<w:p {NS}>{content}</w:p>")


def holding(path: Path, *contents: str) -> Path:
    document: Any = docx.Document()
    for content in contents:
        document.element.body.insert(-1, paragraph(content))
    document.save(str(path))
    return path


def messages(path: Path) -> list[str]:
    return [problem.message for problem in checks.no_placeholders(path)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (simple(" MERGEFIELD name ", "«name»"), "name"),
        (simple(' mergefield "First name" \\* MERGEFORMAT '.replace('"', "&quot;"), "«First", "_name»"), "First name"),
        (simple("MERGEFIELD name"), "name"),
        (field(" MERGEFIELD  city \\* MERGEFORMAT ", "«city»"), "city"),
        (BEGIN + code(" MERGEFI", "ELD  ci", "ty ") + SEPARATE + text("«ci", "ty»") + END, "city"),
        (BEGIN + code("MERGEFIELD city") + END, "city"),
        (BEGIN + code("MERGEFIELD city") + SEPARATE + text("&lt;city&gt;") + END, "city"),
        (field("ADDRESSBLOCK \\f", "«AddressBlock»"), "AddressBlock"),
        (field("GREETINGLINE \\f", "«GreetingLine»"), "GreetingLine"),
        (field("NEXT", "«Next Record»"), "Next Record"),
        (f"<w:hyperlink>{field('MERGEFIELD city', '«city»')}</w:hyperlink>", "city"),
        (f"<w:ins>{field('MERGEFIELD city', '«city»')}</w:ins>", "city"),
        (f"<w:sdt><w:sdtContent>{field('MERGEFIELD city', '«city»')}</w:sdtContent></w:sdt>", "city"),
        (BEGIN + code("IF ") + field("MERGEFIELD sex", "«sex»") + code(' = "F" "Ms" "Mr"') + SEPARATE + text("Mr")
         + END, "sex"),
        (BEGIN + code("IF 1 = 1 ") + SEPARATE + simple("MERGEFIELD sex", "«sex»") + END, "sex"),
    ],
)  # fmt: skip
def test_a_merge_field_that_nothing_filled_is_a_placeholder(tmp_path: Path, content: str, name: str) -> None:
    path = holding(tmp_path / "ada.docx", text("Dear"), content)
    (problem,) = checks.no_placeholders(path)
    assert problem.message == f"the merge field {name!r} was not filled"
    assert (problem.type, problem.where) == ("placeholder", "ada.docx: paragraph 2")
    assert [found.message for found in checks.document(path)] == [problem.message]
    assert list(checks.document(path, placeholders=None)) == []


@pytest.mark.parametrize(
    "content",
    [
        text("Ada"),
        text("«Ada» said «so»"),
        simple("MERGEFIELD name", "Ada"),
        field("MERGEFIELD name", "Ada"),
        field("MERGEFIELD name"),
        simple("PAGE", "1"),
        field(' DATE \\@ "d MMMM yyyy" ', "1 May 2026"),
        field('TOC \\o "1-3" \\h \\z \\u', "Contents"),
        field("REF name \\h", "«quoted»"),
        field(' HYPERLINK "https://example.org/a%20b?c=[1]&amp;d={1}" ', "page"),
        field('ADDIN ZOTERO_ITEM CSL_CITATION {"id":"[DOI NAME]","a":{"b":{}}} {name}', "(Ada, 1843)"),
        field("EQ \\f({ab},{cd})", "1"),
        f"<w:del>{field('MERGEFIELD name', '«name»')}</w:del>",
        END + SEPARATE + BEGIN,
        "<m:oMath><m:r><m:t>{x}+[ab]</m:t></m:r></m:oMath>",
    ],
)
def test_filled_fields_and_others_are_no_placeholders(tmp_path: Path, content: str) -> None:
    assert messages(holding(tmp_path / "ada.docx", content)) == []


def test_fields_over_paragraphs_and_text_boxes_between_are_told_apart(tmp_path: Path) -> None:
    box = TEXT_BOX.replace("<w:r><w:t>in the b</w:t></w:r>", field("MERGEFIELD inside", "«inside»"))
    document: Any = docx.Document()
    start = document.add_paragraph("start")._p
    start.append(parse_xml(f'<w:r {NS}><w:fldChar w:fldCharType="begin"/></w:r>'))
    start.append(parse_xml(f"<w:r {NS}><w:instrText>MERGEFIELD over</w:instrText></w:r>"))
    document.element.body.insert(-1, parse_xml(box))
    document.element.body.insert(-1, paragraph(SEPARATE + text("«over»")))
    document.element.body.insert(-1, paragraph(END))
    document.save(str(tmp_path / "ada.docx"))
    assert [(problem.message, problem.where) for problem in checks.no_placeholders(tmp_path / "ada.docx")] == [
        ("the merge field 'inside' was not filled", "ada.docx: paragraph 3 (in a text box)"),
        ("the merge field 'over' was not filled", "ada.docx: paragraph 1"),
    ]


def test_they_are_found_in_headers_footers_notes_and_tables(tmp_path: Path) -> None:
    document: Any = docx.Document()
    one = field("MERGEFIELD name", "«name»")
    document.sections[0].header.paragraphs[0]._p.addnext(paragraph(one))
    document.sections[0].footer.paragraphs[0]._p.addnext(paragraph(simple("MERGEFIELD name", "«name»")))
    document.add_table(1, 1).cell(0, 0)._tc.append(paragraph(one))
    first, second = (f"<w:footnote><w:p>{content}</w:p></w:footnote>" for content in (BEGIN, one))
    notes = f"<w:footnotes {NS}>{first}{second}</w:footnotes>"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes")
    document.save(str(tmp_path / "ada.docx"))
    assert sorted(problem.where for problem in checks.no_placeholders(tmp_path / "ada.docx")) == [
        "ada.docx: footer 1, paragraph 2",
        "ada.docx: footnotes, paragraph 2",
        "ada.docx: header 1, paragraph 2",
        "ada.docx: paragraph 2 (in a table)",
    ]


@pytest.mark.parametrize("placeholder", ["{{name}}", "{% if name %}", "{# a note #}", "{name}", "${name}"])
def test_placeholders_are_found_where_no_text_is(tmp_path: Path, placeholder: str) -> None:
    half = len(placeholder) // 2
    first, second = placeholder[:half], placeholder[half:]
    document: Any = docx.Document()
    for content in (
        BEGIN + code(f' HYPERLINK "http://example.org/{first}', f'{second}" ') + SEPARATE + text("your page") + END,
        f"<m:oMath><m:r><m:t>{first}</m:t></m:r><m:r><m:t>{second}</m:t></m:r></m:oMath>",
        f'<w:hyperlink w:anchor="{placeholder}"><w:r><w:t>there</w:t></w:r></w:hyperlink>',
        f'<w:r><w:drawing><wp:inline><wp:docPr id="1" name="a" descr="{placeholder}"/></wp:inline></w:drawing></w:r>',
        f'<w:r><w:pict><v:shape><v:textpath string="{placeholder}"/></v:shape></w:pict></w:r>',
    ):
        document.element.body.insert(-1, paragraph(content))
    address = f"http://example.org/{placeholder}"
    document.part.relate_to(address, HYPERLINK, is_external=True)
    typed = address.replace("{", "%7B").replace("}", "%7d").replace(" ", "%20")
    document.sections[0].header.part.relate_to(typed, HYPERLINK, is_external=True)
    document.core_properties.title = f"To {placeholder}"
    document.save(str(tmp_path / "ada.docx"))
    problems = list(checks.no_placeholders(tmp_path / "ada.docx"))
    assert [problem.where.removeprefix("ada.docx: ") for problem in problems] == [
        "paragraph 1, code of a field",
        "paragraph 2, in a formula",
        "paragraph 3, link",
        "paragraph 4, alternative text",
        "paragraph 5, in a drawing",
        "address of a link",
        "properties of the document",
        "header 1, address of a link",
    ]
    assert {problem.message.split(" was not")[0] for problem in problems} == {f"the placeholder {placeholder!r}"}


def test_the_template_s_own_place_on_a_disk_is_no_link(tmp_path: Path) -> None:
    document: Any = docx.Document()
    reltype = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"
    document.part._settings_part.relate_to("file:///C:\\[COMPANY]\\{user}.dotx", reltype, is_external=True)
    document.save(str(tmp_path / "ada.docx"))
    assert messages(tmp_path / "ada.docx") == []


# --- Word's kinds of file


@pytest.mark.parametrize("kind", KINDS)
def test_checks_read_all_of_word_s_kinds(tmp_path: Path, kind: str) -> None:
    (tmp_path / "out").mkdir()
    word_file(tmp_path / f"out/ada{kind}", kind)
    assert list(checks.document(tmp_path / "out")) == []
    (problem,) = checks.no_text(tmp_path / "out", "Dear")
    assert problem.where == f"ada{kind}: paragraph 1"


def test_a_file_that_word_refuses_for_its_name_is_told(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Dear reader")
    document.save(str(tmp_path / "ada.docm"))
    (problem,) = checks.opens(tmp_path)
    assert (problem.type, problem.where) == ("wrong-extension", "ada.docm")
    assert "content is that of a .docx file" in problem.message
