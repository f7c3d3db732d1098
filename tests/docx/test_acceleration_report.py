"""Where documents are made without acceleration, the run says so, and why; of its parts, all together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import docx
import pytest

import parbatch
from tests.docx.docx_letters import JOB, run


def write_plain_job(folder: Path, *lines: str) -> None:
    inside = "\n".join(f"    {line}" for line in lines or ("document = ctx.document()",))
    (folder / "job.py").write_text(JOB.format(top="", inside=inside), encoding="utf-8")


def with_version(folder: Path, version: str) -> None:
    """Put a python-docx of another version before the installed one."""
    vendored = folder / "docx"
    shutil.copytree(Path(docx.__file__).parent, vendored, ignore=shutil.ignore_patterns("__pycache__"))
    text = (vendored / "__init__.py").read_text(encoding="utf-8")
    (vendored / "__init__.py").write_text(text.replace(f'"{docx.__version__}"', f'"{version}"'), encoding="utf-8")


def break_acceleration(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refusing:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'parbatch.docx.tables': raise ImportError('no <tables> today')\n"
        "sys.meta_path.insert(0, Refusing)\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_a_python_docx_of_another_version_is_used_as_it_is_with_a_warning(tmp_path: Path, backend: str) -> None:
    write_plain_job(tmp_path)
    with_version(tmp_path, "1.1.9")
    report, printed = run(tmp_path, "--backend", backend)
    why = "python-docx 1.1.9 is not one that parbatch was proved to make faster"
    assert report["environment"]["acceleration"] == f"off: {why}"
    assert report["documents"] == {"accelerated": 0, "plain": 3, "why_plain": why}
    assert report["metrics"]["fast"]["sum"] == 0
    assert f"Not accelerated: 3 of 3 made with python-docx as it is, which takes far longer: {why}." in printed
    assert why in (tmp_path / "outputs/letters/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_acceleration_that_fails_fails_no_item_and_is_told_with_its_error(tmp_path: Path, backend: str) -> None:
    write_plain_job(tmp_path)
    break_acceleration(tmp_path)
    report, printed = run(tmp_path, "--backend", backend)
    why = "it could not be switched on: ImportError: no <tables> today"
    assert report["success"] == 3
    assert report["environment"]["acceleration"] == f"off: {why}"
    assert report["documents"] == {"accelerated": 0, "plain": 3, "why_plain": why}
    assert why in printed
    assert "no &lt;tables&gt; today" in (tmp_path / "outputs/letters/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        (("document = ctx.document()",), ["--no-accelerate"]),
        (("import parbatch.docx; document = ctx.document(); parbatch.docx.restore()",), []),
    ],
    ids=["by the option", "by the job"],
)
def test_acceleration_that_somebody_turned_off_is_told_without_a_warning(
    tmp_path: Path, lines: tuple[str, ...], options: list[str]
) -> None:
    write_plain_job(tmp_path, *lines)
    report, printed = run(tmp_path, *options)
    assert report["environment"]["acceleration"] == "off: as asked for (--no-accelerate)"
    assert report["documents"] == {"accelerated": 0, "plain": 3, "why_plain": ""}
    assert "Not accelerated" not in printed


def test_a_job_without_documents_never_loads_python_docx(tmp_path: Path) -> None:
    write_plain_job(tmp_path)
    job = (tmp_path / "job.py").read_text(encoding="utf-8").partition("def letter")[0]
    loaded = "any(name.partition('.')[0] in {'docx', 'lxml'} for name in sys.modules)"
    (tmp_path / "job.py").write_text(
        f"{job}def letter(item, ctx):\n    ctx.metric('loaded', +{loaded})\n", encoding="utf-8"
    )
    report, _ = run(tmp_path)
    assert report["environment"]["acceleration"] == "not used: nothing was made with python-docx"
    assert report["documents"] == {"accelerated": 0, "plain": 0, "why_plain": ""}
    assert report["metrics"]["loaded"]["sum"] == 0


def test_what_was_made_before_acceleration_could_be_on_is_told_and_the_next_item_has_it(tmp_path: Path) -> None:
    write_plain_job(
        tmp_path,
        "import importlib.machinery",
        "class Own: find_spec = staticmethod(importlib.machinery.PathFinder.find_spec)",
        "sys.meta_path.insert(0, Own)",
        "from docx import Document; Document().save(str(ctx.dir / f'{item.id}.docx'))",
        "ctx.metric('fast', +sys.modules['parbatch.docx.acceleration'].accelerated())",
        "return",
    )
    report, printed = run(tmp_path)
    why = "python-docx was loaded by an import hook of the job's own, and used before the item ended"
    assert report["environment"]["acceleration"] == f"off for 1 of 3: {why}"
    assert report["documents"] == {"accelerated": 2, "plain": 1, "why_plain": why}
    assert report["metrics"]["fast"]["sum"] == 2
    assert "Not accelerated: 1 of 3" in printed


def test_documents_of_a_python_docx_that_was_loaded_again_are_told(tmp_path: Path) -> None:
    write_plain_job(
        tmp_path,
        "import docx",
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'docx']: del sys.modules[name]",
        "import docx; document = docx.Document()",
    )
    report, printed = run(tmp_path)
    why = "python-docx was loaded a second time, and what is accelerated is the first"
    assert report["environment"]["acceleration"] == f"off: {why}"
    assert why in printed


@pytest.mark.parametrize("place", ["top", "inside"])
def test_a_module_of_the_jobs_own_that_is_called_docx_is_left_alone(tmp_path: Path, place: str) -> None:
    write_plain_job(tmp_path, "import docx; (ctx.dir / f'{item.id}.txt').write_text(docx.TEXT); return")
    if place == "top":
        job = tmp_path / "job.py"
        job.write_text("import docx\n" + job.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "docx.py").write_text("TEXT = 'mine'\n", encoding="utf-8")
    report, printed = run(tmp_path)
    assert report["environment"]["acceleration"] == "not used: nothing was made with python-docx"
    assert "ccelerated" not in printed
    assert "python-docx" not in printed


# --- what a run consists of


PHASES = """
from parbatch import Item, Job

