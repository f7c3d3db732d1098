"""200 items, twelve of which go wrong in ways that end other batch runners."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, contents, finish, left_behind, rows

EXPECTED = {
    "raises": ("failed", "ValueError", "no such city"),
    "segfaults": ("crashed", "SIGSEGV", "the process was ended by SIGSEGV"),
    "exits": ("crashed", "ProcessExit", "the process exited with code 0"),
    "killed": ("crashed", "SIGKILL", "the process was ended by SIGKILL"),
    "allocates": ("memory", "MemoryError", "the cap for a worker is 256.0 MB"),
    "sleeps": ("timeout", "TimeoutError", "the attempt took longer than 3.0 s"),
    "spins_in_c": ("timeout", "TimeoutError", "the attempt took longer than 3.0 s"),
    "returns_lambda": ("failed", "NotJSONError", "is of type function"),
    "raises_unpicklable": ("failed", "Unpicklable", "it can't be pickled"),
}
GROUPS_THAT_END_OK = {"floods", "closes_descriptors", "leaves_child"}


@pytest.mark.parametrize("chunk_size", ["1", "7", "25", "auto"])
def test_every_fault_has_its_own_true_status_and_nobody_elses(tmp_path: Path, chunk_size: str) -> None:
    out = tmp_path / "out"
    job = JOBS / "twelve_faults.py"
    code, printed = finish("run", job, "--workers", 4, "--out", out, "--chunk-size", chunk_size)

    assert code == 1, printed
    report = json.loads((out / "report.json").read_text())
    failures = {failure["group"]: failure for failure in report["failures"]}
    assert set(failures) == set(EXPECTED), printed
    for fault, (status, kind, message) in EXPECTED.items():
        failure = failures[fault]
        assert (failure["status"], failure["type"]) == (status, kind), failure
        assert message in failure["message"], failure
        assert failure["attempts"] == (2 if status == "crashed" else 1), failure
    assert report["success"] == 191
    assert dict(rows(out, "SELECT \"group\", status FROM items WHERE \"group\" <> 'sound' AND status = 'ok'")) == (
        dict.fromkeys(GROUPS_THAT_END_OK, "ok")
    )
    assert len(contents(out / "items")) == 188
    assert left_behind(out) == []

    logs = out / "run" / "logs"
    assert (logs / "i031.stdout.txt").read_text().endswith("\n\nlast words of the segfault\n")
    assert "in segfaults" in (logs / "i031.stderr.txt").read_text()
    assert "in sleeps" in (logs / "i090.stderr.txt").read_text()
    assert "in spins_in_c" in (logs / "i101.stderr.txt").read_text()
    assert "bytes cut here" in (logs / "i150.stdout.txt").read_text()
    assert (logs / "i150.stdout.txt").stat().st_size < 2.1 * 1024**2
    assert "ended a process that this item left running: sleep 600" in (logs / "i188.stderr.txt").read_text()
    assert not any((out / "run" / "tmp").iterdir())
    attempts = dict(rows(out, "SELECT attempts, COUNT(*) FROM items GROUP BY attempts"))
    assert attempts == {1: 197, 2: 3}, "chunk-mates are not rendered twice"


def test_crashes_are_named_in_the_summary_with_the_command_that_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = JOBS / "twelve_faults.py"
    code, printed = finish("run", job, "--only", "i03?", "--out", out, "--progress", "none", "--workers", 1)
    assert code == 1
    assert "9 ok, 1 crashed, 190 pending of 200 items" in printed
    assert "1 crashed: SIGSEGV: the process was ended by SIGSEGV" in printed
    assert "i031 after 2 attempts" in printed
    assert printed.rstrip().endswith(f"--only 'i03?' --out {out} --progress none --workers 1 --resume")
