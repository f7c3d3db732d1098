"""The command line: what people type, what they are told, and the exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import parbatch
from parbatch.cli import command
from tests.support import FAILING, contents, typed, write_job

# --- from Python


def test_an_unknown_option_from_python_is_named_with_what_is_close(here: Path) -> None:
    write_job(here / "job.py")
    before = contents(here)
    with pytest.raises(parbatch.NothingRunError, match=r"no run option 'worker'\. Did you mean 'workers'\?"):
        parbatch.run("job.py", worker=8)  # type: ignore[call-arg]
    assert contents(here) == before


def test_a_run_from_python_gives_its_result(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    result = parbatch.run("job.py", backend="inline", out=here / "letters", progress="none")
    assert (result.success, result.errors, result.total) == (2, 1, 3)
    assert result.duration_s is not None
    assert result.duration_s > 0
    assert result.as_dict() == json.loads((here / "letters/report.json").read_text())
    outcome = parbatch.render("job.py", "ada", out=here / "letters", backend="inline")
    assert (outcome.status, outcome.outputs, outcome.attempts) == ("ok", ("ada.txt",), 2)


def test_what_is_no_job_is_named(here: Path) -> None:
    with pytest.raises(parbatch.NothingRunError, match="takes a Job or the name of one, not int"):
        parbatch.run(5, out=here)  # type: ignore[arg-type]


# --- help


def test_help_names_every_command_and_option() -> None:
    assert "run" in typed("--help").output
    text = CliRunner().invoke(command, ["run", "-h"]).output
    options = ("workers out resume fresh chunk-size memory timeout attempts only limit max-failures time-budget backend"
               " progress json rerun")  # fmt: skip
    assert [name for name in options.split() if f"--{name}" not in text] == []
    assert "Exit codes:" in text


def test_an_unknown_command_is_an_error() -> None:
    result = typed("rum")
    assert result.exit_code == 2
    assert "rum" in result.stderr


@pytest.mark.parametrize("name", ["status", "list", "show", "plan", "overview", "prune"])
def test_each_command_that_looks_or_tidies_explains_itself(name: str) -> None:
    text = typed(name, "--help").output
    assert all(word in text for word in ("JOB is a file", "--out", "--json", "Exit codes:")), text
    assert f"\n  {name} " in typed("--help").output
