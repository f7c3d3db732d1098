"""What a person reads before a run begins."""

from pathlib import Path

from parbatch.engine.announcements import announcements
from parbatch.planning.plan import Plan
from parbatch.planning.source import Difference
from tests.support import loaded, make_job


def test_reasons_that_name_files_keys_and_entries_cannot_steer_a_terminal(tmp_path: Path) -> None:
    reasons = {"file changed: \x1b[2Jlogo.png": 2, "baseline changed: \u202eyad": 1}
    plan = Plan(4, 4, 3, reasons, Difference(4, 0, 0, 0), older_code=0, code=1, stale=0)
    (line,) = announcements(loaded(make_job([]), tmp_path), plan, accelerate=False)
    assert line == r"Due: 3 of 4 items (2 file changed: \x1b[2Jlogo.png, 1 baseline changed: \u202eyad)."
