"""Checks of a folder of documents, or of files that are no documents, or damaged ones."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.docx import checks
from tests.docx.checked import W, places, saying

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_all_documents_below_a_folder_are_checked_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("b.docx", "a/c.docx", "D.DOCX"):
        saying(folder / name, "Lorem")
    (folder / "~$b.docx").write_bytes(b"somebody has it open")
    (folder / "notes.txt").write_text("Lorem")
    assert places(checks.no_text(folder, "Lorem")) == [
        "D.DOCX: paragraph 1",
        "a/c.docx: paragraph 1",
        "b.docx: paragraph 1",
    ]
    assert list(checks.opens(folder)) == []


ALL: list[Any] = [
    checks.opens,
    checks.no_placeholders,
    checks.document,
    lambda path: checks.headings(path, "Summary"),
    lambda path: checks.no_text(path, "Lorem"),
    lambda path: checks.paragraphs(path, at_least=1),
]


@pytest.mark.parametrize("check", ALL)
def test_where_there_is_no_document_every_check_says_so(folder: Path, check: Any) -> None:
    (problem,) = check(folder)
    assert problem.type == "no-document"
    assert f"no document (*.docx, *.dotx, *.docm, *.dotm) in {folder.name}" in problem.message
    (problem,) = check(folder / "ada.docx")
    assert (problem.type, problem.message) == ("no-document", "there is no file ada.docx")


def rewritten(path: Path, name: str, content: bytes | None) -> None:
    """A document with one part replaced, or taken out."""
    with zipfile.ZipFile(path) as old:
        parts = {part: old.read(part) for part in old.namelist()}
    parts[name] = content or b""
    with zipfile.ZipFile(path, "w") as new:
        for part, data in parts.items():
            if part != name or content is not None:
                new.writestr(part, data)


DAMAGE: dict[str, Any] = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "no zip": lambda path: path.write_text("Dear reader"),
    "flipped bytes": lambda path: path.write_bytes(
        (whole := path.read_bytes())[:1000] + bytes(255 - byte for byte in whole[1000:1200]) + whole[1200:]
    ),
    "no main part": lambda path: rewritten(path, "word/document.xml", None),
    "main part cut off": lambda path: rewritten(path, "word/document.xml", b"<w:document"),
    "no body": lambda path: rewritten(path, "word/document.xml", f"<w:document {W}/>".encode()),
    "styles cut off": lambda path: rewritten(path, "word/styles.xml", b"<w:styles"),
    "theme cut off": lambda path: rewritten(path, "word/theme/theme1.xml", b"<a:theme"),
    "no content types": lambda path: rewritten(path, "[Content_Types].xml", None),
    "no relationships": lambda path: rewritten(path, "_rels/.rels", b"<Relationships/>"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_document_is_a_problem_and_the_others_are_checked_all_the_same(folder: Path, how: str) -> None:
    damage: Callable[[Path], object] = DAMAGE[how]
    damage(saying(folder / "ada.docx", "Dear reader"))
    saying(folder / "bob.docx", "Lorem")
    for check in ALL[:3]:
        problems = list(check(folder))
        assert (problems[0].type, problems[0].where) == ("damaged-document", "ada.docx")
        assert "it can't be opened again: " in problems[0].message
    assert places(checks.no_text(folder, "Lorem")) == ["ada.docx", "bob.docx: paragraph 1"]


def test_another_kind_of_office_file_is_no_document(folder: Path) -> None:
    path = saying(folder / "ada.docx", "Dear reader")
    with zipfile.ZipFile(path) as zipped:
        types = zipped.read("[Content_Types].xml")
    rewritten(path, "[Content_Types].xml", types.replace(b"document.main+xml", b"slideshow.main+xml"))
    (problem,) = checks.opens(path)
    assert "which no Word document has" in problem.message


@given(st.data())
def test_whatever_bytes_are_damaged_no_check_raises(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped" / "ada.docx"
    whole = bytearray(saying(path, "Dear reader").read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    for problem in checks.document(path, forbidden="Lorem"):
        assert problem.where.startswith("ada.docx")
