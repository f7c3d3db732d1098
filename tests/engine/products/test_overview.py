"""The overview: one document from all outcomes, made once every chunk has finished."""

import json
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch import RunResult
from parbatch.reports import REPORTS
from tests.support import JOB, write_job

OVERVIEW = (
    JOB.replace("    (ctx.dir", "    if item.id == 'bob':\n        raise ValueError('no such city')\n    (ctx.dir")
    + """    return {"length": len(item.name)}


@job.overview
def over(run, ctx):
    lines = [f"{o.item.name} {o.status} {o.result} {o.type} {list(o.outputs)}" for o in run.outcomes()]
    again = len(list(run.outcomes()))
    (ctx.dir / "overview.txt").write_text("\\n".join([*lines, str(run.counts["ok"]), str(again)]))
"""
)


def run(here: Path, text: str = OVERVIEW, **options: Any) -> RunResult:
    write_job(here / "job.py", text)
    return parbatch.run("job.py", backend="inline", out="out", progress="none", **options)


def test_it_sees_every_outcome_in_item_order_as_often_as_it_likes(here: Path) -> None:
    result = run(here)
    assert result.overview is not None
    assert result.overview.path == "overview.txt"
    assert (here / "out/overview.txt").read_text().splitlines() == [
        "Ada ok {'length': 3}  ['ada.txt']",
        "Bob failed None ValueError []",
        "Cyd ok {'length': 3}  ['cyd.txt']",
        "2",
        "3",
    ]


def made_at(here: Path) -> int:
    return (here / "out/overview.txt").stat().st_mtime_ns


def test_it_is_made_again_only_when_an_outcome_changed_or_it_is_damaged(here: Path) -> None:
    good = OVERVIEW.replace("== 'bob'", "== 'nobody'")
    run(here, good)
    first = made_at(here)
    run(here, good, resume=True)
    assert made_at(here) == first
    (here / "out/items/bob.txt").unlink()
    run(here, good, resume=True)
    second = made_at(here)
    assert second != first
    (here / "out/overview.txt").write_text("damaged")
    run(here, good, resume=True)
    assert (here / "out/overview.txt").read_text().startswith("Ada ok")


def test_what_it_no_longer_makes_is_withdrawn(here: Path) -> None:
    run(here)
    run(here, OVERVIEW.replace("overview.txt", "summary.txt"), fresh=True)
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted([*REPORTS, "items", "run", "summary.txt"])


def test_a_run_that_did_not_get_to_the_end_makes_none(here: Path) -> None:
    result = run(here, max_failures=1, chunk_size=1)
    assert result.state == "stopped"
    assert result.overview is None
    assert not (here / "out/overview.txt").exists()


@pytest.mark.parametrize("name", ["report.json", "items/x.txt", "run/checkpoint.sqlite", "Report.JSON"])
def test_it_cannot_take_a_name_that_parbatch_uses_itself(here: Path, name: str) -> None:
    text = OVERVIEW.replace('(ctx.dir / "overview.txt")', f'(ctx.dir / "{name}")').replace(
        "    again =", f'    (ctx.dir / "{name}").parent.mkdir(parents=True, exist_ok=True)\n    again ='
    )
    result = run(here, text)
    assert result.exit_code == 1
    assert result.overview is not None
    assert result.overview.error is not None
    assert f"can't be named {name}" in result.overview.error
    assert json.loads((here / "out/report.json").read_text())["job"] == "letters"


def test_its_failure_is_a_report_and_the_items_stay(here: Path) -> None:
    result = run(here, OVERVIEW.replace("    lines =", "    raise KeyError('total')\n    lines ="))
    assert result.overview is not None
    assert result.overview.error == "KeyError: 'total'"
    assert result.success == 2
    assert sorted(path.name for path in (here / "out/items").iterdir()) == ["ada.txt", "cyd.txt"]
