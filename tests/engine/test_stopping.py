"""Runs that stop by a rule of their own: what is said, the exit code, and how they go on."""

import json
from pathlib import Path

from parbatch.cli.go_on import go_on_command
from tests.support import typed, write_job

TEN = """
from pathlib import Path
from parbatch import Item, Job

job = Job("letters", chunk_size=1)


@job.items
def people():
    for number in range(10):
        yield Item(id=f"i{number}")


@job.render
def letter(item, ctx):
    if Path("down").exists():
        raise OSError(f"no answer for {item.id} on port {len(item.id)}")
"""


def report(here: Path) -> dict[str, object]:
    made: dict[str, object] = json.loads((here / "outputs/letters/report.json").read_text())
    return made


def test_a_broken_environment_stops_the_run_after_so_many_attempts_and_resume_goes_on(here: Path) -> None:
    write_job(here / "job.py", TEN)
    (here / "down").touch()
    result = typed("run", "job.py", "--max-same-failure", "3")
    assert result.exit_code == 4, result.output
    assert (
        "letters STOPPED: 3 attempts in a row failed alike (--max-same-failure 3); 0 ok, 3 failed, 7 pending"
        in result.output
    )
    assert "  3 failed: OSError: no answer for i0 on port 2" in result.output
    assert (report(here)["errors"], report(here)["pending"]) == (3, 7)
    (here / "down").unlink()
    assert typed("run", "job.py", "--resume", "--max-same-failure", "3").exit_code == 0


def test_a_time_budget_counts_over_resumptions_and_a_larger_one_goes_on(here: Path) -> None:
    write_job(here / "job.py", TEN)
    first = typed("run", "job.py", "--time-budget", "1ms")
    assert first.exit_code == 4
    assert "letters STOPPED: the time budget is used up; " in first.output
    assert "The time budget counts over resumptions: give a larger one, or none." in first.output
    done, left = report(here)["success"], report(here)["pending"]
    assert isinstance(done, int)
    assert isinstance(left, int)
    assert done + left == 10
    assert left
    again = typed("run", "job.py", "--time-budget", "1ms", "--resume")
    assert again.exit_code == 4
    assert "letters STOPPED: the time budget of 0.0 s was used up before (0." in again.output
    assert (report(here)["rendered"], report(here)["state"]) == (0, "stopped")
    larger = typed("run", "job.py", "--time-budget", "1h", "--resume")
    assert (larger.exit_code, f"10 ok ({done} from before)" in larger.output or done == 0) == (0, True)


def test_a_run_that_a_budget_stopped_is_resumed_like_any_other_and_fresh_starts_the_clock_anew(here: Path) -> None:
    write_job(here / "job.py", TEN)
    typed("run", "job.py", "--time-budget", "1ms")
    assert typed("run", "job.py", "--fresh", "--time-budget", "1ms").exit_code == 4
    assert report(here)["stopped_by"] == "the time budget is used up"
    assert typed("run", "job.py", "--resume").exit_code == 0
    assert typed("run", "job.py", "--resume", "--time-budget", "1ms").exit_code == 0, "where nothing is left to do"


def test_the_command_that_goes_on_after_a_budget_has_none() -> None:
    for typed_budget in (["--time-budget", "8h"], ["--time-budget=8h"]):
        arguments = ["run", *typed_budget, "job.py", "--limit", "3"]
        assert go_on_command(arguments, time_budget=False) == "parbatch run job.py --limit 3 --resume"
        assert "8h" in go_on_command(arguments)
