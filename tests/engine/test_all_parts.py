"""What is made and told of all shards together: the overview, merged results, reports, and who makes them."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from parbatch.model.shard import shard_of
from tests.engine.test_shards import FAILING, MANY, NAMED, NAMES, report, run_all
from tests.support import contents, typed, write_job


@pytest.fixture
def out(here: Path) -> Path:
    write_job(here / "job.py", MANY)
    return here / "outputs/letters"


def test_items_that_fail_leave_a_shard_finished(out: Path) -> None:
    write_job(Path("job.py"), FAILING)
    bad = shard_of("cyd", 3)
    assert run_all() == [int(number == bad) for number in (1, 2, 3)]
    assert "cyd failed ()" in (out / "overview.txt").read_text()
    whole = report(out)
    assert (whole["exit_code"], whole["errors"]) == (1, 1)
    (failure,) = whole["failures"]
    assert failure["stdout_path"] == f"run/shards/{bad}-of-3/logs/cyd.stdout.txt"
    assert "rendering cyd" in (out / failure["stdout_path"]).read_text()
    assert f'href="junit-{bad}-of-3.xml"' in (out / f"report-{bad}-of-3.html").read_text()


def test_what_is_made_of_all_is_made_again_only_when_an_outcome_has_changed(out: Path) -> None:
    write_job(Path("job.py"), FAILING)
    run_all()
    before = (out / "overview.txt").stat().st_ino, (out / "report.json").stat().st_ino
    good, bad = next(n for n in (1, 2, 3) if n != shard_of("cyd", 3)), shard_of("cyd", 3)
    assert typed("run", "job.py", "--shard", f"{good}/3", "--resume").exit_code == 0
    assert ((out / "overview.txt").stat().st_ino, (out / "report.json").stat().st_ino) == before
    write_job(Path("job.py"), MANY)
    assert typed("retry", "job.py", "--shard", f"{bad}/3").exit_code == 0
    assert "cyd ok" in (out / "overview.txt").read_text()
    assert report(out)["errors"] == 0


def test_an_overview_that_is_gone_is_made_again(out: Path) -> None:
    run_all()
    (out / "overview.txt").unlink()
    assert typed("run", "job.py", "--shard", "1/3", "--resume").exit_code == 0
    assert (out / "overview.txt").exists()


def test_an_overview_that_fails_is_the_last_runs_failure_and_is_tried_again(out: Path) -> None:
    write_job(
        Path("job.py"), MANY.replace('    (ctx.dir / "over', "    raise KeyError('total')\n    (ctx.dir / \"over")
    )
    assert run_all() == [0, 0, 1]
    assert report(out)["overview"]["error"] == "KeyError: 'total'"
    write_job(Path("job.py"), MANY)
    assert typed("run", "job.py", "--shard", "2/3", "--resume").exit_code == 0
    assert (out / "overview.txt").exists()


def test_the_overview_command_joins_all_and_refuses_while_one_is_not_finished(out: Path) -> None:
    typed("run", "job.py", "--shard", "1/3")
    typed("run", "job.py", "--shard", "2/3", "--limit", "1")
    before = contents(out)
    result = typed("overview", "job.py")
    assert result.exit_code == 2
    left = sum(shard_of(name, 3) == 2 for name in NAMES) - 1
    assert f"not finished: 2/3 ({left} pending), 3/3 (not begun)" in result.stderr
    assert contents(out) == before
    assert run_all(3, "--resume") == [0, 0, 0]
    (out / "overview.txt").unlink()
    (out / "report.json").unlink()
    result = typed("overview", "job.py")
    assert (result.exit_code, result.stdout) == (0, "overview  outputs/letters/overview.txt\n")
    assert report(out)["total"] == 12


def test_what_is_merged_of_all_shards_is_what_one_run_merges(out: Path) -> None:
    write_job(Path("job.py"), MANY.replace('Job("letters")', 'Job("letters", merge="lines")'))
    assert typed("run", "job.py", "--out", "whole").exit_code == 0
    assert run_all(2) == [0, 0]
    assert (out / "merged.jsonl").read_bytes() == Path("whole/merged.jsonl").read_bytes()
    assert (out / "merged.jsonl").read_text().splitlines() == [f'"{name}"' for name in NAMES]
    assert report(out)["merged"] == {"path": "merged.jsonl"}
    (out / "merged.jsonl").unlink()
    assert typed("overview", "job.py").exit_code == 0
    assert (out / "merged.jsonl").exists()


def test_reports_are_of_one_shard_or_of_all(out: Path) -> None:
    run_all()
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for name in before:
        if name != "overview.txt":
            (out / name).unlink()
    assert typed("report", "job.py", "--shard", "2/3").stdout.splitlines()[0] == "outputs/letters/report-2-of-3.json"
    assert typed("report", "job.py").stdout.splitlines()[0] == "outputs/letters/report.json"
    after = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert after == {name: before[name] for name in after}
    assert len(after) == 7


def test_the_report_of_all_before_all_are_done_says_what_is_not_in_it(out: Path) -> None:
    typed("run", "job.py", "--shard", "1/3")
    result = typed("report", "job.py")
    assert "Not everything is in it yet: of its shards, 2/3 is not begun, 3/3 is not begun." in result.stderr
    assert (report(out)["state"], report(out)["exit_code"]) == ("stopped", None)


def test_a_file_that_two_shards_have_published_is_found_when_they_are_joined(out: Path) -> None:
    """As versions before this one let them, one over the other."""
    write_job(Path("job.py"), NAMED + "\ndef name_of(item): return item.id + '.txt'\n")
    run_all(2)
    other = next(name for name in NAMES if shard_of(name, 2) != shard_of("ada", 2))
    with contextlib.closing(sqlite3.connect(out / f"run/shards/{shard_of('ada', 2)}-of-2/checkpoint.sqlite")) as db:
        db.execute("UPDATE outputs SET place = ?, path = ? WHERE id = 'ada'", (f"{other}.txt", f"{other}.txt"))
        db.commit()
    result = typed("overview", "job.py")
    assert result.exit_code == 1
    assert f"{other}.txt was published by two items of different shards, " in result.stderr


def test_the_overview_of_before_is_said_to_be_older_where_that_of_now_fails(out: Path) -> None:
    assert run_all(2) == [0, 0]
    write_job(Path("job.py"), MANY.replace("    lines = ", "    raise ValueError('no overview')\n    lines = "))
    typed("run", "job.py", "--shard", "2/2", "--fresh")
    told = "older     outputs/letters/overview.txt is of earlier outcomes, and out of date"
    assert told in typed("status", "job.py").stdout
    typed("report", "job.py")
    assert json.loads((out / "report.json").read_bytes())["overview"]["out_of_date"] == "overview.txt"


def test_a_shard_without_items_is_finished(out: Path) -> None:
    assert run_all(40) == [0] * 40
    empty = next(n for n in range(1, 41) if all(shard_of(name, 40) != n for name in NAMES))
    assert report(out, f"report-{empty}-of-40.json")["total"] == 0
    assert report(out)["success"] == 12
    assert typed("status", "job.py", "--shard", f"{empty}/40").exit_code == 0
