"""Templates as Word makes them, in a run as typed at the prompt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import docx
import pytest

from tests.docx.word_files import KINDS, kind_of, members, word_file
from tests.faults.outside import contents, finish
from tests.support import write_job

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
from parbatch import Item, Job
from parbatch.docx import checks, save

job = Job("letters", chunk_size=1)


@job.items
def items():
    for name in ("dotx", "docm", "dotm", "docx"):
        for number in range(3):
            yield Item(id=f"{name}-{number}", data={"template": f"letter.{name}"})


@job.render
def letter(item, ctx):
    document = ctx.document(item.data["template"])
    document.add_paragraph(f"I am {item.id}")
    if item.id.endswith("-1"):
        document.save(ctx.dir / f"{item.id}.docm")
        return None
    if item.id.endswith("-2"):
        save(document, ctx.dir / f"{item.id}.dotx")
        return None
    return document


@job.validate
def check(item, ctx):
    yield from checks.document(ctx.dir, at_least=2)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_job(tmp_path / "job.py", JOB)
    for kind in KINDS:
        word_file(tmp_path / f"letter{kind}", kind, macros=kind in {".docm", ".docx"})
    return tmp_path


def test_all_of_word_s_kinds_are_templates_and_macros_left_out_are_said_once_a_worker(folder: Path) -> None:
    code, printed = finish("run", folder / "job.py", "--workers", "1", "--out", folder / "out", "--json")
    report = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert (code, report["success"]) == (0, 12), printed
    items = folder / "out" / "items"
    for name in ("dotx", "docm", "dotm", "docx"):
        assert kind_of(items / f"{name}-0.docx") == ".docx"
        assert kind_of(items / f"{name}-1.docm") == ".docm"
        assert kind_of(items / f"{name}-2.dotx") == ".dotx"
        assert not members(items / f"{name}-0.docx") | members(items / f"{name}-2.dotx")
        assert bool(members(items / f"{name}-1.docm")) is (name in {"docm", "docx"})
        texts = [paragraph.text for paragraph in docx.Document(str(items / f"{name}-0.docx")).paragraphs]
        assert texts == ["Dear reader", f"I am {name}-0"]
    assert report["warnings"]["by_type"] == {"macros-left-out": 2}
    told = [warned["problem"]["message"] for warned in report["warnings"]["first"]]
    assert ["letter.docm" in one for one in told] == [True, False]


def test_they_come_out_the_same_whatever_the_workers_and_the_acceleration(folder: Path) -> None:
    found: list[dict[str, str]] = []
    for options in (["--workers", "2"], ["--backend", "inline", "--no-accelerate"]):
        out = folder / f"out{len(found)}"
        code, printed = finish("run", folder / "job.py", "--out", out, *options)
        assert code == 0, printed
        # what python-docx itself saves in a process that is not accelerated has the time of day in it
        found.append({name: digest for name, digest in contents(out / "items").items() if "-1." not in name})
    assert found[0] == found[1] != {}
