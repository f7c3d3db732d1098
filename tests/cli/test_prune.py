"""`parbatch prune`: outputs of items that are gone, and leftovers, are removed; nothing else is."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support import JOB, contents, typed, write_job
from tests.waiting_run import WAITING, waiting_run

FEWER = JOB.replace('("ada", "bob", "cyd")', '("bob",)')


@pytest.fixture
def out(here: Path) -> Path:
    """The output folder after a run, when Ada and Cyd are gone from the source."""
    write_job(here / "job.py")
    typed("run", "job.py")
    write_job(here / "job.py", FEWER)
    return here / "outputs/letters"


def outputs(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "items").iterdir())


def pruned(*arguments: str) -> Any:
    result = typed("prune", "job.py", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_outputs_of_items_that_are_gone_are_removed_and_named(out: Path) -> None:
    result = typed("prune", "job.py")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "removed outputs/letters/items/ada.txt",
        "removed outputs/letters/items/cyd.txt",
        "Removed 2 files of 2 items gone from the source, and 0 leftovers.",
    ]
    assert outputs(out) == ["bob.txt"]
    assert typed("prune", "job.py").stdout == "Nothing to remove.\n"
    assert "nothing to do, all 1 item" in typed("run", "job.py", "--resume").stdout


def test_also_those_that_an_earlier_run_found_gone(out: Path) -> None:
    typed("run", "job.py", "--resume")
    assert pruned()["outputs"] == ["items/ada.txt", "items/cyd.txt"]
    assert outputs(out) == ["bob.txt"]


def test_a_dry_run_lists_the_same_and_touches_nothing(out: Path) -> None:
    before = contents(out)
    dry = pruned("--dry-run")
    assert contents(out) == before
    assert typed("prune", "job.py", "--dry-run").stdout.splitlines()[0] == "would remove outputs/letters/items/ada.txt"
    assert pruned() == {**dry, "dry_run": False}


def test_an_item_that_comes_back_after_pruning_is_rendered_again(out: Path) -> None:
    typed("prune", "job.py")
    write_job(out.parent.parent / "job.py")
    assert "[2/2] Cyd ok" in typed("run", "job.py", "--resume").stdout
    assert outputs(out) == ["ada.txt", "bob.txt", "cyd.txt"]


def test_an_item_that_came_back_before_pruning_keeps_its_output(out: Path) -> None:
    """The source decides as it is now, not as it was at the last run."""
    typed("run", "job.py", "--resume")
    write_job(out.parent.parent / "job.py")
    assert pruned()["outputs"] == []
    assert "nothing to do, all 3 items" in typed("run", "job.py", "--resume").stdout


def test_an_output_that_another_item_makes_now_is_not_stale(out: Path) -> None:
    write_job(out.parent.parent / "job.py", FEWER.replace("{item.id}.txt", "ada.txt"))
    typed("run", "job.py", "--fresh")
    assert pruned()["outputs"] == ["items/cyd.txt"]
    assert "ada.txt" in outputs(out)


def test_what_killed_runs_left_is_removed_and_what_is_not_parbatchs_stays(out: Path) -> None:
    (out / "run/tmp/20260101T000000Z-abcdef/3.1").mkdir(parents=True)
    (out / "run/checkpoint.sqlite.new").write_text("half")
    (out / "report.json.new").write_text("half")
    (out / "report.html.new").write_text("half")
    (out / "mine.new").write_text("mine")
    assert pruned()["leftovers"] == [
        "report.html.new",
        "report.json.new",
        "run/checkpoint.sqlite.new",
        "run/tmp/20260101T000000Z-abcdef",
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        "items",
        "junit.xml",
        "mine.new",
        "report.html",
        "report.json",
        "run",
    ]
    assert list((out / "run/tmp").iterdir()) == []


def test_nothing_outside_the_folder_is_removed_whatever_the_checkpoint_says(out: Path) -> None:
    mine = out.parent.parent / "mine.txt"
    mine.write_text("mine")
    with sqlite3.connect(out / "run/checkpoint.sqlite") as db:
        db.execute("UPDATE outputs SET path = '../../../mine.txt' WHERE id = 'ada'")
    db.close()
    assert pruned()["outputs"] == ["items/cyd.txt"]
    assert mine.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FEWER.replace('("bob",)', "()"), "has no items: its items function gave none. Nothing was removed."),
        (FEWER.replace("    for name", "    raise OSError('gone')\n    for name"), "its items function failed"),
        ("x = 1", "has no job"),
    ],
)
def test_a_source_that_can_not_be_read_removes_nothing(out: Path, text: str, words: str) -> None:
    write_job(out.parent.parent / "job.py", text)
    before = contents(out / "items")
    for arguments in ([], ["--dry-run"]):
        result = typed("prune", "job.py", "--out", str(out), *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
    assert contents(out / "items") == before


def test_without_a_checkpoint_it_makes_nothing(here: Path) -> None:
    write_job(here / "job.py")
    before = contents(here)
    for arguments in ([], ["--dry-run"]):
        assert typed("prune", "job.py", *arguments).exit_code == 2
    assert contents(here) == before


def test_during_a_run_it_is_refused_and_a_dry_run_is_not(here: Path) -> None:
    with waiting_run(here) as run:
        write_job(here / "job.py", WAITING.replace('"bob", "cyd"', '"bob"'))
        result = typed("prune", "job.py")
        assert result.exit_code == 3
        assert f"pid {run.process.pid} on " in result.stderr
        assert pruned("--dry-run")["gone"] == 1
        assert run.let_go() == 0
    assert outputs(here / "outputs/letters") == ["ada.txt", "bob.txt", "cyd.txt"]
