"""The course example, from outside: three phases, mistakes mended, a kill in the middle, an item that never passes."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.outside import contents, finish, start

COURSE = f"{Path(__file__).parents[2] / 'examples' / 'course.py'}:exercises"
PHASES = ("lego", "baskets", "exercises")
MERGED = ("lego/merged.json", "baskets/merged.json", "exercises/merged.jsonl")
# Of the first tries, a seeded fifth is wrong, and only these items are tried again.
SECOND_TRIES = {"lego": 157, "baskets": 137, "exercises": 126}


def ask(phase: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{phase / 'run/checkpoint.sqlite'}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("course") / "out"
    code, printed = finish("run", COURSE, "--workers", 2, "--out", out, "--progress", "none")
    assert code == 0, printed
    assert "2,004 ok of 2,004 items" in printed
    return out


def test_every_phase_finishes_and_only_faulty_items_are_tried_again(undisturbed: Path) -> None:
    for phase in PHASES:
        assert ask(undisturbed / phase, "SELECT attempts, COUNT(*) FROM items GROUP BY attempts") == [
            (1, 668 - SECOND_TRIES[phase]),
            (2, SECOND_TRIES[phase]),
        ]
        assert ask(undisturbed / phase, "SELECT status, COUNT(*) FROM attempts GROUP BY status") == [
            ("invalid", SECOND_TRIES[phase])
        ]
    assert len(json.loads((undisturbed / MERGED[0]).read_text())) == 668
    assert len((undisturbed / MERGED[2]).read_text().splitlines()) == 668


def test_a_run_killed_in_its_second_phase_resumes_there_to_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    slow = {"COURSE_SECONDS": "0.01"}
    process = start("run", COURSE, "--workers", 4, "--out", out, "--progress", "none", env=slow)
    wait_for_ok(out / "baskets", 60, process)
    process.kill()
    process.communicate()
    kept = dict(ask(out / "baskets", "SELECT status, COUNT(*) FROM items GROUP BY status"))["ok"]
    assert 60 <= kept < 668

    code, printed = finish("run", COURSE, "--workers", 2, "--out", out, "--progress", "none", "--resume")
    assert code == 0, printed
    report = json.loads((out / "report.json").read_text())
    assert {phase["name"]: phase["rendered"] for phase in report["phases"]} == {
        "lego": 0,
        "baskets": 668 - kept,
        "exercises": 668,
    }
    for merged in MERGED:
        assert (out / merged).read_bytes() == (undisturbed / merged).read_bytes()
    assert contents(out / "exercises" / "items") == contents(undisturbed / "exercises" / "items")


def wait_for_ok(phase: Path, count: int, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        with contextlib.suppress(sqlite3.Error):  # not there yet
            if ask(phase, "SELECT COUNT(*) FROM items WHERE status = 'ok'")[0][0] >= count:
                return


def test_an_item_that_never_passes_leaves_the_others_published(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stubborn = {"COURSE_STUBBORN": "exercises/s042"}
    code, printed = finish("run", COURSE, "--workers", 2, "--out", out, "--progress", "none", env=stubborn)
    assert code == 1, printed
    assert "1 invalid" in printed
    assert len([*(out / "exercises" / "items").iterdir()]) == 667
    assert len((out / MERGED[2]).read_text().splitlines()) == 667
    assert (out / "exercises/run/rejected/s042/s042.md").exists()
    shown = subprocess.run(
        [sys.executable, "-m", "parbatch", "show", "exercises/s042", COURSE, "--out", out],
        capture_output=True, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    assert "exercises/run/rejected/s042" in shown
    for attempt in (1, 2, 3):
        assert f"attempt {attempt}: invalid" in shown
    assert shown.count("is not among the options (exercise 2)") >= 3
    assert "Offer the whole basket." in shown
