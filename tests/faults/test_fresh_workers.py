"""Workers that are fresh for each chunk, or for each attempt: processes that have seen nothing before."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, finish, left_behind, rows


@pytest.mark.parametrize(("fresh", "most_seen", "fewest_processes"), [("chunk", 5, 3), ("attempt", 1, 15)])
def test_no_process_sees_more_than_it_is_meant_for(
    tmp_path: Path, fresh: str, most_seen: int, fewest_processes: int
) -> None:
    out = tmp_path / "out"
    code, printed = finish("run", f"{JOBS / 'fresh.py'}:{fresh}", "--workers", 2, "--out", out, "--progress", "none")
    assert code == 0, printed
    told = [json.loads(result) for (result,) in rows(out, "SELECT result FROM items")]
    assert len(told) == 15
    assert max(one["seen"] for one in told) <= most_seen
    assert len({one["pid"] for one in told}) >= fewest_processes
    assert rows(out, "SELECT id FROM items WHERE attempts = 2") == [("i03",)]
    assert json.loads((out / "report.json").read_text())["worker_restarts"] == 0, "planned ends are no restarts"
    assert left_behind(out) == []
