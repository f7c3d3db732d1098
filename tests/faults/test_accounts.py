"""What a run leaves behind answers: one problem or forty, what each try came to; and it gives no secret away."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.faults.outside import JOBS, finish

SECRETS = {
    "DATABASE_URL": "postgres://ada:s3cret/@x:#1@db.example/letters",
    "API_TOKEN": "s3cret-token",
    "HEADERS": "Accept: text/plain, Authorization: Bearer s3cret.a.b, X-Api-Key: s3cret",
    "PEM": "-----BEGIN PRIVATE KEY-----\ns3cretA\ns3cretB\n-----END PRIVATE KEY-----",
    "SOURCE": "https://s3crettoken@git.example/x",
    "STAGE": "night",
}


def test_forty_items_that_fail_for_two_reasons_are_two_groups_everywhere(tmp_path: Path) -> None:
    out, job = tmp_path / "out", JOBS / "two_reasons.py"
    code, printed = finish("run", job, "--workers", 2, "--out", out, "--progress", "none", env=SECRETS)
    assert code == 1
    assert printed.count("  20 failed: ") == 2, printed
    assert "1 ok, 40 failed of 41 items" in printed
    report = json.loads((out / "report.json").read_text())
    prints = {failure["fingerprint"] for failure in report["failures"]}
    assert len(prints) == 2
    assert {failure["type"] for failure in report["failures"]} == {"LookupError", "ConnectionError"}
    assert len({failure["message"] for failure in report["failures"]}) == 40
    _, status = finish("status", job, "--out", out)
    assert status.count("  20 failed: ") == 2, status
    page = (out / "report.html").read_text()
    assert "40 items not ok, 2 causes" in page
    assert all(found in page for found in prints)
    cases = ET.parse(out / "junit.xml").getroot()[0]
    assert sorted(case[0].attrib["type"] for case in cases.iter("testcase") if len(case)) == (
        ["ConnectionError"] * 20 + ["LookupError"] * 20
    )


def test_every_try_of_every_run_is_kept_with_its_evidence(tmp_path: Path) -> None:
    out, job = tmp_path / "out", JOBS / "two_reasons.py"
    given = ("--only", "c-0001", "--out", out, "--attempts", 3, "--progress", "none")
    assert finish("run", job, *given, env=SECRETS)[0] == 1
    assert finish("run", job, *given, "--resume", env=SECRETS)[0] == 1
    shown = json.loads(finish("show", "c-0001", job, "--out", out, "--json")[1])
    tries = shown["history"]
    assert [attempt["number"] for attempt in tries] == [1, 2, 3] * 2
    assert len({attempt["run_id"] for attempt in tries}) == 2
    for attempt in tries:
        assert attempt["status"] == "failed"
        assert attempt["duration_s"] > 0
        assert attempt["cpu_s"] > 0
        assert attempt["peak_memory_bytes"] > 10_000_000
        assert attempt["evidence"]["type"] == "LookupError"
        assert "no price for 'Customer No. 1'" in attempt["evidence"]["message"]
        assert "in no_price" in attempt["evidence"]["traceback"]
    _, text = finish("show", "Customer No. 1", job, "--out", out)
    assert text.count("LookupError: Fri Jan 02 01:07:01 UTC 2026: no price") >= 6
    log = (out / "run" / "logs" / "c-0001.stdout.txt").read_text()
    for number in (1, 2, 3):
        _, heading, rest = log.partition(f"# attempt: {number} at 'c-0001', failed after ")
        assert heading
        assert " in the worker with pid " in rest.splitlines()[0]
        assert rest.split("\n\n")[1].startswith(f"try {number} at c-0001\n")


def test_no_secret_stands_in_any_file_of_the_output_folder(tmp_path: Path) -> None:
    out, job = tmp_path / "out", JOBS / "two_reasons.py"
    _, printed = finish("run", job, "--only", "c-000*", "--out", out, env=SECRETS)
    _, shown = finish("show", "c-0001", job, "--out", out, env=SECRETS)
    assert "s3cret" not in printed + shown
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert b"s3cret" not in path.read_bytes(), path
    log = (out / "run" / "logs" / "c-0001.stderr.txt").read_text()
    assert "# $DATABASE_URL: postgres://ada:***@db.example/letters\n" in log
    assert "# $STAGE: night\n" in log


@pytest.mark.parametrize("changed", ["file", "variable"])
def test_a_worker_in_other_surroundings_is_an_error_before_any_item(tmp_path: Path, changed: str) -> None:
    out, job = tmp_path / "out", tmp_path / "elsewhere.py"
    shutil.copy(JOBS / "elsewhere.py", job)
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nif 'PARBATCH_SLOT' in os.environ and os.environ['CHANGED'] == 'variable':\n"
        "    os.environ['STAGE'] = 'day'\n"
    )
    env = {"CHANGED": changed, "STAGE": "night", "PYTHONPATH": str(tmp_path)}
    code, printed = finish("run", job, "--out", out, env=env)
    assert code == 2, printed
    assert "the worker's environment is not the parent's: " in printed
    what = "$STAGE is day in the worker and night in the parent" if changed == "variable" else f"job file is {job} ("
    assert what in printed
    assert "Was something changed since the run began?" in printed
    assert "Traceback" not in printed, "a message for people, not a bug in parbatch"
    assert not out.exists()
