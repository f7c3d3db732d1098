"""The same document gives the same bytes, which hold what python-docx writes and which others can open."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.docx import accelerate, deflate, document_bytes, open_template, restore, save
from parbatch.docx.deflate import DeflateCache, Deflated, deflated
from parbatch.docx.zipping import zipped
from tests.docx.docx_script import saved_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.document import Document


@pytest.fixture(autouse=True)
def _accelerated() -> Iterator[None]:
    accelerate()
    yield
    restore()
    deflate.library.cache_clear()


def a_document() -> Document:
    document = open_template()
    document.add_heading("Title", 0)
    for number in range(20):
        document.add_paragraph(f"paragraph {number}", style="List Bullet")
    document.add_table(3, 3, "Table Grid").cell(1, 1).text = "cell"
    document.sections[0].header.paragraphs[0].text = "header"
    return document


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_saving import a_document
from parbatch.docx import accelerate, document_bytes
accelerate()
for _ in range(int(sys.argv[2])):
    a_document().styles["Quote"].font.bold = True
sys.stdout.buffer.write(document_bytes(a_document()))
"""


@pytest.mark.parametrize("name", ["isal", "zlib-ng", "zlib"])
def test_the_bytes_do_not_depend_on_the_process_or_on_what_it_did_before(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARBATCH_DEFLATE", name)
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    made = {subprocess.run([*command, before], capture_output=True, check=True).stdout for before in "03"}
    assert len(made) == 1
    with zipfile.ZipFile(io.BytesIO(made.pop())) as archive:
        assert archive.testzip() is None


def test_user_code_that_saves_by_itself_gets_the_same_bytes(tmp_path: Path) -> None:
    expected = document_bytes(a_document())
    a_document().save(str(tmp_path / "a.docx"))
    a_document().save(tmp_path / "b.docx")  # type: ignore[arg-type]
    save(a_document(), tmp_path / "c.docx")
    stream = io.BytesIO()
    a_document().save(stream)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {expected} == {stream.getvalue()}


def test_every_member_is_what_python_docx_writes_under_the_same_name_in_the_same_order() -> None:
    fast = a_document()
    restore()
    plain, stream = a_document(), io.BytesIO()
    plain.save(stream)
    accelerate()
    with zipfile.ZipFile(stream) as one, zipfile.ZipFile(io.BytesIO(document_bytes(fast))) as two:
        assert two.testzip() is None
        for a, b in zip(one.infolist(), two.infolist(), strict=True):
            assert one.read(a) == two.read(b)
            for name in ("filename", "compress_type", "external_attr", "create_system", "flag_bits", "extra"):
                assert getattr(a, name) == getattr(b, name), name
            assert b.date_time == (1980, 1, 1, 0, 0, 0)


def test_a_saved_document_can_be_changed_and_saved_again() -> None:
    document = a_document()
    first = document_bytes(document)
    assert document_bytes(document) == first
    document.add_paragraph("more", style="Quote")
    document.styles["Quote"].font.bold = True
    second = docx.Document(io.BytesIO(document_bytes(document)))
    assert second.paragraphs[-1].text == "more"
    assert second.styles["Quote"].font.bold


def test_a_stream_is_written_from_where_it_stands() -> None:
    stream = io.BytesIO(b"before")
    stream.seek(6)
    a_document().save(stream)
    assert stream.getvalue().startswith(b"beforePK")
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None


def test_a_place_that_can_not_be_written_raises_what_opening_it_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(a_document(), tmp_path / "no" / "such.docx")
    with pytest.raises(IsADirectoryError):
        a_document().save(str(tmp_path))


def test_two_parts_of_the_same_name_are_warned_of_as_before() -> None:
    def told() -> list[str]:
        document = a_document()
        header = document.sections[0].header.part
        header.partname = document.part._styles_part.partname
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            document.save(io.BytesIO())
        return [str(warning.message) for warning in caught]

    fast = told()
    restore()
    assert fast == told() == ["Duplicate name: 'word/styles.xml'"]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), min_size=1)


@given(st.lists(st.tuples(names, st.binary())))
def test_any_members_come_out_of_the_zip_file_as_they_went_in(members: list[tuple[str, bytes]]) -> None:
    raw = zipped([(name, deflated(content)) for name, content in members])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert [(info.filename, archive.open(info).read()) for info in archive.infolist()] == members


def test_what_is_too_large_for_a_zip_file_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        zipped([("a", Deflated(b"", 0, 1 << 32))])
    with pytest.raises(ValueError, match="too large"):
        zipped([("a", Deflated(b"", 0, 0))] * 65536)


@given(st.lists(st.binary(max_size=200)))
def test_the_cache_changes_no_result_and_stays_within_its_bound(contents: list[bytes]) -> None:
    cache = DeflateCache(600)
    for content in contents:
        made = cache.get(content)
        assert made == deflated(content)
        assert zlib.decompress(made.data, wbits=-15) == content
        assert cache.held_bytes <= 600


def test_an_unknown_deflate_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARBATCH_DEFLATE", "zipper")
    deflate.library.cache_clear()
    with pytest.raises(ValueError, match="isal, zlib-ng, zlib"):
        deflate.library()


def test_python_docx_reads_back_what_was_saved() -> None:
    parts = saved_parts(a_document())
    reread = docx.Document(io.BytesIO(document_bytes(a_document())))
    restore()
    assert saved_parts(reread) == parts


@pytest.mark.timeout(120)
def test_libreoffice_opens_it(tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("soffice (LibreOffice) is not installed")
    path = tmp_path / "a.docx"
    save(a_document(), path)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        office,
        profile,
        "--headless",
        "--convert-to",
        "txt:Text",
        "--outdir",
        str(tmp_path),
        str(path),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    text = (tmp_path / "a.txt").read_text(encoding="utf-8-sig")
    assert "paragraph 19" in text
    assert "cell" in text
