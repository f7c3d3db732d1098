"""Chunks that are rendered at once: each item has its own true status all the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.outside import JOBS, finish, left_behind, rows

WHOLE = {"i10", "i11", "i12"}  # have their results before item 13 comes


def run(out: Path, how: str, *options: object) -> dict[str, Any]:
    code, printed = finish(
        "run", JOBS / "chunky.py", "--workers", 2, "--out", out, "--progress", "none", *options, env={"CHUNKY": how}
    )
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert code == report["exit_code"], printed
    assert left_behind(out) == []
    return report


def test_a_function_may_return_all_results_at_once_and_they_are_merged(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run(out, "dict")
    assert report["success"] == 40
    merged = json.loads((out / "merged.json").read_text())
    assert merged == {f"i{number:02d}": number for number in range(40)}
    assert list(merged) == sorted(merged)
    assert (out / "run/logs/i00.stdout.txt").read_text().endswith("10 items of attempt 1\n")


@pytest.mark.parametrize(
    ("how", "status", "kind", "attempts"),
    [("dies", "crashed", "SIGKILL", 2), ("hangs", "timeout", "TimeoutError", 2), ("raises", "failed", "ValueError", 1)],
)
def test_what_ends_a_chunk_is_blamed_on_its_own_item_alone(
    tmp_path: Path, how: str, status: str, kind: str, attempts: int
) -> None:
    """Whoever was in flight with it is tried once more, alone; a raise fails those that have no result yet."""
    out = tmp_path / "out"
    report = run(out, how)
    failures = {failure["id"]: failure for failure in report["failures"]}
    if how == "raises":
        assert set(failures) == {f"i{number}" for number in range(13, 20)}
    else:
        assert set(failures) == {"i13"}
        tries = dict(rows(out, "SELECT id, attempts FROM items WHERE attempts > 1"))
        assert tries == {f"i{number}": 2 for number in range(13, 20)}
    failure = failures["i13"]
    assert (failure["status"], failure["type"], failure["attempts"]) == (status, kind, attempts)
    assert failure["stderr_path"] is not None or how == "dies"
    assert all((out / "items" / f"{item}.txt").exists() for item in WHOLE)
    assert not any((out / "items" / f"{item}.txt").exists() for item in failures)


def test_an_item_that_is_left_out_failed_and_no_other(tmp_path: Path) -> None:
    (failure,) = run(tmp_path / "out", "leaves out")["failures"]
    assert (failure["id"], failure["status"], failure["message"]) == (
        "i13",
        "failed",
        "@job.render_chunk gave no result for it; return {id: result} with every id",
    )


def test_what_is_raised_after_the_last_result_is_not_lost(tmp_path: Path) -> None:
    (failure,) = run(tmp_path / "out", "raises at the end")["failures"]
    assert (failure["id"], failure["status"], failure["message"]) == ("i19", "failed", "the database went away")


def test_failed_ones_alone_are_tried_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run(out, "raises", "--attempts", 2)
    tries = dict(rows(out, "SELECT id, attempts FROM items WHERE attempts > 1"))
    assert tries == {f"i{number}": 2 for number in range(13, 20)}
    assert {"i13"} <= {failure["id"] for failure in report["failures"]} <= set(tries)
