"""The job in one process: its steps before the first item, and what is said once for all items."""

from pathlib import Path

import msgspec
import pytest

from parbatch import Job
from parbatch.worker.job_session import JobSession
from tests.support import make_job
from tests.worker.conftest import MakeSession


def with_setup() -> Job:
    """A job whose setup returns what is shared, and whose teardown writes that down."""
    job = make_job([])
    job.setup(lambda: ["shared"])
    job.teardown(lambda shared: shared.append("torn down"))
    return job


def test_setup_and_baseline_are_announced_before_they_are_called(make_session: MakeSession, tmp_path: Path) -> None:
    job = with_setup()
    job.baseline(key="prices")(lambda: {"price": 3})
    first = make_session(job)
    settings = msgspec.structs.replace(first.settings, baseline_file=str(tmp_path / "b.json"), baseline_key="b")
    for expected in (
        [("setup", True), ("the baseline, which another worker computes", False), ("the baseline", True)],
        [("setup", True), ("the baseline, which another worker computes", False)],  # it is there by now
    ):
        session = JobSession(job, settings, first.capture)
        announced: list[tuple[str, bool]] = []
        session.set_up(lambda step, is_bounded, to=announced: to.append((step, is_bounded)))  # type: ignore[misc]
        assert announced == expected
        assert (session.shared, session.baseline) == (["shared"], {"price": 3})


def test_what_setup_raises_is_raised(make_session: MakeSession) -> None:
    job = make_job([])
    job.setup([].pop)
    with pytest.raises(IndexError):
        make_session(job)


def test_teardown_is_given_what_setup_returned(make_session: MakeSession) -> None:
    session = make_session(with_setup())
    session.tear_down(end_after=None)
    assert session.shared == ["shared", "torn down"]
    assert not session.calling


def test_templates_and_notes_are_told_once(make_session: MakeSession) -> None:
    session = make_session(make_job([]))
    assert session.new_templates({"b", "a"}) == ("a", "b")
    assert session.new_templates({"a", "c"}) == ("c",)
    assert [problem.message for problem in session.new_notes(["no macros", "no macros"])] == ["no macros"]
    assert session.new_notes(["no macros"]) == ()
