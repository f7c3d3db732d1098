"""Ready-made checks for documents: what is wrong is found wherever it stands, and told as a problem.

It is the test of parbatch.docx.checks and parbatch.docx.texts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.parser import parse_xml

from parbatch import Problem
from parbatch.docx import checks
from tests.docx.checked import W, places, saved, saying

if TYPE_CHECKING:
    from pathlib import Path

TEXT_BOX = f"""
<w:p {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"
    xmlns:v="urn:schemas-microsoft-com:vml" xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape">
  <w:r><w:t>around </w:t></w:r>
  <w:r><mc:AlternateContent>
    <mc:Choice Requires="wps"><w:drawing><wps:txbx><w:txbxContent><w:p><w:r><w:t>in the b</w:t></w:r><w:r><w:t>ox</w:t>
      </w:r></w:p></w:txbxContent></wps:txbx></w:drawing></mc:Choice>
    <mc:Fallback><w:pict><v:textbox><w:txbxContent><w:p><w:r><w:t>in the box</w:t></w:r></w:p></w:txbxContent>
      </v:textbox></w:pict></mc:Fallback>
  </mc:AlternateContent></w:r>
  <w:r><w:t>it</w:t></w:r>
</w:p>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def everywhere(path: Path, text: str) -> Path:
    """A document that has a text, split over runs, in every kind of place."""
    document: Any = docx.Document()
    half = len(text) // 2

    def add(paragraph: Any) -> None:
        paragraph.add_run(text[:half]).bold = True
        paragraph.add_run(text[half:])

    document.add_paragraph("Dear reader")
    add(document.add_paragraph())
    table = document.add_table(1, 1).cell(0, 0)
    add(table.paragraphs[0])
    add(table.add_table(1, 1).cell(0, 0).paragraphs[0])
    first, second = f">{escape(text[:half])}<", f">{escape(text[half:])}<"
    box = parse_xml(TEXT_BOX.replace(">in the b<", first).replace(">ox<", second))
    document.element.body.insert(-1, box)
    add(document.sections[0].header.paragraphs[0])
    add(document.sections[0].footer.paragraphs[0])
    return saved(document, path)


EVERYWHERE = [
    "ada.docx: paragraph 2",
    "ada.docx: paragraph 3 (in a table)",
    "ada.docx: paragraph 4 (in a table)",
    "ada.docx: paragraph 7 (in a text box)",
    "ada.docx: footer 1, paragraph 1",
    "ada.docx: header 1, paragraph 1",
]


def test_text_is_found_over_runs_in_the_body_tables_text_boxes_headers_and_footers(folder: Path) -> None:
    path = everywhere(folder / "ada.docx", "Lorem ipsum")
    assert places(checks.no_text(path, "Lorem ipsum")) == EVERYWHERE
    assert places(checks.no_text(path, ["dolor", "LOREM"])) == []
    assert places(checks.no_text(path, ["dolor", "LOREM"], ignore_case=True)) == EVERYWHERE


@pytest.mark.parametrize(
    "placeholder",
    ["{{name}}", "{{ person.name | upper }}", "{name}", "{first_name}", "<<name>>", "<<First Name>>", "[NAME]",
     "[FIRST_NAME]", "[DATE OF BIRTH]", "${name}", "{% if name %}", "{größe}"],
)  # fmt: skip
def test_placeholders_are_found_in_all_these_places_whole(folder: Path, placeholder: str) -> None:
    problems = list(checks.no_placeholders(everywhere(folder / "ada.docx", placeholder)))
    assert places(problems) == EVERYWHERE
    assert {repr(placeholder) in problem.message for problem in problems} == {True}


@pytest.mark.parametrize(
    "text",
    ["the set {1, 2, 3}", "{x} and {}", "see [1], [12] and [IT]", "[sic]", "a << b and c >> d", "5 < 6 > 4", "$5",
     r"\frac{ab}{cd}", "[RFC 9110]", "[a-z]", "« bonjour »", "{ }", "50 %}", "[Note]", "if (a) { return b; }"],
)  # fmt: skip
def test_ordinary_text_holds_no_placeholders(folder: Path, text: str) -> None:
    assert list(checks.no_placeholders(saying(folder / "ada.docx", text))) == []


def test_another_pattern_for_placeholders_can_be_given(folder: Path) -> None:
    path = saying(folder / "ada.docx", "Dear %NAME%, {name}")
    (problem,) = checks.no_placeholders(path, r"%[A-Z]+%")
    assert problem.message == "the placeholder '%NAME%' was not replaced: Dear %NAME%, {name}"
    assert [problem.message for problem in checks.document(path, placeholders=re.compile("%N"))] != []
    assert list(checks.document(path, placeholders=None)) == []


def test_what_is_struck_out_is_not_there_and_what_was_put_in_is(folder: Path) -> None:
    document: Any = docx.Document()
    changed = f"""<w:p {W}><w:del><w:r><w:delText>Lorem</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>Ipsum</w:t></w:r>
        </w:moveFrom><w:ins><w:r><w:t>Dolor</w:t></w:r></w:ins>
        <w:hyperlink><w:r><w:t> sit</w:t></w:r></w:hyperlink></w:p>"""
    document.element.body.insert(0, parse_xml(changed))
    path = saved(document, folder / "ada.docx")
    assert [problem.message for problem in checks.no_text(path, ["Lorem", "Ipsum", "Dolor sit"])] == [
        "'Dolor sit' must not be there: Dolor sit"
    ]


def test_white_space_makes_no_difference(folder: Path) -> None:
    path = saying(folder / "ada.docx", "Lorem\tipsum\ndolor\u00a0sit")
    (problem,) = checks.no_text(path, "ipsum  dolor sit")
    assert problem == Problem(
        "forbidden-text",
        "'ipsum dolor sit' must not be there: Lorem ipsum dolor sit",
        "ada.docx: paragraph 1",
        "Take it out of the template, the data, or what render writes.",
    )


def test_an_excerpt_shows_what_is_around(folder: Path) -> None:
    (problem,) = checks.no_text(saying(folder / "ada.docx", f"{'a' * 100} Lorem {'b' * 100}"), "Lorem")
    assert problem.message == f"'Lorem' must not be there: …{'a' * 29} Lorem {'b' * 29}…"


# --- headings


def with_headings(path: Path) -> Path:
    document: Any = docx.Document()
    document.add_heading("The report", 0)
    document.add_heading("Summary", 1)
    document.add_heading("Figures  by\tyear", 2)
    document.add_paragraph("Sources")
    style = document.styles.add_style("Chapter", WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Heading 1"]
    document.add_paragraph("Chapter one", style)
    outlined = document.add_paragraph("Outlined")
    outlined._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="2"/>'))
    document.add_heading("Only\nhalf", 1)
    document.sections[0].header.paragraphs[0].text = "Summary of headers"
    document.sections[0].header.paragraphs[0].style = document.styles["Heading 1"]
    return saved(document, path)


@pytest.mark.parametrize(
    ("wanted", "level"),
    [("Summary", None), ("summary", 1), (["The report"], 0), ("Figures by year", 2), ("Chapter one", 1),
     ("Outlined", 3), (["Summary", "Only half"], None), ([], None)],
)  # fmt: skip
def test_headings_are_found_by_style_base_style_and_outline_level(folder: Path, wanted: Any, level: int | None) -> None:
    assert list(checks.headings(with_headings(folder / "ada.docx"), wanted, level=level)) == []


@pytest.mark.parametrize(
    ("wanted", "level", "suggestion"),
    [
        ("Sources", None, "Its text is there in paragraph 4, which is no heading: give it a heading style."),
        ("Summary", 2, "It is there at level 1, in paragraph 2: give it the style of the level asked for."),
        ("Sumary", None, "There is 'Summary': is that the one?"),
        ("Summary of headers", None, "Its text is there in header 1, paragraph 1, which is no heading: give it a"),
        ("Wholly other", None, "Add the heading 'Wholly other'."),
    ],
)
def test_a_missing_heading_is_told_with_what_is_there_instead(
    folder: Path, wanted: str, level: int | None, suggestion: str
) -> None:
    (problem,) = checks.headings(with_headings(folder / "ada.docx"), wanted, level=level)
    of_level = f" of level {level}" if level else ""
    assert (problem.type, problem.message) == ("missing-heading", f"the heading {wanted!r}{of_level} is missing")
    assert problem.where == "ada.docx"
    assert problem.suggestion.startswith(suggestion)


# --- paragraphs


def test_paragraphs_with_text_are_counted_in_the_body_with_its_tables(folder: Path) -> None:
    path = everywhere(folder / "ada.docx", "Lorem")
    assert list(checks.paragraphs(path, at_least=6)) == []
    (problem,) = checks.paragraphs(path, at_least=7)
    assert problem.message == "it has 6 paragraphs with text; at least 7 are asked for"
    (problem,) = checks.paragraphs(saying(path, "", "one"), at_least=2)
    assert problem.message == "it has 1 paragraph with text; at least 2 are asked for"


def test_all_in_one_reads_each_document_once_and_gives_the_problems_of_all_checks(folder: Path) -> None:
    saying(folder / "ada.docx", "Dear {name}", "Lorem")
    problems = list(checks.document(folder, headings="Summary", at_least=3, forbidden=["lorem"], ignore_case=True))
    assert [problem.type for problem in problems] == [
        "missing-heading",
        "too-few-paragraphs",
        "forbidden-text",
        "placeholder",
    ]
    assert all(problem.suggestion for problem in problems)


@pytest.mark.parametrize("texts", ["", " ", ["Summary", ""]])
def test_an_empty_text_to_look_for_is_an_error(folder: Path, texts: Any) -> None:
    with pytest.raises(ValueError, match="an empty text is everywhere"):
        checks.no_text(folder, texts)
    with pytest.raises(ValueError, match="an empty text is everywhere"):
        checks.headings(folder, texts)


def test_a_job_file_that_names_the_checks_stays_light() -> None:
    code = "import sys; from parbatch.docx import checks; sys.exit('docx' in sys.modules or 'lxml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_checking_leaves_a_document_that_can_be_removed(folder: Path) -> None:
    saying(folder / "sub" / "ada.docx", "Dear reader")
    assert list(checks.document(folder / "sub")) == []
    shutil.rmtree(folder / "sub")
    assert not (folder / "sub").exists()
