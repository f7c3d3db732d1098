"""A job's documents are accelerated whatever it imports and when, as its author meets it: through the command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import docx
import pytest

import parbatch
from parbatch import Item, Job
from parbatch.docx import accelerated, on_import
from parbatch.docx.on_import import accelerate_on_import, no_longer_on_import
from tests.docx.docx_letters import JOB, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITH_DOCX = "document = Document()"
LAZILY = """
import importlib.util, sys
spec = importlib.util.find_spec("docx")
spec.loader = importlib.util.LazyLoader(spec.loader)
docx = sys.modules["docx"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docx)
"""
FINDER_OF_ITS_OWN = """
import importlib.util, sys

class Asking:  # as those hooks do that ask all others once more
    searching = False

    def find_spec(self, name, path=None, target=None):
        if name != "docx" or Asking.searching:
            return None
        Asking.searching = True
        try:
            return importlib.util.find_spec(name)
        finally:
            Asking.searching = False
"""
ASKING_ALL = """
import sys

class AskingAll:  # as those do that look for themselves, and would ask for ever
    def find_spec(self, name, path=None, target=None):
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        return next((spec for spec in found if spec), None) if name == "docx" else None
"""
PAST_ALL = """
import importlib.machinery, sys

class Own:
    find_spec = staticmethod(importlib.machinery.PathFinder.find_spec)

sys.meta_path.insert(0, Own)
"""
FAILING_ONCE = """
import sys

class Refusing:
    def find_spec(name, path=None, target=None):
        if name == "docx.document":
            raise ImportError("not now")

sys.meta_path.insert(0, Refusing)
try:
    import docx
except ImportError:
    sys.meta_path.remove(Refusing)
"""

#: What stands at the top of the job's file, and how its render comes to a document.
STYLES = {
    "never": ("", "document = ctx.document()"),
    "at the top": ("import docx", "document = docx.Document()"),
    "by name": ("from docx import Document", WITH_DOCX),
    "a part of it first": ("import docx.oxml.ns, docx.shared", "document = docx.Document()"),
    "inside render": ("", "from docx import Document; document = Document()"),
    "inside render, beside a template": ("", "document = ctx.document(); import docx.shared"),
    "by a module of its own": ("import helper", "document = helper.new()"),
    "by docxtpl": ("from docxtpl import DocxTemplate", "t = DocxTemplate('t.docx'); t.render({}); document = t.docx"),
    "by parbatch's own functions": (
        "from parbatch.docx import add_table, open_template",
        "document = open_template(); add_table(document, [['a', 'b']])",
    ),
    "by a module of parbatch's that is not public": (
        "",
        "from parbatch.docx.templates import open_template; document = open_template()",
    ),
    "after looking whether it is there": (
        "import importlib.util; assert importlib.util.find_spec('docx')",
        "from docx import Document; document = Document()",
    ),
    "lazily": (LAZILY, "document = docx.Document()"),
    "with a finder above": (
        FINDER_OF_ITS_OWN + "sys.meta_path.insert(0, Asking())\nfrom docx import Document",
        WITH_DOCX,
    ),
    "with a finder below": (
        FINDER_OF_ITS_OWN + "sys.meta_path.insert(1, Asking())\nfrom docx import Document",
        WITH_DOCX,
    ),
    "with a finder above that asks all": (
        ASKING_ALL + "sys.meta_path.insert(0, AskingAll())\nfrom docx import Document",
        WITH_DOCX,
    ),
    "with a finder below that asks all": (
        ASKING_ALL + "sys.meta_path.insert(1, AskingAll())\nfrom docx import Document",
        WITH_DOCX,
    ),
    "past all finders": (PAST_ALL + "from docx import Document", WITH_DOCX),
    "after a failure to": (FAILING_ONCE + "import docx", "document = docx.Document()"),
    "before all": ("", "document = ctx.document()"),
}


def write_job(folder: Path, style: str) -> None:
    top, inside = STYLES[style]
    (folder / "job.py").write_text(JOB.format(top=top, inside=f"    {inside}"), encoding="utf-8")
    (folder / "helper.py").write_text("import docx\n\n\ndef new():\n    return docx.Document()\n", encoding="utf-8")
    if style == "before all":
        (folder / "sitecustomize.py").write_text("import docx\n", encoding="utf-8")


#: In this process the mechanism is the same: these are the ways that people take.
INLINE = ("never", "at the top", "by name", "inside render", "by a module of its own", "by docxtpl", "before all")


@pytest.mark.parametrize(
    ("style", "backend"), [*((style, "loky") for style in STYLES), *((style, "inline") for style in INLINE)]
)
def test_every_item_of_a_job_that_imports_python_docx_is_accelerated(tmp_path: Path, style: str, backend: str) -> None:
    if style == "by docxtpl":
        docx.Document().save(str(tmp_path / "t.docx"))
    write_job(tmp_path, style)
    report, printed = run(tmp_path, "--backend", backend)
    assert report["environment"]["acceleration"] == "on"
    assert report["documents"] == {"accelerated": 3, "plain": 0, "why_plain": ""}
    assert report["metrics"]["fast"]["sum"] == 3
    assert "ccelerated" not in printed


# --- in a process that goes on


def a_job() -> Job:
    job = Job("letters")
    job.items(lambda: [Item(id="a")])
    job.render(lambda _, ctx: ctx.document())
    return job


@pytest.fixture
def _finders() -> Iterator[None]:
    yield
    assert all(type(finder).__module__ != on_import.__name__ for finder in sys.meta_path)
    assert not accelerated()


@pytest.mark.usefixtures("_finders")
def test_a_run_in_this_process_leaves_python_docx_and_the_importing_as_they_were(tmp_path: Path) -> None:
    result = parbatch.run(a_job(), out=tmp_path / "out", backend="inline", progress="none")
    assert result.environment["acceleration"] == "on"


@pytest.mark.usefixtures("_finders")
def test_a_run_that_ends_while_another_goes_on_leaves_it_accelerated(tmp_path: Path) -> None:
    accelerate_on_import()
    try:
        parbatch.run(a_job(), out=tmp_path / "out", backend="inline", progress="none")
        assert accelerated()
    finally:
        no_longer_on_import()


@pytest.mark.usefixtures("_finders")
def test_a_single_item_is_accelerated(tmp_path: Path) -> None:
    job = Job("letters")
    job.items(lambda: [Item(id="a")])

    @job.render
    def letter(item: Item, ctx: Any) -> float:
        ctx.document()
        return float(accelerated())

    assert parbatch.render(job, "a", out=tmp_path / "out").result == 1.0