one = Job("one")
two = Job("two", after=one)


@one.items
def first():
    return [Item(id="a"), Item(id="b")]


@one.render
def make(item, ctx):
    return ctx.document()


@two.items
def second(previous):
    return [Item(id=outcome.item.id) for outcome in previous]


@two.render
def compute(item, ctx):
    return 1


@two.overview
def overview(run, ctx):
    ctx.document().save(ctx.dir / "all.docx")
"""


def test_phases_and_overviews_are_counted_together(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(PHASES, encoding="utf-8")
    result = parbatch.run(tmp_path / "job.py:two", workers=1, out=tmp_path / "out", backend="inline", progress="none")
    assert result.exit_code == 0, result
    assert result.documents.plain == 0
    assert result.documents.accelerated >= 3
    assert result.environment["acceleration"] == "on"
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))["documents"]["plain"] == 0


def test_shards_are_counted_together(tmp_path: Path) -> None:
    write_plain_job(tmp_path)
    job = str(tmp_path / "job.py")
    options: dict[str, Any] = {"workers": 1, "out": tmp_path / "out", "backend": "inline", "progress": "none"}
    parbatch.run(job, shard="1/2", **options)
    parbatch.run(job, shard="2/2", accelerate=False, **options)
    whole = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    documents = whole["documents"]
    assert documents["accelerated"] + documents["plain"] == 3
    assert documents["plain"], "both shards have items"
    assert documents["accelerated"], "both shards have items"
    assert whole["environment"]["acceleration"] == f"off for {documents['plain']} of 3: as asked for (--no-accelerate)"


def test_a_resumption_that_makes_nothing_says_so(tmp_path: Path) -> None:
    write_plain_job(tmp_path)
    run(tmp_path)
    subprocess.run([sys.executable, "-m", "parbatch", "run", "job.py", "--resume"], cwd=tmp_path, check=True)
    report = json.loads((tmp_path / "outputs/letters/report.json").read_text(encoding="utf-8"))
    assert report["environment"]["acceleration"] == "not used: nothing was made with python-docx"
