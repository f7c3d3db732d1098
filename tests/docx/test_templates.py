"""Documents from templates are fresh ones, and what happens to one is never seen in the next."""

from __future__ import annotations

import copy
import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.shared import Pt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parbatch.docx import accelerate, open_template, restore
from parbatch.docx.shared_parts import source_of
from tests.docx.docx_operations import OPERATIONS
from tests.docx.docx_script import Machine, saved_parts
from tests.docx.docx_templates import build_full

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.document import Document


@pytest.fixture(autouse=True)
def _accelerated() -> Iterator[None]:
    accelerate()
    yield
    restore()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    restore()
    return build_full(tmp_path_factory.mktemp("templates") / "full.docx")


def lazy(document: Document) -> list[str]:
    """The names of the parts that still share their template's tree."""
    package: Any = document.part.package
    return sorted(part.partname for part in package.iter_parts() if source_of(part) is not None)


def structure(document: Document) -> list[Any]:
    package: Any = document.part.package
    found = []
    for part in package.iter_parts():
        rels = [(r.rId, r.reltype, r.target_ref, r.is_external) for r in part.rels.values()]
        found.append((type(part), part.partname, part.content_type, part.blob, rels, part.package is package))
    images = [image.partname for image in package.image_parts]
    return [type(package), found, images, [(r.rId, r.target_ref) for r in package.rels.values()]]


def test_a_fresh_document_is_the_one_that_opening_the_file_gives(template: Path) -> None:
    restore()
    plain = structure(docx.Document(str(template)))
    accelerate()
    for _ in range(3):
        assert structure(open_template(template)) == plain
        assert structure(docx.Document(str(template))) == plain


def test_parts_are_shared_until_they_are_touched_and_saving_touches_none(template: Path) -> None:
    document = open_template(template)
    shared = lazy(document)
    assert {"/word/styles.xml", "/word/numbering.xml", "/word/settings.xml", "/docProps/core.xml"} < set(shared)
    document.add_paragraph("text", style="Heading 1")
    document.add_table(1, 1, "Table Grid")
    document.save(io.BytesIO())
    assert lazy(document) == shared
    assert document.styles["Normal"].name == "Normal"
    document.core_properties.title = "new"
    assert set(shared) - set(lazy(document)) == {"/word/styles.xml", "/docProps/core.xml"}


numbers = st.integers(min_value=0, max_value=99)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), numbers, numbers, numbers), max_size=30))
def test_nothing_done_to_one_document_shows_in_the_next(template: Path, script: list[Any]) -> None:
    accelerate()
    untouched = saved_parts(open_template(template))
    held = open_template(template)
    machine = Machine(open_template(template), OPERATIONS)
    machine.run(script)
    saved_parts(machine.document)
    assert saved_parts(open_template(template)) == untouched
    assert saved_parts(held) == untouched


def test_edits_of_shared_parts_stay_in_their_document(template: Path) -> None:
    first = open_template(template)
    first.styles["Normal"].font.size = Pt(30)
    first.styles["List Bullet"].name = "Renamed"
    first.settings.odd_and_even_pages_header_footer = False
    first.part.numbering_part.element.clear()
    first.sections[0].header.paragraphs[0].text = "changed"
    second = open_template(template)
    assert second.styles["Normal"].font.size is None
    assert "List Bullet" in second.styles
    assert second.settings.odd_and_even_pages_header_footer
    assert len(second.part.numbering_part.numbering_definitions)
    assert second.sections[0].header.paragraphs[0].text == "header"
    assert second.add_paragraph("x", style="List Bullet").style is not None
    with pytest.raises(KeyError, match="no style with name 'List Bullet'"):
        first.add_paragraph("x", style="List Bullet")


def test_a_template_that_changed_on_disk_is_read_again(template: Path, tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    shutil.copy(template, path)
    assert open_template(path).paragraphs[0].text == "textrun"
    document = docx.Document(str(path))
    document.paragraphs[0].text = "another"
    document.save(str(path))
    assert open_template(path).paragraphs[0].text == "another"
    os.utime(path, (1, 1))
    assert open_template(str(path)).paragraphs[0].text == "another"


def test_a_copied_document_goes_its_own_way(template: Path) -> None:
    for document in (docx.Document(str(template)), open_template(template)):
        for _ in range(8):
            document.add_paragraph("x", style="Quote")
        twin = copy.deepcopy(document)
        assert saved_parts(twin) == saved_parts(document)
        twin.styles["Quote"].style_id = "Other"
        assert twin.add_paragraph("x", style="Quote")._p.style == "Other"
        assert document.add_paragraph("x", style="Quote")._p.style == "Quote"


def test_without_a_path_it_is_the_default_template() -> None:
    assert structure(open_template()) == structure(open_template(None)) == structure(docx.Document())


@pytest.mark.parametrize("accelerated", [True, False])
def test_what_is_no_template_is_refused_with_the_path_and_a_way_out(tmp_path: Path, *, accelerated: bool) -> None:
    if not accelerated:
        restore()
    with pytest.raises(FileNotFoundError, match=r"missing\.docx.*give the path"):
        open_template(tmp_path / "missing.docx")
    text = tmp_path / "text.docx"
    text.write_text("no zip file")
    with pytest.raises(ValueError, match=r"text\.docx.*give the path"):
        open_template(text)
    broken = tmp_path / "broken.docx"
    broken.write_bytes(Path(docx.api._default_docx_path()).read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"broken\.docx.*give the path"):
        open_template(broken)
    with pytest.raises(ValueError, match="give the path"):
        open_template(tmp_path)


def test_opening_any_file_fails_as_before(tmp_path: Path) -> None:
    from docx.opc.exceptions import PackageNotFoundError

    for _ in range(3):
        with pytest.raises(PackageNotFoundError):
            docx.Document(str(tmp_path / "missing.docx"))


def test_a_part_class_of_the_users_own_is_opened_as_before(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from docx.opc.constants import CONTENT_TYPE
    from docx.opc.part import PartFactory
    from docx.parts.numbering import NumberingPart

    class Own(NumberingPart):
        pass

    assert type(open_template(template).part.numbering_part) is NumberingPart
    monkeypatch.setitem(PartFactory.part_type_for, CONTENT_TYPE.WML_NUMBERING, Own)
    assert type(open_template(template).part.numbering_part) is Own
    assert type(open_template(template).part.numbering_part) is Own
