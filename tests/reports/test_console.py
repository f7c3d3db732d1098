"""The end summary: short, and with the command that goes on."""

from pathlib import Path
from typing import Any

from parbatch.model.outcome import STATUSES
from parbatch.model.result import Counts, Failure, ProductReport, RunResult, Warnings
from parbatch.reports.console import summary
from parbatch.reports.failure_groups import MOST_NAMED


def failure(number: int, *, fingerprint: str = "f", **more: Any) -> Failure:
    fields: dict[str, Any] = {
        "id": f"i{number}", "name": f"Item {number}", "group": "", "status": "failed", "type": "ValueError",
        "message": "no such city\nlook it up", "traceback": "", "place": "", "fingerprint": fingerprint, "attempts": 1,
        "duration_s": 0.1, "returncode": None, "signal": None, "peak_memory_bytes": None, "stdout_path": None,
        "stderr_path": None,
    }  # fmt: skip
    return Failure(**(fields | more))


def result(*failures: Failure, ok: int = 592, pending: int = 0, **more: Any) -> RunResult:
    by_status = dict.fromkeys([*map(str, STATUSES)], 0) | {"ok": ok, "pending": pending}
    for one in failures:
        by_status[one.status] += 1
    total = ok + pending + len(failures)
    counts = Counts(by_status, {})
    fields: dict[str, Any] = {
        "job": "letters", "run_id": "r", "state": "finished", "exit_code": 1 if failures else 0, "started_at": "",
        "finished_at": "", "duration_s": 75.2, "workers": 8, "backend": "loky", "total": total, "success": ok,
        "errors": len(failures), "pending": pending, "rendered": total, "kept": 0, "by_status": by_status,
        "before": counts, "after": counts, "worker_restarts": 0, "overview": None, "environment": {}, "metrics": {},
        "failures": list(failures), "out": "/somewhere/letters",
    }  # fmt: skip
    return RunResult(**(fields | more))


def test_a_good_run_is_its_counts_its_time_and_where_things_are() -> None:
    text = summary(result(overview=ProductReport(path="overview.docx")), "parbatch run --resume")
    assert text.splitlines() == [
        "",
        "letters finished: 592 ok of 592 items in 1 min 15 s",
        "  outputs   /somewhere/letters/items",
        "  overview  /somewhere/letters/overview.docx",
        "  report    /somewhere/letters/report.html",
    ]


def test_paths_are_shown_as_a_person_in_the_current_folder_types_them(here: Path) -> None:
    assert "  outputs   outputs/letters/items" in summary(result(out=str(here / "outputs/letters")), "")


def test_what_was_done_before_is_said() -> None:
    assert "592 ok (500 from before) of 592 items" in summary(result(kept=500, rendered=92), "")
    assert "letters: nothing to do, all 592 items are ok." in summary(result(kept=592, rendered=0), "")


def test_all_counts_of_a_large_run_are_written_alike() -> None:
    before = Counts({"ok": 3_000, "pending": 7_000}, {})
    after = Counts({"ok": 8_000, "pending": 2_000}, {})
    told = summary(result(ok=8_000, pending=2_000, kept=3_000, rendered=5_000, before=before, after=after), "")
    assert "8,000 ok (3,000 from before), 2,000 pending of 10,000 items" in told
    assert "changed   ok 3,000 → 8,000, pending 7,000 → 2,000" in told


def test_of_many_kinds_of_warnings_those_that_come_most_often_are_named() -> None:
    kinds = {f"kind {number}": 1 for number in range(1000)} | {"often": 7, "\x1b[2J" + "x" * 999: 2}
    warnings = Warnings(items=9, total=1009, by_type=kinds)
    (line,) = [line for line in summary(result(warnings=warnings), "").splitlines() if "warnings" in line]
    assert line.startswith(r"  warnings  1009 about 9 items: 7 often, 2 \x1b[2Jxxx")
    assert line.endswith("1 kind 2 … and 997 more kinds")
    assert len(line) < 200


def test_failures_are_grouped_by_fingerprint_the_largest_group_first() -> None:
    crash = failure(
        1,
        fingerprint="c",
        status="crashed",
        type="SIGSEGV",
        message="",
        attempts=2,
        stderr_path="run/logs/i1.stderr.txt",
    )
    text = summary(result(crash, failure(2), failure(3)), "parbatch run --resume")
    assert text.splitlines()[5:] == [
        "  2 failed: ValueError: no such city look it up",
        "      i2 Item 2",
        "      i3 Item 3",
        "  1 crashed: SIGSEGV",
        "      i1 Item 1 after 2 attempts  log: /somewhere/letters/run/logs/i1.stderr.txt",
        "",
        "3 items are not ok. To go on: parbatch run --resume",
    ]


