"""However many items fail, all are reported, and few of them are held in memory."""

import copy
import json
import pickle
from pathlib import Path

import pytest

import parbatch
from parbatch.reports import failure_groups
from parbatch.reports import failures as reporting
from tests.support import typed, write_job

FAILING = """
from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    for number in range(40):
        yield Item(id=f"i{number}", name=f"Name {number}")


@job.render
def letter(item, ctx):
    number = int(item.id[1:])
    if number % 2:
        raise ValueError("no city" if number < 30 else "no " + "abcdefghij"[number % 10])
"""


@pytest.fixture
def few_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MOST_HELD", 3)


@pytest.mark.usefixtures("few_are_held")
def test_failures_that_are_not_held_are_all_in_the_result_and_in_every_report(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    result = parbatch.run("job.py", backend="inline", progress="none", out="out")
    wanted = [f"i{number}" for number in range(1, 40, 2)]
    assert not isinstance(result.failures, list)
    assert [one.id for one in result.failures] == wanted
    assert (len(result.failures), bool(result.failures)) == (20, True)
    assert (result.failures[0].id, result.failures[-1].id) == ("i1", "i39")
    assert [one.id for one in result.failures[1:4]] == ["i3", "i5", "i7"]
    with pytest.raises(IndexError):
        result.failures[20]
    for same in (copy.copy(result.failures), pickle.loads(pickle.dumps(result.failures))):
        assert [one.id for one in same] == wanted
    assert [one["id"] for one in result.as_dict()["failures"]] == wanted
    report = json.loads((here / "out/report.json").read_text())
    assert report["failures"] == result.as_dict()["failures"]
    assert (here / "out/junit.xml").read_text().count("<failure ") == 20
    assert "20 items not ok, 6 causes" in (here / "out/report.html").read_text()


@pytest.mark.usefixtures("few_are_held")
def test_what_is_written_with_many_failures_is_what_is_written_with_few(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_job(here / "job.py", FAILING)
    many = typed("run", "job.py", "--out", "many").stdout
    monkeypatch.setattr(reporting, "MOST_HELD", 100)
    few = typed("run", "job.py", "--out", "few").stdout
    assert "  15 failed: ValueError: no city (job.py:" in many
    assert many[many.index("  15 failed") :].replace("many", "few") == few[few.index("  15 failed") :]


def test_beyond_very_many_causes_the_others_are_counted_together(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_job(here / "job.py", FAILING)
    monkeypatch.setattr(failure_groups, "_MOST_GROUPS", 2)
    told = typed("run", "job.py").stdout
    assert "  15 failed: ValueError: no city (job.py:" in told
    groups = json.loads(typed("status", "job.py", "--json").stdout)["causes"]
    assert [(group["count"], group["fingerprint"] == "") for group in groups] == [(15, False), (1, False), (4, True)]
