"""Shared entries in real runs: held while a chunk is at work, given back whatever happens, private memory small."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.outside import JOBS, finish, rows, start

JOB = JOBS / "sharing.py"
SIZE = 600_000


def status_of(out: Path) -> Any:
    code, printed = finish("status", JOB, "--out", out, "--json")
    assert code == 0, printed
    return json.loads(printed)


@pytest.mark.parametrize(("wrong", "ok"), [("", 240), ("raises", 216), ("crashes", 240)])
def test_nothing_is_held_after_a_run_and_no_worker_has_grown_by_what_its_chunk_held(
    tmp_path: Path, wrong: str, ok: int
) -> None:
    code, printed = finish("run", JOB, "--out", tmp_path, "--workers", 2, env={"SHARING_WRONG": wrong})
    assert code == (0 if ok == 240 else 1), printed
    assert rows(tmp_path, "SELECT COUNT(*) FROM items WHERE status = 'ok'") == [(ok,)]
    assert rows(tmp_path, "SELECT value FROM facts WHERE key = 'held'") == [("{}",)]
    assert status_of(tmp_path)["held"] == {"references": {}, "bytes": 0}
    ((chunks, items, largest),) = rows(tmp_path, "SELECT COUNT(*), SUM(items), MAX(bytes) FROM chunks")
    assert chunks >= 12
    assert items >= 200  # the chunk whose worker died is told by nobody
    results = [json.loads(result) for (result,) in rows(tmp_path, "SELECT result FROM items WHERE status = 'ok'")]
    assert {result["length"] for result in results} == {4 * SIZE}
    assert max(result["grown"] for result in results) < largest


def test_what_is_held_is_shown_during_a_run_and_gone_when_it_was_interrupted_or_killed(tmp_path: Path) -> None:
    gate, out = tmp_path / "gate", tmp_path / "out"
    os.mkfifo(gate)
    for end in (signal.SIGINT, signal.SIGKILL):
        env = {"SHARING_WRONG": "waits", "SHARING_GATE": str(gate)}
        run = start("run", JOB, "--out", out, "--workers", 1, "--fresh", env=env)
        writer = os.open(gate, os.O_WRONLY)  # opens when the item has opened its end
        try:
            while not (standing := status_of(out))["held"]["references"]:
                continue
            assert standing["state"] == "running"
            assert set(standing["held"]["references"].values()) == {1}
            assert standing["held"]["bytes"] == len(standing["held"]["references"]) * SIZE
            assert finish("status", JOB, "--out", out)[1].count(" held (") == 1
            run.send_signal(end)
        finally:
            os.close(writer)
        run.communicate(timeout=60)
        standing = status_of(out)
        assert standing["state"] == ("interrupted" if end == signal.SIGINT else "killed")
        assert standing["held"] == {"references": {}, "bytes": 0}
