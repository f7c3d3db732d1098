"""`parbatch overview`: made anew from the checkpoint, no item rendered."""

import json
from pathlib import Path

import pytest

from tests.support import FAILING, JOB, contents, typed, write_job
from tests.waiting_run import waiting_run

SUMMARY = """

@job.overview
def over(run, ctx):
    (ctx.dir / "overview.txt").write_text("\\n".join(f"{o.item.id} {o.status}" for o in run.outcomes()))
"""


@pytest.fixture
def out(here: Path) -> Path:
    write_job(here / "job.py", FAILING + SUMMARY)
    typed("run", "job.py")
    return here / "outputs/letters"


def test_it_is_made_anew_though_it_is_up_to_date_and_no_item_is_rendered(out: Path) -> None:
    items = {path: path.stat().st_mtime_ns for path in (out / "items").iterdir()}
    report = (out / "report.json").read_bytes()
    before = (out / "overview.txt").stat().st_ino
    result = typed("overview", "job.py")
    assert (result.exit_code, result.stdout) == (0, "overview  outputs/letters/overview.txt\n")
    assert (out / "overview.txt").stat().st_ino != before
    assert (out / "overview.txt").read_text() == "ada ok\nbob failed\ncyd ok"
    assert {path: path.stat().st_mtime_ns for path in (out / "items").iterdir()} == items
    assert (out / "report.json").read_bytes() == report
    assert list((out / "run/tmp").iterdir()) == []


@pytest.mark.usefixtures("out")
def test_the_last_run_stays_the_last_run() -> None:
    before = typed("status", "job.py").stdout
    typed("overview", "job.py")
    assert typed("status", "job.py").stdout == before


def test_pending_items_are_in_it_as_such(here: Path) -> None:
    write_job(here / "job.py", JOB + SUMMARY)
    typed("run", "job.py", "--limit", "1")
    assert typed("overview", "job.py").exit_code == 0
    assert (here / "outputs/letters/overview.txt").read_text() == "ada ok\nbob pending\ncyd pending"


def test_as_json_it_is_the_reports_entry(out: Path) -> None:
    assert json.loads(typed("overview", "job.py", "--json").stdout) == {"overview": {"path": "overview.txt"}}
    write_job(out.parent.parent / "job.py", FAILING + SUMMARY.replace("    (ctx", "    raise KeyError('x')\n    (ctx"))
    result = typed("overview", "job.py", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["overview"]["error"] == "KeyError: 'x'"


def test_its_failure_is_named_and_the_old_one_stays(out: Path) -> None:
    write_job(
        out.parent.parent / "job.py", FAILING + SUMMARY.replace("    (ctx", "    raise KeyError('x\\x1b')\n    (ctx")
    )
    before = (out / "overview.txt").read_bytes()
    result = typed("overview", "job.py")
    assert result.exit_code == 1
    assert "parbatch: overview failed: KeyError: 'x\\x1b'" in result.stderr
    assert (out / "overview.txt").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [(FAILING, "has no overview function, and merges nothing. Add @job.overview"), (JOB + SUMMARY, "no checkpoint")],
)
def test_without_an_overview_or_a_checkpoint_nothing_is_made(here: Path, text: str, words: str) -> None:
    write_job(here / "job.py", text)
    before = contents(here)
    result = typed("overview", "job.py")
    assert result.exit_code == 2
    assert words in result.stderr
    assert contents(here) == before


def test_during_a_run_it_is_refused(here: Path) -> None:
    with waiting_run(here) as run:
        write_job(here / "job.py", JOB + SUMMARY)
        result = typed("overview", "job.py")
        assert result.exit_code == 3
        assert f"pid {run.process.pid} on " in result.stderr
        assert run.let_go() == 0
