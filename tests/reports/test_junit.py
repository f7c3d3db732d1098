"""JUnit XML: read back as a CI server reads it."""

import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import pytest
from junitparser import JUnitXml

import parbatch
from parbatch.model.problem import Evidence
from parbatch.reports import junit
from parbatch.reports import report_data as material
from tests.reports.making import made
from tests.support import JOB, write_job

JOBS = Path(__file__).parent.parent / "jobs"

# Jenkins' schema: for each element, its attributes and what it may hold.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "time", "classname"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "skipped": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}


def read(path: Path) -> ET.Element:
    root = ET.parse(path).getroot()
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.keys()) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
    return root


def test_each_item_is_a_test_case_with_its_group_time_and_cause(here: Path) -> None:
    text = JOB.replace("name=name.title()", "name=name.title(), group='north'").replace(
        "    (ctx.dir",
        "    print('hello from', item.id)\n    if item.id == 'bob': raise KeyError('city')\n    (ctx.dir",
    )
    parbatch.run(write_job(here / "job.py", text), out="out", backend="inline", progress="none")
    read(here / "out/junit.xml")

    report = JUnitXml.fromfile(str(here / "out/junit.xml"))
    assert (report.tests, report.failures, report.errors) == (3, 1, 0)
    (suite,) = report
    cases = {case.name: case for case in suite}
    assert set(cases) == {"Ada [ada]", "Bob [bob]", "Cyd [cyd]"}
    assert {case.classname for case in suite} == {"letters.north"}
    assert cases["Ada [ada]"].is_passed
    (failure,) = cases["Bob [bob]"].result
    assert (failure.type, failure.message) == ("KeyError", "failed: 'city'")
    assert "Traceback" in failure.text
    assert cases["Bob [bob]"].system_out.endswith("\nhello from bob\n")


def test_what_ended_the_attempt_is_an_error_and_what_is_pending_is_skipped(here: Path) -> None:
    with (
        made(here, a="crashed", b="timeout", c="invalid", d="pending", e="ok") as stuff,
        (here / "j.xml").open("wb") as f,
    ):
        junit.write(stuff, f)
    cases = {case.get("name"): [child.tag for child in case] for case in read(here / "j.xml").iter("testcase")}
    assert cases == {"a": ["error"], "b": ["error"], "c": ["failure"], "d": ["skipped"], "e": []}


def test_hostile_names_and_messages_are_text(here: Path) -> None:
    parbatch.run(JOBS / "markup.py", out="out", backend="inline", progress="none")
    root = read(here / "out/junit.xml")
    names = [case.get("name", "") for case in root.iter("testcase")]
    assert len(names) == 24
    assert any(name.startswith("<script>document.title='taken'</script> by name [") for name in names)
    assert any(name.startswith("nul bell red") for name in names)


def test_of_very_many_items_only_those_that_are_not_ok_are_listed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "MOST_LISTED", 4)
    file = BytesIO()
    with made(here, a="ok", b="failed", c="pending", d="ok", e="crashed") as stuff:
        junit.write(stuff, file)
    root = ET.fromstring(file.getvalue())
    assert [case.get("name") for case in root.iter("testcase")] == ["b", "e"]
    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["5", "1", "1"]
    assert "only items that were tried and are not ok" in file.getvalue().decode()


def test_the_details_of_many_failures_are_capped_and_their_causes_stay(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit, "MOST_DETAILS", 20_000)
    evidence = Evidence(type="ValueError", message="no such city", traceback="line\n" * 3_000)
    file = BytesIO()
    with made(here, evidence, a="failed", b="failed", c="failed") as stuff:
        junit.write(stuff, file)
    failures = list(ET.fromstring(file.getvalue()).iter("failure"))
    assert [bool(failure.text) for failure in failures] == [True, True, False]
    assert {failure.get("message") for failure in failures} == {"failed: no such city"}
