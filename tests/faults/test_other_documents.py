"""Documents of docxtpl and docxcompose, returned from render as they are, in a run as typed at the prompt.

It is the test of parbatch.docx.foreign.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import docx

from tests.docx.docx_values import png
from tests.faults.outside import contents, finish
from tests.support import write_job

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import docx
from docxcompose.composer import Composer
from docxtpl import DocxTemplate

from parbatch import Item, Job

job = Job("letters", chunk_size=1)


class Letter(DocxTemplate):
    pass


@job.items
def items():
    for kind in ("rendered", "bare", "pictured", "composed"):
        for number in range(2):
            yield Item(id=f"{kind}-{number}", name=f"Ada {number}", data={"kind": kind})


@job.render
def letter(item, ctx):
    kind = item.data["kind"]
    if kind == "composed":
        composer = Composer(docx.Document(f"{FOLDER}/letter.docx"))
        composer.append(docx.Document(f"{FOLDER}/letter.docx"))
        return composer
    template = (Letter if kind == "rendered" else DocxTemplate)(f"{FOLDER}/letter.docx")
    if kind != "bare":
        template.render({"name": item.name})
    if kind == "pictured":
        template.replace_media(f"{FOLDER}/old.png", f"{FOLDER}/new.png")
    return template


@job.overview
def overview(run, ctx):
    template = DocxTemplate(f"{FOLDER}/letter.docx")
    template.render({"name": "all"})
    return template
"""


def text_of(path: Path) -> str:
    return "|".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)


def pictures_in(path: Path) -> set[bytes]:
    with zipfile.ZipFile(path) as archive:
        return {archive.read(name) for name in archive.namelist() if name.startswith("word/media/")}


def test_a_docxtemplate_and_a_composer_are_saved_like_a_document_with_the_same_bytes(tmp_path: Path) -> None:
    old, new = png(3), png(5)
    (tmp_path / "old.png").write_bytes(old)
    (tmp_path / "new.png").write_bytes(new)
    template = docx.Document()
    template.add_paragraph("Dear {{ name }}")
    template.add_picture(str(tmp_path / "old.png"))
    template.save(str(tmp_path / "letter.docx"))
    write_job(tmp_path / "job.py", JOB.replace("import docx\n", f"import docx\nFOLDER = {str(tmp_path)!r}\n", 1))
    found: list[dict[str, object]] = []
    for options in (["--workers", "2"], ["--backend", "inline", "--no-accelerate"]):
        out = tmp_path / f"out{len(found)}"
        code, printed = finish("run", tmp_path / "job.py", "--out", out, *options)
        assert code == 0, printed
        found.append({"overview": (out / "overview.docx").read_bytes(), **contents(out / "items")})
        items = out / "items"
        assert text_of(items / "rendered-1.docx") == "Dear Ada 1|"
        assert text_of(items / "bare-1.docx") == "Dear {{ name }}|"
        assert text_of(items / "composed-0.docx") == "Dear {{ name }}||Dear {{ name }}|"
        assert text_of(out / "overview.docx") == "Dear all|"
        assert pictures_in(items / "pictured-1.docx") == {new}
        assert pictures_in(items / "rendered-1.docx") == {old}
    assert found[0] == found[1]
    assert len(found[0]) == 9


def test_what_is_no_document_is_told_where_to_be_saved(tmp_path: Path) -> None:
    job = """
        from parbatch import Item, Job

        job = Job("letters", attempts=1)


        class Workbook:
            def save(self, path):
                pass


        @job.items
        def items():
            yield Item(id="one")


        @job.render
        def render(item, ctx):
            return Workbook()
        """
    write_job(tmp_path / "job.py", job)
    code, printed = finish("run", tmp_path / "job.py", "--out", tmp_path / "out", "--json", "--workers", "1")
    (failure,) = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["failures"]
    assert code == 1
    assert "Workbook, which JSON can't hold; save it in ctx.dir, with save(ctx.dir / …)" in failure["message"]
