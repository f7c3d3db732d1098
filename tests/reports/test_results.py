"""What a run came to, built from its facts and the checkpoint: the exit code, sums over parts, records read again."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from parbatch.model.result import Counts, Documents, ProductReport
from parbatch.reports.results import RunFacts, build_result, exit_code, sum_facts, within
from tests.reports.making import made

NOTHING = Counts({}, {})


def facts(**changed: Any) -> RunFacts:
    """Return the facts of a run that ended well, with these changed."""
    given: dict[str, Any] = {
        "job": "letters",
        "run_id": "20270115T080000Z-abcdef",
        "state": "finished",
        "started_at": "2027-01-15T08:00:00.000+00:00",
        "finished_at": "2027-01-15T08:01:00.000+00:00",
        "duration_s": 60.0,
        "workers": 2,
        "backend": "loky",
        "before": NOTHING,
        "environment": {"host": "here", "acceleration": "on"},
    }
    return RunFacts(**given | changed)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({}, 0),
        ({"has_failed": True}, 1),
        ({"overview": ProductReport(error="no")}, 1),
        ({"merged": ProductReport(error="no")}, 1),
        ({"overview": ProductReport(path="summary.docx")}, 0),
        ({"at_limit": True, "has_failed": True}, 4),
        ({"signum": 15, "at_limit": True, "has_failed": True}, 143),
        ({"finished_at": None, "has_failed": True}, None),
    ],
)
def test_the_exit_code_tells_what_ended_the_run_first_and_then_what_failed(told: dict[str, Any], code: int) -> None:
    assert exit_code(facts(**told)) == code


@pytest.mark.parametrize("told", [{}, {"has_failed": True}, {"at_limit": True}, {"signum": 2}, {"finished_at": None}])
def test_a_record_gives_its_facts_back_so_that_a_report_written_again_is_the_same(
    tmp_path: Path, told: dict[str, Any]
) -> None:
    with made(tmp_path, a="ok", b="failed", c="pending") as material:
        result = build_result(facts(**told), material.view)
        again = build_result(RunFacts.of(result), material.view)
    assert msgspec.json.encode(again) == msgspec.json.encode(result)
    assert (result.total, result.success, result.errors, result.pending) == (3, 1, 1, 1)
    assert [failure.id for failure in result.failures] == ["b"]


def test_the_result_of_a_run_that_goes_on_has_counts_and_no_failures(tmp_path: Path) -> None:
    going_on = facts(state="running", finished_at=None, duration_s=None)
    with made(tmp_path, a="failed") as material:
        result = build_result(going_on, material.view, is_brief=True)
    assert (result.exit_code, result.errors, result.failures, result.ok) == (None, 1, [], False)


def test_parts_are_summed_and_the_last_to_end_gives_the_rest() -> None:
    before = Counts({"ok": 1, "pending": 2}, {"north": {"ok": 1, "pending": 2}})
    first = facts(rendered=3, kept=1, worker_restarts=1, before=before, documents=Documents(accelerated=3), workers=4)
    second = facts(run_id="later", finished_at="2027-01-15T09:00:00.000+00:00", rendered=2, kept=2, before=before)
    for parts in ([first, second], [second, first]):
        whole = sum_facts(parts)
        assert (whole.run_id, whole.workers, whole.finished_at) == ("later", 2, "2027-01-15T09:00:00.000+00:00")
        assert (whole.rendered, whole.kept, whole.worker_restarts) == (5, 3, 1)
        assert whole.before == Counts({"ok": 2, "pending": 4}, {"north": {"ok": 2, "pending": 4}})
        assert whole.environment == {"host": "here", "acceleration": "on"}


def test_one_part_that_failed_or_stopped_decides_how_all_end() -> None:
    assert exit_code(sum_facts([facts(has_failed=True), facts()])) == 1
    assert exit_code(sum_facts([facts(has_failed=True), facts(at_limit=True)])) == 4


def test_of_products_the_last_is_told_or_one_that_failed() -> None:
    made, failed = ProductReport(path="a.docx"), ProductReport(error="no")
    assert sum_facts([facts(overview=made), facts()]).overview == made
    assert sum_facts([facts(overview=failed), facts(overview=made)]).overview == failed
    assert sum_facts([facts(), facts()]).overview is None


def test_paths_of_a_parts_products_start_from_the_folder_of_all_parts() -> None:
    moved = within("lego", facts(overview=ProductReport(path="a.docx"), merged=ProductReport(out_of_date="m.json")))
    assert moved.overview == ProductReport(path="lego/a.docx")
    assert moved.merged == ProductReport(out_of_date="lego/m.json")
