"""What python-docx's errors leave unsaid is said: the style that is meant, the kind of file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.parser import parse_xml

from parbatch.docx import accelerate, explain, restore
from parbatch.docx.explanations import hint_of_style
from tests.docx.test_word_formats import dangling, strict
from tests.docx.word_files import word_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=[True, False], ids=["accelerated", "plain"], autouse=True)
def _speed(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param:
        accelerate()
    yield
    restore()


def no_data() -> Any:
    return {}


def raised_by(action: Callable[[], Any]) -> Exception:
    try:
        action()
    except Exception as error:  # noqa: BLE001 -- whatever it is
        return error
    raise AssertionError("nothing was raised")


def german() -> Any:
    """A document whose headings LibreOffice has named in German."""
    document: Any = docx.Document()
    for style in list(document.styles):
        style.delete()
    for level in (1, 2):
        style = document.styles.add_style(f"Überschrift {level}", WD_STYLE_TYPE.PARAGRAPH)
        w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        style.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {w} w:val="{level - 1}"/>'))
    return document


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        (lambda: docx.Document().add_paragraph("x", style="HEADING 1"), "no style 'HEADING 1'; is 'Heading 1' meant?"),
        (lambda: docx.Document().add_paragraph("x", style="list-bullet"), "is 'List Bullet' meant?"),
        (lambda: docx.Document().add_paragraph("x").add_run("x", "strnog"), "is 'Strong' meant?"),
        (lambda: docx.Document().add_table(1, 1, "Table grid"), "is 'Table Grid' meant?"),
        (lambda: docx.Document().styles["Quot"], "is 'Quote'"),
        (lambda: german().add_heading("x", 2), "is 'Überschrift 2' meant?"),
        (lambda: docx.Document().add_paragraph("x", style="Überschrift 2"), "is 'Heading 2' meant?"),
        (lambda: german().add_paragraph("x", style="Corporate"), "no style 'Corporate', but 'Überschrift 1', 'Über"),
    ],
)
def test_a_style_that_is_not_there_is_answered_with_those_that_may_be_meant(
    action: Callable[[], Any], hint: str
) -> None:
    error = raised_by(action)
    assert isinstance(error, KeyError)
    assert hint in (explain(error, no_data) or "")


def test_the_very_style_that_was_not_found_is_not_proposed() -> None:
    assert "is 'Quote 2' meant?" in hint_of_style("Quote", [("Quote", "Quote", None), ("Quote 2", "Quote2", None)])


def test_a_document_where_a_path_belongs_is_told() -> None:
    error = raised_by(lambda: docx.Document(docx.Document()))  # type: ignore[arg-type]
    assert "a path belongs here, not a Document" in (explain(error, no_data) or "")


def test_other_errors_get_no_hint() -> None:
    assert explain(raised_by(lambda: docx.Document().no_such_thing), no_data) is None  # type: ignore[attr-defined]
    assert explain(raised_by(lambda: dict[str, int]()["Heading 1"]), no_data) is None
    assert explain(raised_by(lambda: docx.Document().add_heading("x", 12)), no_data) is None
    assert explain(KeyError("no style with name 'x'"), no_data) is None


def test_a_file_that_the_job_opens_itself_is_told_what_it_is(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("strict.docx", "dangling.docx", "letter.docm")]
    strict(paths[0])
    dangling(paths[1])
    word_file(paths[2], ".docm")
    hints = ["Strict Open XML", "which is not in the file", "ctx.document() opens .docx, .dotx, .docm, .dotm"]
    for path, hint in zip(paths, hints, strict=True):
        assert hint in (explain(raised_by(partial(docx.Document, str(path))), no_data) or "")
