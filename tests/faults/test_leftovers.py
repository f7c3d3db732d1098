"""What an item leaves behind in its process does not reach the next one."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, finish, rows

SAID = {
    "umask": "the umask",
    "environment": "the environment (PATH, LEFT)",
    "time_zone": "the environment (TZ)",
    "temporary_files": "the environment (TMPDIR), the folder for temporary files",
    "own_temporary_folder": "the folder for temporary files",
    "replaced_environment": "the environment (os.environ itself)",
    "timer": "the handler of SIGALRM",
    "alarm": "a timer running, which was stopped: ITIMER_REAL",
    "virtual_timer": "ITIMER_VIRTUAL",
    "profiling_timer": "ITIMER_PROF",
    "handlers": "the handler of SIGTERM",
    "mask": "the blocked signals",
    "language": "the locale",
    "warning_filters": "the filters of warnings",
    "hooks": "the recursion limit",
    "precision": "the precision of decimals",
    "limits": "RLIMIT_FSIZE",
    "thread": "threads running, which can't be ended: the idle one",
    "file": "files open, which were closed: file.txt",
    "descriptor": "files open, which were closed: descriptor.txt",
    "scratch": "files open, which were closed: scratch.txt",
    "handler": "files open, which were closed: handler.txt",
}


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_items_find_the_process_as_the_first_one_did(tmp_path: Path, backend: str) -> None:
    out = tmp_path / "out"
    options = ("--workers", 1, "--backend", backend, "--out", out, "--progress", "none")
    code, printed = finish("run", JOBS / "leaving.py", *options)
    assert code == 0, printed
    found = {item: json.loads(result or "null") for item, result in rows(out, "SELECT id, result FROM items")}
    states = {item: state for item, state in found.items() if state is not None}
    assert len(states) == 24
    assert states == dict.fromkeys(states, states["first"])
    for item, words in SAID.items():
        assert words in (out / "run" / "logs" / f"{item}.stderr.txt").read_text()
    assert {path.name: path.read_text() for path in (out / "items").iterdir()} == {
        "file.txt": "not yet flushed",
        "descriptor.txt": "whole",
        "handler.txt": "whole\n",
    }
    code, printed = finish("run", JOBS / "leaving.py", *options, "--resume")
    assert "nothing to do" in printed, "what was published is as it was"


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_what_a_function_of_a_whole_chunk_has_begun_lasts_until_its_end_and_no_longer(
    tmp_path: Path, backend: str
) -> None:
    out = tmp_path / "out"
    code, printed = finish("run", JOBS / "amid_chunk.py", "--workers", 1, "--backend", backend, "--out", out)
    assert code == 0, printed
    results = [json.loads(result) for (result,) in rows(out, "SELECT result FROM items ORDER BY position")]
    timer = backend == "inline"  # whose own timer is the time-out
    assert results == [{"found": [28, None, timer], "told": [3, "1", True], "square": number**2} for number in range(8)]
