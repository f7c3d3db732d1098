"""Templates as Word makes them: all its kinds open, and what is saved is of the kind that its name says."""

from __future__ import annotations

import copy
import io
import os
import zipfile
from typing import TYPE_CHECKING, Any

import docx
import pytest

from parbatch.docx import accelerate, checks, document_bytes, open_template, restore, save
from tests.docx.word_files import KINDS, QUIET_RIBBON, RIBBON, kind_of, members, text_of_members, word_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = {"word/vbaProject.bin", "word/vbaData.xml", "word/_rels/vbaProject.bin.rels", "customUI/customUI.xml"}


def unheard(told: str) -> None:
    """For tests of other things than what is told."""


@pytest.fixture(params=[True, False], ids=["accelerated", "plain"], autouse=True)
def _speed(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param:
        accelerate()
    yield
    restore()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["letter.docx", "letter", "letter.docm"])
def test_every_kind_opens_again_and_again_whatever_its_name_says(tmp_path: Path, kind: str, name: str) -> None:
    path = word_file(tmp_path / name, kind)
    for number in range(3):
        document = open_template(path)
        assert [paragraph.text for paragraph in document.paragraphs] == ["Dear reader"]
        document.add_paragraph(f"yours {number}")
        save(document, tmp_path / "out.docx")
        assert kind_of(tmp_path / "out.docx") == ".docx"
        assert [p.text for p in docx.Document(str(tmp_path / "out.docx")).paragraphs] == [
            "Dear reader",
            f"yours {number}",
        ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x.docx", "x.docm", "x.dotx", "x.DOTM", "x.zip"])
def test_macros_are_there_where_the_name_that_it_is_saved_by_allows_them(tmp_path: Path, kind: str, name: str) -> None:
    document = open_template(word_file(tmp_path / "letter.docx", kind, macros=True, ribbon=RIBBON), tell=unheard)
    wanted = ALL if name.lower().endswith("m") else set()
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        path = tmp_path / str(number) / name
        save(document, path) if number else document.save(str(path))
        assert members(path) == wanted
        assert kind_of(path) == (path.suffix.lower() if path.suffix != ".zip" else ".docx")
        assert ("vba" in text_of_members(path)) is bool(wanted)
        assert "https://example.org/" in text_of_members(path)


def test_one_document_is_saved_without_its_macros_and_then_with_them(tmp_path: Path) -> None:
    document = open_template(word_file(tmp_path / "letter.dotm", ".dotm", macros=True), tell=unheard)
    contents = []
    for name in ("a.docm", "a.docx", "b.docm", "b.docx"):
        save(document, tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[2]
    assert contents[1] == contents[3] == document_bytes(document)
    target = io.BytesIO()
    save(document, target)
    assert target.getvalue() == contents[1]
    with (tmp_path / "c.docm").open("wb") as file:
        document.save(file)
    assert members(tmp_path / "c.docm") == members(tmp_path / "a.docm") != set()


def test_the_same_bytes_accelerated_or_not(tmp_path: Path) -> None:
    template = word_file(tmp_path / "letter.dotm", ".dotm", macros=True, ribbon=RIBBON)
    found = set()
    for switch in (accelerate, restore, accelerate):
        switch()
        for _ in range(2):
            document = open_template(template, tell=unheard)
            save(document, tmp_path / "x.docm")
            found.add((document_bytes(document), (tmp_path / "x.docm").read_bytes()))
    assert len(found) == 1


def test_a_ribbon_that_calls_no_macros_stays(tmp_path: Path) -> None:
    document = open_template(word_file(tmp_path / "a.docm", ".docm", macros=True, ribbon=QUIET_RIBBON), tell=unheard)
    save(document, tmp_path / "x.docx")
    assert members(tmp_path / "x.docx") == {"customUI/customUI.xml"}


def test_macros_left_out_are_told_by_name_and_others_are_not(tmp_path: Path) -> None:
    told: list[str] = []
    template = word_file(tmp_path / "letter.docm", ".docm", macros=True)
    document = open_template(template, tell=told.append)
    save(document, tmp_path / "x.docm")
    save(open_template(word_file(tmp_path / "none.dotx", ".dotx"), tell=told.append), tmp_path / "y.docx")
    assert told == []
    save(copy.deepcopy(document), tmp_path / "x.docx")
    (told_of,) = told
    assert told_of.startswith("the macros of letter.docm are not in the documents made from it")
    assert told_of.endswith("A name that ends in .docm keeps them")
    with pytest.warns(UserWarning, match=r"the macros of letter\.docm are not in the documents") as warned:
        open_template(template).save(str(tmp_path / "z.docx"))
    assert len(warned) == 1


def test_a_document_that_is_not_from_word_s_other_kinds_is_saved_as_its_name_says_by_parbatch(tmp_path: Path) -> None:
    for kind in KINDS:
        save(docx.Document(), tmp_path / f"x{kind}")
        assert kind_of(tmp_path / f"x{kind}") == kind
        assert list(checks.opens(tmp_path / f"x{kind}")) == []


def test_python_docx_itself_goes_on_to_refuse_what_it_refuses(tmp_path: Path) -> None:
    path = word_file(tmp_path / "letter.docm", ".docm", macros=True)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"is not a Word file, content type is"):
            docx.Document(str(path))
        assert open_template(path).paragraphs


def test_python_docx_itself_goes_on_to_keep_what_it_keeps(tmp_path: Path) -> None:
    path = word_file(tmp_path / "letter.docx", ".docx", macros=True)
    for number in range(3):
        docx.Document(str(path)).save(str(tmp_path / f"{number}.docx"))
        assert "word/vbaProject.bin" in members(tmp_path / f"{number}.docx")
        save(open_template(path, tell=unheard), tmp_path / "x.docx")
        assert members(tmp_path / "x.docx") == set()


# --- what can't be opened says why


def strict(path: Path) -> None:
    """A document in the form that Word calls Strict."""
    source, target = docx.Document(), io.BytesIO()
    source.save(target)
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                                               b"http://purl.oclc.org/ooxml/officeDocument/relationships"))  # fmt: skip