def named(text: str) -> int:
    return sum(line.startswith("      i") for line in text.splitlines())


def test_at_most_ten_failures_are_named_and_the_others_counted() -> None:
    text = summary(result(*(failure(number) for number in range(41))), "")
    assert named(text) == MOST_NAMED
    assert "… and 31 more" in text


def test_at_most_ten_are_named_of_many_groups_and_the_others_counted() -> None:
    text = summary(result(*(failure(number, fingerprint=str(number)) for number in range(25))), "")
    assert named(text) == MOST_NAMED
    assert "… and 15 more items with other causes" in text
    text = summary(result(*(failure(number, fingerprint=str(number // 7)) for number in range(21))), "")
    assert named(text) == MOST_NAMED
    assert [line for line in text.splitlines() if line.startswith("      …")] == [
        "      … and 3 more",
        "      … and 4 more",
        "      … and 4 more",
    ], "no group hides another"
    assert "other causes" not in text


def test_a_run_that_was_ended_early_says_why_and_how_to_go_on() -> None:
    text = summary(result(ok=1, pending=9, state="interrupted", exit_code=130), "parbatch run --resume")
    assert "letters INTERRUPTED: 1 ok, 9 pending of 10 items" in text
    assert text.endswith("9 items are left. To go on: parbatch run --resume")
    text = summary(
        result(ok=1, pending=9, state="stopped", exit_code=4, stopped_by="the time budget is used up"), "go on"
    )
    assert "letters STOPPED: the time budget is used up; 1 ok, 9 pending" in text


def test_work_that_a_limit_or_a_selection_left_is_not_forgotten() -> None:
    """Exit 0, and yet not all is done: the next plain run would be refused."""
    text = summary(result(ok=1, pending=9), "parbatch run --resume")
    assert text.endswith("9 items are left. To go on: parbatch run --resume")


def test_an_overview_that_failed_is_named_with_its_cause() -> None:
    text = summary(result(exit_code=1, overview=ProductReport(error="failed: KeyError: 'x'\nmore")), "go on")
    assert "  overview  failed: failed: KeyError: 'x'" in text
    assert text.endswith("The overview is left. To go on: go on")


def test_nothing_in_a_failure_reaches_the_terminal_as_a_command() -> None:
    text = summary(result(failure(1, name="a\x1b[2J", message="\x1b[2J", type="E\x1b[2J")), "")
    assert "\x1b" not in text


def test_counts_that_differ_before_and_after_are_shown_in_all_and_by_group() -> None:
    text = summary(
        result(
            failure(1),
            ok=9,
            before=Counts({"ok": 5, "failed": 3, "pending": 2}, {"a": {"ok": 5}, "": {"failed": 3, "pending": 2}}),
            after=Counts(
                {"ok": 9, "failed": 1, "pending": 0}, {"a": {"ok": 5}, "": {"ok": 4, "failed": 1, "pending": 0}}
            ),
        ),
        "",
    )
    changed = "  changed   ok 5 → 9, failed 3 → 1, pending 2 → 0"
    assert [line for line in text.splitlines() if "→" in line] == [
        changed,
        "      (no group): ok 0 → 4, failed 3 → 1, pending 2 → 0",
    ]


def test_a_first_run_has_nothing_before_it_and_an_idle_one_changes_nothing() -> None:
    first = result(ok=9, before=Counts({"ok": 0, "pending": 9}, {}))
    assert "→" not in summary(first, "")
    assert "→" not in summary(result(failure(1), ok=9), "")


def test_at_most_ten_groups_that_changed_are_named() -> None:
    before = Counts({"ok": 0, "failed": 12}, {f"g{number}": {"failed": 1} for number in range(12)})
    after = Counts({"ok": 12, "failed": 0}, {f"g{number}": {"ok": 1, "failed": 0} for number in range(12)})
    text = summary(result(ok=12, before=before, after=after), "")
    assert "      g9: ok 0 → 1, failed 1 → 0\n      … and 2 more groups; see the report" in text
    assert "g10:" not in text
