"""All reports of a run: each whole or not at all, and none of them able to fail the run."""

from pathlib import Path

import msgspec
import pytest

import parbatch
from parbatch.reports import REPORTS
from parbatch.reports.json import encode, pieces
from tests.reports.test_console import failure, result
from tests.support import write_job


def test_a_run_writes_every_report_beside_its_items(here: Path) -> None:
    parbatch.run(write_job(here / "job.py"), out="out", backend="inline", progress="none")
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted([*REPORTS, "items", "run"])


def test_a_report_that_cannot_be_written_is_told_and_fails_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "out/report.json").mkdir(parents=True)
    result = parbatch.run(write_job(here / "job.py"), out="out", backend="inline", progress="none")
    assert (result.state, result.exit_code) == ("finished", 0)
    assert "report.json can't be written (" in capsys.readouterr().err
    assert list((here / "out/run/sessions").glob("*.json"))
    assert not list((here / "out").glob("*.new"))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_written_a_failure_at_a_time_is_the_same_as_at_once(count: int) -> None:
    told = result(*(failure(number, message='\n  "failures": []\n') for number in range(count)), job='"failures": []')
    assert encode(told) == msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    assert msgspec.json.decode(encode(told)) == told.as_dict()
    assert max(map(len, pieces(told))) < 2_000
