"""Items that break what their worker stands on: every run ends, and every other item is ok."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, finish, left_behind


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("many_small_objects", "memory"),
        ("many_small_objects_kept", "memory"),
        ("closes_stderr_and_leaves_a_child", "ok"),
        ("closes_high_descriptors", "crashed"),
        ("closes_all_descriptors", "crashed"),
        ("raises_the_unspeakable", "failed"),
        ("forks_and_lets_the_child_return", "ok"),
        ("returns_five_megabytes", "ok"),
        ("raises_ten_megabytes", "failed"),
        ("removes_its_folder_and_streams", "ok"),
    ],
)
def test_the_run_ends_and_the_others_are_ok(tmp_path: Path, kind: str, status: str) -> None:
    out = tmp_path / "out"
    code, printed = finish("run", JOBS / "hostile.py", "--workers", 2, "--out", out, env={"HOSTILE": kind}, timeout=60)
    report = json.loads((out / "report.json").read_text())
    assert {failure["id"]: failure["status"] for failure in report["failures"]} == (
        {} if status == "ok" else {"i3": status}
    ), printed
    assert report["success"] == (8 if status == "ok" else 7)
    assert code == (0 if status == "ok" else 1)
    assert left_behind(out) == []


def test_a_script_without_a_main_guard_and_a_thread_can_run_a_job(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        "import threading, parbatch\n"
        "from parbatch import Item, Job\n"
        "job = Job('script')\n"
        "@job.items\n"
        "def items(): return [Item(id='a'), Item(id='b')]\n"
        "@job.render\n"
        "def render(item, ctx): return item.id.upper()\n"
        "def run(): print(parbatch.run(job, workers=2, out='out', progress='none', fresh=True).success)\n"
        "run()\n"
        "thread = threading.Thread(target=run); thread.start(); thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("2\n2\n", "")


WRITES = """
import errno, os
from parbatch import Job

job = Job("writes", chunk_size=1)
write = os.write


@job.items
def items():
    return ({"id": f"i{number}"} for number in range(3))


def refused(number, data):
    if bytes(data[:1]) in b"[{":  # what is said in JSON; the log is still written
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return write(number, data)


@job.render
def render(item, ctx):
    if item.id == "i1":
        os.write = refused
"""


def test_a_worker_that_can_not_say_how_an_item_ended_is_told_with_the_cause(here: Path) -> None:
    (here / "job.py").write_text(WRITES)
    out = here / "out"
    code, printed = finish("run", here / "job.py", "--workers", 1, "--out", out, "--progress", "none", timeout=60)
    assert code == 1, printed
    report = json.loads((out / "report.json").read_text())
    ((told, status),) = [(failure["message"], failure["status"]) for failure in report["failures"]]
    assert status == "crashed"
    assert "the worker itself failed" in told
    assert told.endswith("Input/output error: 'the pipe to the process that runs the batch'")
    assert report["success"] == 2
