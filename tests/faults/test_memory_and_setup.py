"""Memory that only the watch over the process tree can see, workers that grow, and setups that never get ready."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.outside import JOBS, command, finish, left_behind, rows


def run_hungry(out: Path, how: str) -> dict[str, Any]:
    finish("run", JOBS / "hungry.py", "--workers", 2, "--out", out, "--progress", "none", env={"HUNGRY": how})
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert left_behind(out) == []
    return report


def test_a_child_that_eats_memory_is_its_items_fault_and_nobody_elses(tmp_path: Path) -> None:
    report = run_hungry(tmp_path / "out", "child")
    (failure,) = report["failures"]
    assert (failure["id"], failure["status"], failure["attempts"]) == ("i14", "memory", 1)
    assert failure["peak_memory_bytes"] > 256 * 1024**2
    assert "the worker and its processes took" in failure["message"]
    assert report["success"] == 29
    assert report["worker_restarts"] == 1


def test_a_process_that_reaches_its_limit_gets_a_memory_error_and_lives_on(tmp_path: Path) -> None:
    report = run_hungry(tmp_path / "out", "little by little")
    (failure,) = report["failures"]
    assert (failure["id"], failure["status"], failure["type"]) == ("i14", "memory", "MemoryError")
    assert 128 * 1024**2 < failure["peak_memory_bytes"] <= 256 * 1024**2
    assert report["worker_restarts"] == 0
    assert report["success"] == 29


def test_a_worker_that_grows_is_replaced_before_it_reaches_the_cap(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run_hungry(out, "leak")
    assert report["success"] == 30
    assert report["worker_restarts"] >= 2
    pids = {json.loads(result)["pid"] for (result,) in rows(out, "SELECT result FROM items")}
    assert len(pids) == report["worker_restarts"] + 2 or len(pids) == report["worker_restarts"] + 1
    assert rows(out, "SELECT MAX(attempts) FROM items") == [(1,)]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "No worker can start: FileNotFoundError: prices.csv is not there"),
        ("exits", "No worker can start: SystemExit: the job's code called sys.exit(7)"),
        ("crashes", "3 workers in a row ended before their first item: the process was ended by SIGSEGV"),
    ],
)
def test_a_setup_that_fails_ends_the_run_with_its_reason(tmp_path: Path, how: str, said: str) -> None:
    out = tmp_path / "out"
    code, printed = finish("run", JOBS / "broken_setup.py", "--workers", 2, "--out", out, env={"BROKEN": how})
    assert code == 2
    assert said in printed
    assert "in prepare" in printed
    assert how == "crashes" or "in set_up" not in printed
    assert not out.exists(), "nothing was run, and nothing stays"
    assert finish("run", JOBS / "broken_setup.py", "--out", out, env={"BROKEN": "no"})[0] == 0
    assert left_behind(out) == []


def test_pages_of_a_mapped_file_do_not_count(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(400 * 1024**2)
    env = {"HUNGRY": "map a file", "HUNGRY_FILE": str(tmp_path / "large")}
    code, printed = finish("run", JOBS / "hungry.py", "--workers", 1, "--out", tmp_path / "out", env=env)
    assert code == 0, printed
    ((peak,),) = rows(tmp_path / "out", "SELECT MAX(peak_memory_bytes) FROM items")
    assert peak < 256 * 1024**2


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group for memory, with 160 MB for all in it, which lies in the group of this process."""
    membership = Path("/proc/self/cgroup").read_text()
    own = next((line.split(":")[2] for line in membership.splitlines() if "memory" in line.split(":")[1]), None)
    group = Path(f"/sys/fs/cgroup/memory/{own}/parbatch-{os.getpid()}")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    (group / "memory.limit_in_bytes").write_text(str(160 * 1024**2))
    yield group
    group.rmdir()


def test_who_is_killed_by_the_system_in_a_small_control_group_took_too_much_memory(
    tmp_path: Path, small_group: Path
) -> None:
    run = command("run", JOBS / "hungry.py", "--workers", 1, "--out", tmp_path / "out", "--memory", "1GB")
    inside = f"echo $$ > {small_group}/cgroup.procs && exec {shlex.join(run)}"
    env = {**os.environ, "HUNGRY": "killed by the system"}
    ended = subprocess.run(["/bin/sh", "-c", inside], env=env, capture_output=True, text=True, check=False, timeout=90)
    assert ended.returncode == 1, ended
    assert rows(tmp_path / "out", "SELECT id, status FROM items WHERE status != 'ok'") == [("i14", "memory")]
    assert "memory had run out" in ended.stdout
