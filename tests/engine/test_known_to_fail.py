"""Items that failed alike twice, with nothing changed: said, counted, left alone, and tried on request."""

import json
from pathlib import Path

from parbatch import run
from tests.support import JOB, typed, write_job

FAILING = JOB.replace(
    "    (ctx.dir", "    if item.id != 'ada':\n        raise ValueError(f'no city for {item.id}')\n    (ctx.dir"
)


def test_a_resumption_leaves_out_what_is_known_to_fail_and_says_so(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    assert typed("run", "job.py").exit_code == 1
    second = typed("run", "job.py", "--resume")
    assert " Bob after 2 attempts, known to fail  log: " in second.output
    assert second.output.rstrip().endswith("--resume --retry-failed")
    third = typed("run", "job.py", "--resume")
    assert third.exit_code == 1
    assert "Known to fail: 2 items that failed alike in the last two runs, with nothing changed since." in third.output
    assert "[1/" not in third.output
    assert "2 items are not ok. Known to fail, and tried again only with --retry-failed: 2." in third.output
    report = json.loads((here / "outputs/letters/report.json").read_text())
    assert (report["rendered"], report["known_to_fail"], report["errors"]) == (0, 2, 2)
    assert [failure["known_to_fail"] for failure in report["failures"]] == [True, True]
    assert "[2/2] Cyd failed" in typed("run", "job.py", "--resume", "--retry-failed").output
    write_job(here / "job.py", JOB)
    assert typed("run", "job.py", "--resume").exit_code == 0


def test_plan_and_status_tell_what_is_known_to_fail_and_how_to_try_it(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    typed("run", "job.py")
    typed("run", "job.py", "--resume")
    assert typed("plan", "job.py").stdout.splitlines()[:3] == [
        "letters: 0 of 3 items are due",
        "          2 known to fail",
        "          1 done already",
    ]
    planned = typed("plan", "job.py", "--retry-failed", "--exclude", "cyd").stdout.splitlines()
    assert planned[1] == "          1 failed before"
    assert planned[-1] == "To do it: parbatch run job.py --resume --retry-failed --exclude cyd"
    assert typed("status", "job.py").stdout.endswith("To go on: parbatch run job.py --resume --retry-failed\n")


def test_a_run_from_python_takes_the_same_option(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    rendered = [
        run("job.py", backend="inline", progress="none", resume=True, retry_failed=retry_failed).rendered
        for retry_failed in (False, False, False, True)
    ]
    assert rendered == [3, 2, 0, 2]
