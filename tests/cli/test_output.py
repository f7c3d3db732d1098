"""What a command is there to say reaches its reader whole, or it says that it could not be heard."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from parbatch.cli import command
from tests.output_to import PRINTS, PRINTS_PLAINLY, needs_full_disk, shell, start, statuses
from tests.support import write_job

# --- what a command is there to say


LOOKING = ("status", "list", "plan", "show a")


@needs_full_disk
@pytest.mark.parametrize("name", LOOKING)
def test_a_command_that_only_looks_says_that_it_could_not_be_heard(here: Path, name: str) -> None:
    write_job(here / "job.py", PRINTS_PLAINLY)
    shell("$P run job.py --backend inline --out out")
    looked = shell(f"$P {name} job.py --out out >/dev/full")
    assert looked.returncode == 1
    assert "parbatch: Standard output can't be written ([Errno 28] No space left on device)." in looked.stderr
    assert "Traceback" not in looked.stderr
    assert shell(f"$P {name} job.py --out out >&- 2>&-").returncode == 0, "nobody wanted to read"


@needs_full_disk
@pytest.mark.parametrize("name", ["prune", "report", "overview", "--help", "run --help", "--version"])
def test_what_a_command_has_done_is_done_whether_that_can_be_written_or_not(here: Path, name: str) -> None:
    write_job(here / "job.py", PRINTS_PLAINLY)
    shell("$P run job.py --backend inline --out out")
    arguments = "job.py --out out" if name in {"prune", "report", "overview"} else ""
    done = shell(f"$P {name} {arguments} >/dev/full")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@needs_full_disk
def test_json_that_could_not_be_written_is_an_error_of_its_own(here: Path) -> None:
    write_job(here / "job.py", PRINTS_PLAINLY)
    for number, target in enumerate((">/dev/full", ">&-")):
        run = shell(f"$P run job.py --backend inline --out out{number} --json {target}")
        assert run.returncode == 1
        assert "parbatch: Standard output " in run.stderr
        assert "The command itself ended with 0, and what it did is kept." in run.stderr
        assert statuses(here / f"out{number}") == {"ok": 1}


# --- data alone on standard output

WITH_JSON = {
    "run": ["--fresh", "--workers", "1"],
    "retry": [],
    "render": [],
    "plan": ["--items"],
    "status": [],
    "list": [],
    "show": [],
    "overview": [],
    "prune": [],
}


def takes_json(name: str) -> bool:
    found = command.get_command(None, name)  # type: ignore[arg-type]
    assert found is not None
    return any("--json" in parameter.opts for parameter in found.params)


def test_every_command_with_json_is_among_those_that_are_tried() -> None:
    names = command.list_commands(None)  # type: ignore[arg-type]
    assert {name for name in names if takes_json(name)} == set(WITH_JSON)


@pytest.mark.parametrize("name", WITH_JSON)
def test_json_has_standard_output_to_itself_whatever_the_job_prints(here: Path, name: str) -> None:
    write_job(here / "job.py", PRINTS)
    if name != "run":
        made = start("run", "job.py", "--backend", "inline", "--out", "out", stdout=subprocess.DEVNULL)
        assert made.wait() == 0
    item = ["a"] if name in {"show", "render"} else []
    asked = [sys.executable, "-m", "parbatch", name, *item, "job.py", "--out", "out", "--json", *WITH_JSON[name]]
    told = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    json.loads(told.stdout)
    if name not in {"status", "list", "show"}:  # which don't load the job where the folder is named
        for how in ("printed", "written", "said", "echoed"):
            assert f"{how} at import" in told.stderr
            assert f"{how} at exit" in told.stderr


@pytest.mark.parametrize("name", ["list", "plan --items", "prune --dry-run", "report"])
def test_fields_in_a_pipe_have_standard_output_to_themselves(here: Path, name: str) -> None:
    write_job(here / "job.py", PRINTS)
    shell("$P run job.py --backend inline")
    told = shell(f"$P {name} job.py")
    assert told.returncode == 0, told.stderr
    assert "at import" in told.stderr
    for how in ("printed", "written", "said", "echoed"):
        assert how not in told.stdout
