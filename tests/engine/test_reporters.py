"""Who is told what: people at a prompt, programs, and a function with each outcome."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from parbatch.engine.control import RunControl
from parbatch.engine.reporters import ConsoleReporter, OutcomeReporter, SilentReporter
from parbatch.errors import DataError
from parbatch.model.loading import load
from parbatch.model.options import Options, read_options
from parbatch.model.outcome import Outcome
from parbatch.model.problem import Evidence
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part
from tests.reports.test_console import result
from tests.support import ended, task, write_job

JOB = """
from parbatch import Item, Job

job = Job("letters")


@job.items
def items():
    yield Item(id="a")


@job.render
def render(item, ctx):
    pass
"""
ALONE, LEGO = Part("", Folder(Path("out"))), Part("lego", Folder(Path("out/lego")), "lego/")


@pytest.fixture
def options(here: Path) -> Options:
    """The options of a run that tells a line for each item."""
    write_job(here / "job.py", JOB)
    return read_options(load("job.py"), {"progress": "lines", "workers": 1})


def quiet(options: Options) -> Options:
    """Return the options of a run without progress."""
    return dataclasses.replace(options, progress="none")


def test_a_part_alone_is_announced_as_it_is_and_one_of_several_by_its_name(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleReporter(options, lambda _: "go on")
    console.announce(ALONE, ["Due: 1."])
    console.announce(LEGO, ["Due: 2."])
    assert capsys.readouterr().out.splitlines() == ["Due: 1.", "lego: Due: 2."]


def test_without_a_command_that_goes_on_only_progress_is_shown(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleReporter(options, None)
    console.announce(ALONE, ["Due: 1."])
    console.begin(ALONE, 1)
    console.settled(task(0, item_id="a"), ended(task(0, item_id="a"), "ok"))
    console.close()
    console.finished(result())
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("[1/1] ")


def test_parts_of_one_run_share_a_display(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleReporter(options, None)
    for prefix in ("lego/", "words/"):
        console.begin(LEGO._replace(prefix=prefix), 1)
        console.settled(task(0, item_id="a"), ended(task(0, item_id="a"), "ok"))
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in told] == ["[1/1]", "[2/2]"]
    assert "lego/" in told[0]
    assert "words/" in told[1]


@pytest.mark.parametrize(("value", "is_noted"), [("null", True), ('"text"', False)])
def test_items_that_all_came_to_nothing_are_noted(
    options: Options, capsys: pytest.CaptureFixture[str], value: str, *, is_noted: bool
) -> None:
    console = ConsoleReporter(options, lambda _: "go on")
    console.begin(ALONE, 2)
    console.settled(task(0), ended(task(0), "ok"))
    console.settled(task(1), ended(task(1), "ok", result=msgspec.Raw(value.encode())))
    console.finished(result())
    assert ("Does render end with" in capsys.readouterr().out) == is_noted


def test_a_silent_reporter_says_only_what_has_to_be_known(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    silent = SilentReporter(quiet(options))
    silent.announce(ALONE, ["Due: 1."])
    silent.begin(ALONE, 1)
    silent.say("Stopping.")
    silent.finished(result())
    silent.note("A teardown failed.")
    silent.warn("report.html can't be written.")
    assert tuple(capsys.readouterr()) == ("A teardown failed.\n", "parbatch: report.html can't be written.\n")


def heard(options: Options, status: Literal["ok", "failed", "pending"], **about: Any) -> list[Outcome]:
    """Return the outcomes that a function is called with when one item has settled."""
    found: list[Outcome] = []
    reporter = OutcomeReporter(SilentReporter(options), found.append, RunControl())
    reporter.settled(task(0), ended(task(0), status, **about))
    return found


def test_a_function_is_called_with_what_has_settled_and_not_with_what_was_put_back(options: Options) -> None:
    (outcome,) = heard(options, "ok", result=msgspec.Raw(b"[1]"))
    assert (outcome.status, outcome.result) == ("ok", [1])
    (outcome,) = heard(options, "failed", evidence=Evidence(type="ValueError", message="no city"))
    assert (outcome.result, outcome.type, outcome.message) == (None, "ValueError", "no city")
    assert heard(options, "pending") == []


def test_what_the_function_raises_ends_the_run_and_is_kept(options: Options) -> None:
    calls = []

    def broken(outcome: Outcome) -> None:
        calls.append(outcome)
        raise ValueError("no")

    control = RunControl()
    reporter = OutcomeReporter(SilentReporter(options), broken, control)
    for _ in range(2):
        reporter.settled(task(0), ended(task(0), "ok"))
    assert len(calls) == 1
    assert isinstance(reporter.error, ValueError)
    assert control.cancelled == "on_outcome raised ValueError: no"


def test_what_can_not_be_called_is_refused(options: Options) -> None:
    with pytest.raises(DataError, match="is not a function"):
        OutcomeReporter(SilentReporter(options), 3, RunControl())  # type: ignore[arg-type]