def dangling(path: Path) -> None:
    """A document with a relationship to a part that is not there."""
    source, target = docx.Document(), io.BytesIO()
    source.save(target)
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if name != "word/theme/theme1.xml":
                new.writestr(name, old.read(name))


def opendocument(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        new.writestr("content.xml", "<a/>")


def spreadsheet(path: Path) -> None:
    word_file(path, ".docx")
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(KINDS[".docx"].encode(), b"application/x-sheet.main+xml"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (strict, r"Strict Open XML document.*save it as 'Word Document"),
        (dangling, r"'word/theme/theme1\.xml', which is not in the file.*save it again"),
        (opendocument, r"OpenDocument file.*save it as \.docx"),
        (spreadsheet, r"content type is 'application/x-sheet\.main\+xml'"),
        (lambda path: path.write_bytes(b""), r"empty"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600)), r"old format \(\.doc\), or protected"),
        (lambda path: path.write_bytes(rb"{\rtf1 x}"), r"RTF"),
        (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), r"no zip file, or a part of one"),
        (lambda path: path.mkdir(), r"it is a folder"),
    ],
)
def test_a_file_that_is_no_document_is_told_what_it_is_and_what_to_do(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "letter.docx"
    make(path)
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"the template '.*letter\.docx' can't be read \(.*{words}"):
            open_template(path)
    if path.is_file():
        (problem,) = checks.opens(path)
        assert problem.type == "damaged-document"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "letter.docx")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"it is a pipe.*give the path"):
            open_template(tmp_path / "letter.docx")
    (problem,) = checks.opens(tmp_path / "letter.docx")
    assert problem.type == "no-document"


def test_a_misspelt_name_is_answered_with_templates_of_all_kinds(tmp_path: Path) -> None:
    word_file(tmp_path / "letter.dotm", ".dotm")
    with pytest.raises(FileNotFoundError, match=r"did you mean 'letter\.dotm'"):
        open_template(tmp_path / "leter.dotm")
