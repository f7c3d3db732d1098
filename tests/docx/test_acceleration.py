"""Acceleration can be switched on and off, and leaves alone what it was not proved on."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import nsmap, qn

from parbatch.docx import accelerate, accelerated, acceleration, is_document, open_template, restore
from parbatch.docx.noticing import gives_notice, watching_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docx.oxml.xmlchemy import BaseOxmlElement


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    restore()


def everything() -> dict[str, Any]:
    """What every module of python-docx and every class in it is made of."""
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name == "docx" or name.startswith("docx."):
            for key, value in list(vars(module).items()):
                if key.startswith("_parbatch"):
                    continue
                found[f"{name}.{key}"] = getattr(value, "__code__", value)
                if isinstance(value, type) and value.__module__.startswith("docx"):
                    found.update({f"{name}.{key}.{k}": v for k, v in vars(value).items() if k != "__abstractmethods__"})
    return found


def test_restoring_puts_back_every_function_and_attribute() -> None:
    accelerate()
    restore()  # everything that it imports is there now, and what it leaves to documents that are open
    before = everything()
    assert accelerate()
    assert everything() != before
    restore()
    assert everything() == before


def test_switching_on_twice_changes_nothing_more() -> None:
    assert accelerate()
    before = everything()
    assert accelerate()
    assert everything() == before
    assert accelerated()


def test_another_version_is_left_alone_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceleration, "PROVED", ("0.0.1",))
    monkeypatch.setattr(acceleration, "_told", False)
    before = everything()
    with caplog.at_level(logging.WARNING, logger="parbatch.docx"):
        assert not accelerate()
        assert not accelerate()
    assert len(caplog.records) == 1
    assert "0.0.1" in caplog.text
    assert everything() == before
    assert len(open_template().paragraphs) == 0


def test_a_document_that_was_open_stays_usable_when_acceleration_ends() -> None:
    accelerate()
    document = open_template()
    document.add_paragraph("before", style="Heading 1")
    restore()
    document.add_paragraph("after", style="Quote")
    assert document.styles["Quote"].name == "Quote"
    assert [paragraph.style.name for paragraph in document.paragraphs if paragraph.style] == [
        "Heading 1",
        "Quote",
    ]


def test_names_that_users_imported_before_are_accelerated_too() -> None:
    codes = qn.__code__, OxmlElement.__code__, docx.Document.__code__
    accelerate()
    assert all(now is not before for now, before in zip((qn.__code__, OxmlElement.__code__), codes, strict=False))
    assert OxmlElement("w:p").tag == qn("w:p")
    assert OxmlElement("w:p", {qn("w:x"): "1"}, {"q": "urn:q"}).nsmap == {"q": "urn:q"} | {"ns0": nsmap["w"]}


def test_a_prefix_that_users_add_and_change_is_never_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerate()
    for uri in ("urn:one", "urn:two"):
        monkeypatch.setitem(nsmap, "own", uri)
        assert qn("own:a") == f"{{{uri}}}a"
        assert OxmlElement("own:a").tag == f"{{{uri}}}a"
        parent: Any = OxmlElement("w:p")
        parent.append(OxmlElement("own:a"))
        assert len(parent.xpath("own:a")) == 1
    monkeypatch.delitem(nsmap, "own")
    with pytest.raises(KeyError):
        qn("own:a")


def test_a_class_of_the_users_own_keeps_its_overrides() -> None:
    accelerate()
    from docx.oxml.text.paragraph import CT_P
    from docx.text.paragraph import Paragraph

    class Own(CT_P):
        def _new_r(self) -> BaseOxmlElement:
            made: Any = OxmlElement("w:r")
            made.set("own", "1")
            return made  # type: ignore[no-any-return]

    p: Any = Own()
    assert p.add_r().get("own") == "1"
    assert Paragraph(p, docx.Document()._body).add_run("text")._r.get("own") == "1"


def test_xpath_sees_the_whole_tree_from_any_element() -> None:
    expressions = ["//w:p", "/w:document", "..", "count(//w:r)", "string(.)", "w:r[1]/w:t/text()"]

    def results() -> list[str]:
        document = docx.Document()
        for text in ("one", "two"):
            document.add_paragraph(text)
        p = document.paragraphs[1]._p
        found = [p.xpath(expression) for expression in expressions]
        return [str([getattr(x, "tag", x) for x in f]) if isinstance(f, list) else str(f) for f in found]

    plain = results()
    accelerate()
    assert results() == plain


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_is_light_and_asking_for_a_document_imports_nothing() -> None:
    code = """
        import sys, parbatch, parbatch.docx
        assert not parbatch.docx.is_document(3)
        assert parbatch.docx.clean_text("a\\0") == "a"
        print([name for name in ("docx", "lxml", "zipfile") if name in sys.modules])
    """
    assert in_new_process(code) == "[]"
    assert is_document(docx.Document())
    assert not is_document(docx)


def test_where_a_class_was_replaced_in_its_own_module_python_docx_is_left_alone() -> None:
    code = """
        import docx, docx.text.run, docx.text.paragraph
        from parbatch.docx import accelerate, accelerated, restore
        class Run(docx.text.run.Run):
            def __init__(self, *args):
                super().__init__(*args)
                self.font.bold = True
        plain, docx.text.run.Run, docx.text.paragraph.Run = docx.text.run.Run, Run, Run
        print(accelerate(), accelerated(), docx.Document().add_paragraph("x").runs[0].bold)
        docx.text.run.Run = docx.text.paragraph.Run = plain
        print(accelerate(), docx.Document().add_paragraph("x").runs[0].bold)
    """
    assert in_new_process(code).split() == ["False", "False", "True", "True", "None"]


def test_on_a_python_that_gives_no_notice_of_changed_classes_python_docx_is_left_alone_and_that_is_said() -> None:
    code = """
        from parbatch.docx import noticing, on_import
        noticing.gives_notice.__defaults__ = (lambda bases, meta, tell: meta("Silent", bases, {"look": 1, "moves": 0}),)
        on_import.accelerate_on_import()
        import docx
        print(len(docx.Document().paragraphs), on_import.acceleration())
    """
    assert in_new_process(code) == "0 this Python gives no notice when a class is changed"


def test_notice_is_tried_both_ways() -> None:
    def always(bases: tuple[type, ...], meta: Any, tell: Callable[[], object]) -> Any:
        members = {"look": property(lambda _: tell()), "moves": 0}
        return type("Meta", (meta,), members)("Watched", bases, {})

    def never(bases: tuple[type, ...], meta: Any, tell: Callable[[], object]) -> Any:
        return watching_class((), meta, tell)

    assert gives_notice(watching_class)
    assert not gives_notice(always)
    assert not gives_notice(never)
