"""One attempt: whatever the job's code does becomes an outcome."""

from pathlib import Path
from typing import Any

import pytest

from parbatch import Item, Job, Problem
from parbatch.model.messages import Ended
from parbatch.model.roles import RENDER
from parbatch.worker.attempt import Attempt, Beginning, TimeUpError, call_job, make_attempt
from parbatch.worker.context import Context
from tests.support import make_job, task
from tests.worker.conftest import MakeSession


def rendering(function: Any) -> Job:
    """A job that renders by a function."""
    job = make_job([])
    job.functions[RENDER] = function
    return job


def ended(make_session: MakeSession, function: Any) -> Ended:
    """How the attempt at one item ends, by this function."""
    return make_attempt(make_session(rendering(function)), task(0, item_id="a"))


def test_what_is_returned_is_the_result_and_what_is_printed_its_log(make_session: MakeSession, tmp_path: Path) -> None:
    def render(item: Item, ctx: Context) -> dict[str, str]:
        print("hello")
        ctx.metric("pages", 2)
        return {"id": item.id}

    outcome = ended(make_session, render)
    assert (outcome.status, bytes(outcome.result), outcome.metrics) == ("ok", b'{"id":"a"}', {"pages": 2.0})
    assert outcome.logs == ("stdout",)
    assert Path(task(0, item_id="a").staging(str(tmp_path)) + ".stdout").read_text() == "hello\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("no"), "failed"), (SystemExit(0), "failed"), (MemoryError(), "memory"), (TimeUpError(), "timeout")],
)
def test_what_is_raised_is_how_it_ends_and_its_files_are_gone(
    make_session: MakeSession, tmp_path: Path, error: BaseException, status: str
) -> None:
    def render(_: Item, ctx: Context) -> None:
        (ctx.dir / "half.txt").write_text("half")
        raise error

    outcome = ended(make_session, render)
    assert (outcome.status, outcome.outputs) == (status, ())
    assert outcome.evidence is not None
    assert outcome.evidence.place.startswith("test_attempt.py")
    assert not list(tmp_path.rglob("half.txt"))


def test_problems_of_validation_make_it_invalid_and_a_warning_alone_does_not(make_session: MakeSession) -> None:
    job = rendering(lambda item, _: item.id)
    job.validate(lambda item, _: [Problem("odd", "odd", severity="warning"), *(["wrong"] if item.id == "b" else [])])
    session = make_session(job)
    fine, wrong = (make_attempt(session, task(0, item_id=name)) for name in "ab")
    assert (fine.status, [problem.type for problem in fine.warnings]) == ("ok", ["odd"])
    assert (wrong.status, wrong.warnings, bytes(wrong.result)) == ("invalid", (), b'"b"')


def test_an_error_of_several_attempts_is_how_each_of_them_ends(make_session: MakeSession) -> None:
    session = make_session(make_job([]))
    attempts = [Attempt(session, task(0, item_id=name)) for name in "ab"]
    assert call_job(attempts, lambda: None)
    assert not call_job(attempts, [].pop)
    assert {attempt.status for attempt in attempts} == {"failed"}


def test_an_attempt_that_began_earlier_has_taken_longer(make_session: MakeSession) -> None:
    attempt = Attempt(make_session(make_job([])), task(0, item_id="a"))
    attempt.finish(Beginning(-1000.0, -50.0))
    outcome = attempt.end()
    assert outcome.duration_s > 1000
    assert outcome.cpu_s > 50
