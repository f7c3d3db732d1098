"""The command that goes on with what was typed."""

import subprocess
import sys
from pathlib import Path

import pytest

from parbatch.cli.go_on import go_on_command
from parbatch.storage.folder import Folder
from parbatch.storage.layout import require_layout
from parbatch.storage.parts import with_work_left
from tests.support import FAILING, failing, typed, write_job


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run"], "parbatch run --resume"),
        (["run", "job.py", "--workers", "8"], "parbatch run job.py --workers 8 --resume"),
        (["run", "job.py", "--fresh"], "parbatch run job.py --resume"),
        (["run", "--resume", "job.py"], "parbatch run job.py --resume"),
        (["run", "a b.py", "--only", "*x*"], "parbatch run 'a b.py' --only '*x*' --resume"),
        (["run", "--", "job.py"], "parbatch run --resume -- job.py"),
    ],
)
def test_the_command_that_goes_on_can_be_pasted_into_a_shell(arguments: list[str], text: str) -> None:
    assert go_on_command(arguments) == text


def test_the_command_that_goes_on_tries_known_failures_when_nothing_else_is_left() -> None:
    assert go_on_command(["run", "job.py"], retry_failed=True) == "parbatch run job.py --resume --retry-failed"
    assert go_on_command(["run", "--retry-failed", "job.py"]) == "parbatch run job.py --resume"


def test_the_command_that_is_printed_goes_on(here: Path) -> None:
    """From the outside, with real workers: what was left by a failure is done by what the summary says."""
    write_job(here / "my job.py", FAILING)
    parbatch_command = [sys.executable, "-m", "parbatch"]
    arguments = ["run", "my job.py", "--workers", "1", "--out", "my letters"]
    first = subprocess.run([*parbatch_command, *arguments], capture_output=True, text=True, check=False, cwd=here)
    assert first.returncode == 1, first.stderr
    assert first.stderr == ""
    _, _, go_on = first.stdout.rstrip().rpartition("To go on: ")
    assert go_on == "parbatch run 'my job.py' --workers 1 --out 'my letters' --resume"
    write_job(here / "my job.py")
    again = go_on.replace("parbatch", f"{sys.executable} -m parbatch", 1)
    second = subprocess.run(again, shell=True, capture_output=True, text=True, check=False, cwd=here)
    assert second.returncode == 0, second.stderr
    assert "letters finished: 3 ok (2 from before) of 3 items" in second.stdout


def test_a_limit_that_was_reached_is_no_second_count_of_failures(here: Path) -> None:
    write_job(here / "job.py", failing("ada", "bob", "cyd"))
    told = typed("run", "job.py", "--max-failures", "2", "--chunk-size", "1").stdout
    assert "letters STOPPED: the limit of 2 failures was reached (--max-failures 2); 0 ok, 2 failed, 1 pending" in told
    assert "STOPPED: the limit of 2 failures was reached (--max-failures 2)" in typed("status", "job.py").stdout


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--limit", "1"], "parbatch run job.py --resume"),
        (["--only", "a*", "--exclude=b*"], "parbatch run job.py --resume"),
    ],
)
def test_work_that_a_selection_left_has_a_command_that_does_it(here: Path, arguments: list[str], command: str) -> None:
    write_job(here / "job.py")
    before = sys.argv
    sys.argv = ["parbatch", "run", "job.py", *arguments]
    try:
        told = typed("run", "job.py", *arguments)
    finally:
        sys.argv = before
    assert told.exit_code == 0
    assert told.stdout.endswith(f"2 items are left. To go on: {command}\n")


@pytest.mark.parametrize(
    ("given", "options", "command"),
    [
        ("run a.py --shard 2/2 --out x", {"shard": "1/2"}, "run a.py --shard 1/2 --out x --resume"),
        ("run a.py --shard=2/2", {"shard": "1/2"}, "run a.py --shard=1/2 --resume"),
        ("run a.py --sample-groups --group=x --limit 3", {"selection": False}, "run a.py --resume"),
        ("run -- --limit", {"selection": False}, "run --resume -- --limit"),
        ("retry a.py --status failed --time-budget 8h", {"time_budget": False}, "retry a.py --status failed"),
    ],
)
def test_the_command_that_goes_on_is_what_was_typed_with_what_it_needs(
    given: str, options: dict[str, str], command: str
) -> None:
    assert go_on_command(given.split(), **options) == f"parbatch {command}"  # type: ignore[arg-type]


def test_the_shard_named_to_go_on_with_is_one_that_has_work_left(here: Path) -> None:
    write_job(here / "job.py", failing("ada", "bob", "cyd"))
    told = {}
    for shard in ("1/2", "2/2"):
        sys.argv, before = ["parbatch", "run", "job.py", "--shard", shard], sys.argv
        try:
            told[shard] = typed("run", "job.py", "--shard", shard).stdout
        finally:
            sys.argv = before
    left = with_work_left(require_layout(Folder(here / "outputs/letters")))
    assert f"To go on: parbatch run job.py --shard {left[0]} --resume" in told["2/2"].splitlines()[-1]
    write_job(here / "job.py")
    for shard in left[1:]:
        typed("run", "job.py", "--shard", shard, "--resume")
    assert with_work_left(require_layout(Folder(here / "outputs/letters"))) == left[:1]
