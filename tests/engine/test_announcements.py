"""What a person reads before a run begins."""

from pathlib import Path

from parbatch.engine.announcements import announcements
from parbatch.planning.changes import Difference
from parbatch.planning.plan import Plan
from tests.support import loaded, make_job


def test_reasons_that_name_files_keys_and_entries_cannot_steer_a_terminal(tmp_path: Path) -> None:
    reasons = {"file changed: \x1b[2Jlogo.png": 2, "baseline changed: \u202eyad": 1}
    plan = Plan(4, 4, 3, reasons, Difference(4, 0, 0, 0), older_code=0, code=1, stale=0)
    (line,) = announcements(loaded(make_job([]), tmp_path), plan, accelerate=False)
    assert line == r"Due: 3 of 4 items (2 file changed: \x1b[2Jlogo.png, 1 baseline changed: \u202eyad)."


def test_new_items_are_announced_where_others_are_done_already(tmp_path: Path) -> None:
    first = Plan(3, 3, 3, {"new": 3}, Difference(3, 0, 0, 0), older_code=0, code=1, stale=0)
    later = first._replace(total=7)
    assert [*announcements(loaded(make_job([]), tmp_path), first, accelerate=False)] == []
    assert [*announcements(loaded(make_job([]), tmp_path), later, accelerate=False)] == ["Due: 3 of 7 items (3 new)."]
