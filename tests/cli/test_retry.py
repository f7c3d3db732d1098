"""`parbatch retry`, end to end."""

from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.errors import DataError
from tests.support import JOB, typed, write_job

FAILING = JOB.replace("name=name.title())", "name=name.title(), group='north' if name == 'ada' else 'south')").replace(
    "    (ctx.dir", "    if item.id != 'ada':\n        raise ValueError('no such city')\n    (ctx.dir"
)
WORKING = FAILING.replace("item.id != 'ada'", "False")


def test_a_retry_tries_what_is_not_ok_and_nothing_else(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    assert typed("run", "job.py").exit_code == 1
    again = typed("retry", "job.py", "--exclude", "cyd")
    assert again.exit_code == 1
    assert "[1/1] Bob failed" in again.output
    write_job(here / "job.py", WORKING)
    done = typed("retry", "job.py")
    assert done.exit_code == 0
    assert "letters finished: 3 ok (1 from before) of 3 items" in done.output
    nothing = typed("retry", "job.py")
    assert (nothing.exit_code, "nothing to do" in nothing.output) == (0, True)


def test_a_retry_tries_what_is_known_to_fail_as_often_as_it_is_typed(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    typed("run", "job.py")
    for _ in range(3):
        assert "[2/2] " in typed("retry", "job.py").output


def test_a_retry_whose_rules_leave_nothing_ends_with_2_and_says_why(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    typed("run", "job.py", "--max-failures", "1", "--chunk-size", "1")  # cyd is pending, and of the same group as bob
    result = typed("retry", "job.py")
    assert result.exit_code == 2
    assert "1 ok already, 2 in groups that still have pending items" in result.stderr
    assert "[1/2] Cyd failed" in typed("retry", "job.py", "--include-unfinished-groups").output
    result = typed("retry", "job.py", "--status", "crashed", "--group", "south")
    assert (result.exit_code, "2 without --status 'crashed'" in result.stderr) == (2, True)


def test_without_an_earlier_run_there_is_nothing_to_retry_and_nothing_is_made(here: Path) -> None:
    write_job(here / "job.py")
    result = typed("retry", "job.py")
    assert result.exit_code == 2
    assert "holds no run of which items could be tried again. parbatch run begins one." in result.stderr
    assert not (here / "outputs").exists()


def test_the_fingerprint_in_the_report_selects_its_failures(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    first = parbatch.run("job.py", backend="inline", progress="none")
    fingerprint = first.failures[0].fingerprint
    assert parbatch.retry("job.py", backend="inline", progress="none", fingerprint=fingerprint).rendered == 2
    with pytest.raises(parbatch.NothingRunError, match="2 without --fingerprint"):
        parbatch.retry("job.py", backend="inline", progress="none", fingerprint="0" if fingerprint[0] != "0" else "1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"status": "ok"}, "status: 'ok' is not one of failed, invalid"),
        ({"fingerprint": "xyz"}, "fingerprint: 'xyz' is not the beginning of one"),
        ({"resume": True}, "There is no run option 'resume'"),
    ],
)
def test_what_a_retry_cannot_use_is_named(here: Path, given: dict[str, Any], words: str) -> None:
    write_job(here / "job.py")
    with pytest.raises(DataError, match=words):
        parbatch.retry("job.py", **given)


def test_a_run_takes_groups_and_exclusions_as_well(here: Path) -> None:
    write_job(here / "job.py", WORKING)
    assert parbatch.run("job.py", backend="inline", progress="none", group="s*", exclude="cyd").rendered == 1
    with pytest.raises(DataError, match="There is no run option 'fingerprint'"):
        parbatch.run("job.py", fingerprint="0")  # type: ignore[call-arg]
