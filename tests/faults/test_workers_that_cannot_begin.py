"""A run ends with the true cause where its workers can't begin, never begin, or hang before and after their items."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.outside import finish, left_behind, remount, rows, small_disk
from tests.support import write_job

JOB = """
import os, resource, time
from parbatch import Job

job = Job("begins", merge="array")
HANGS = os.environ.get("HANGS")
PARENT = os.environ.setdefault("PARENT_OF_ALL", str(os.getpid()))


def hang(where):
    if HANGS == where and str(os.getpid()) != PARENT:
        time.sleep(1000)


hang("the import")


@job.items
def items():
    return ({"id": f"i{number}"} for number in range(16))


@job.setup
def prepare():
    hang("setup")


@job.render
def render(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text("done")
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@job.merge
def together(outcomes):
    hang("merge")
    yield from [outcome.result for outcome in outcomes]


@job.overview
def summary(run, ctx):
    hang("overview")
"""
BASELINE = (
    JOB
    + """

@job.baseline(key="base")
def base():
    hang("baseline")
    return 1
"""
)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "begins.py", JOB)


def finish_with(limits: str, *arguments: object) -> tuple[int, str]:
    """Run a command under limits of the shell."""
    line = [sys.executable, "-m", "parbatch", *map(str, arguments)]
    done = subprocess.run(
        ["bash", "-c", f'ulimit {limits}; exec "$@"', "bash", *line],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("most", [64, 128, 201])
def test_few_descriptors_are_enough_for_two_workers(job: Path, tmp_path: Path, most: int) -> None:
    out = tmp_path / "out"
    code, printed = finish_with(f"-n {most}", "run", job, "--workers", 2, "--out", out)
    assert code == 0, printed
    assert rows(out, "SELECT DISTINCT status, result FROM items") == [("ok", str(most))]


def test_a_soft_limit_is_raised_for_parbatch_and_not_for_the_items(job: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed = finish_with("-Sn 64", "run", job, "--workers", 12, "--chunk-size", 1, "--out", out)
    assert code == 0, printed
    assert rows(out, "SELECT DISTINCT status, result FROM items") == [("ok", "64")]


def test_too_few_descriptors_are_told_with_how_many_it_takes(job: Path, tmp_path: Path) -> None:
    code, printed = finish_with("-n 64", "run", job, "--workers", 16, "--chunk-size", 1, "--out", tmp_path / "out")
    assert code == 2
    assert "this process may have 64 (ulimit -n), and 16 workers would take 1" in printed
    assert "Use --workers 3, or raise the limit with ulimit -n." in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "out").exists(), "nothing was run, and nothing stays"


def test_a_disk_without_inodes_ends_the_run_and_is_named_where_a_worker_misses_them(job: Path, tmp_path: Path) -> None:
    told = []
    with small_disk(tmp_path / "disk", "4m") as disk:
        for inodes in range(13, 19):
            shutil.rmtree(disk / "out", ignore_errors=True)
            remount(disk, f"nr_inodes={inodes}")
            code, printed = finish("run", job, "--workers", 2, "--out", disk / "out", timeout=30)
            assert code in {1, 2}, printed
            told.append(printed)
    of_workers = [printed for printed in told if "No worker can start: OSError: [Errno 28] No space left" in printed]
    assert of_workers, told
    assert all("/slot-" in printed and "Traceback" not in printed for printed in of_workers), "the file is named"


@pytest.mark.parametrize(
    ("hangs", "said"),
    [
        ("the import", "No worker can start: the job's import took longer than 1.5 s"),
        ("setup", "No worker can start: setup took longer than 1.5 s"),
        ("baseline", "No worker can start: the baseline took longer than 1.5 s"),
    ],
)
def test_what_hangs_before_the_first_item_ends_the_run_once_its_time_is_up(
    tmp_path: Path, hangs: str, said: str
) -> None:
    job = write_job(tmp_path / "begins.py", BASELINE if hangs == "baseline" else JOB)
    out = tmp_path / "out"
    code, printed = finish("run", job, "--workers", 2, "--timeout", 1.5, "--out", out, env={"HANGS": hangs})
    assert code == 2
    assert said in printed
    assert "in hang\n" in printed, "where it hung is shown"
    assert not (out / "run" / "checkpoint.sqlite").exists(), "nothing was run"


@pytest.mark.parametrize("hangs", ["overview", "merge"])
def test_a_product_that_hangs_is_given_up_once_its_time_is_up(job: Path, tmp_path: Path, hangs: str) -> None:
    out = tmp_path / "out"
    code, printed = finish("run", job, "--workers", 2, "--timeout", 1.5, "--out", out, env={"HANGS": hangs})
    assert code == 1
    assert f"TimeoutError: the {hangs} took longer than 1.5 s" in printed
    assert "16 ok" in printed
    assert left_behind(out) == []
    assert finish("run", job, "--resume", "--out", out)[0] == 0


def test_the_limits_of_these_tests_are_not_those_of_the_machine() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 400
    assert "HANGS" not in os.environ


EDITED = """
import os
from pathlib import Path
from parbatch import Job

job = Job("edited", chunk_size=1, fresh_worker="attempt")


@job.items
def items():
    return ({"id": f"i{number}"} for number in range(4))


@job.render
def render(item, ctx):
    if item.id == "i1":
        Path(__file__).write_text(os.environ["EDITED"])
"""
FIRST = (
    "\n\nlast = Job('last', after=job)\nlast.items(lambda previous: [{'id': 'z'}])\nlast.render(lambda item, ctx: 1)\n"
)


@pytest.mark.parametrize(
    ("phases", "edit", "said"),
    [
        ("", "this is no Python (", "SyntaxError: '(' was never closed"),
        ("", "from parbatch import Job\njob = Job('edited')\njob.items(list)", "has no render function"),
        (FIRST, "this is no Python (", "SyntaxError: '(' was never closed"),
        (FIRST, "x = 1", "has no job"),
    ],
)
def test_what_was_done_before_the_job_was_broken_is_told_and_kept(
    here: Path, phases: str, edit: str, said: str
) -> None:
    job = here / "job.py"
    job.write_text(EDITED + phases)
    named = f"{job}:last" if phases else job
    code, printed = finish("run", named, "--workers", 1, "--json", "--progress", "none", env={"EDITED": edit})
    assert code == 1
    told = json.loads(printed[printed.index("{\n") : printed.rindex("\n}\n") + 2])
    assert (told["state"], told["exit_code"], told["success"], told["pending"]) == ("stopped", 1, 2, 2)
    assert said in told["stopped_by"]
    assert f"STOPPED: {told['stopped_by'].splitlines()[0]}; 2 ok" in printed
    assert "parbatch: No worker can start: " in printed
    assert json.loads((Path(told["out"]) / "report.json").read_text())["success"] == 2
    job.write_text(EDITED + phases)
    assert finish("run", named, "--resume", "--progress", "none", env={"EDITED": EDITED + phases})[0] == 0
