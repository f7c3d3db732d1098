"""Shards in processes of their own, at the same time in one folder: killed, resumed, joined."""

import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from parbatch.model.shard import Shard
from tests.faults.outside import JOBS, contents, finish, start
from tests.faults.test_kills_and_signals import StepsLog

LETTERS, STEPS = JOBS / "letters.py", JOBS / "steps.py"
OF_A_SHARD = re.compile(r"(report|junit)-\d-of-\d\..*")


def test_three_shards_two_of_them_at_the_same_time_come_to_what_one_run_comes_to(tmp_path: Path) -> None:
    fail = {"LETTERS_FAIL": "person-07"}
    assert finish("run", LETTERS, "--workers", 2, "--out", tmp_path / "whole", env=fail)[0] == 1
    out = tmp_path / "out"
    together = [start("run", LETTERS, "--workers", 1, "--out", out, "--shard", f"{n}/3", env=fail) for n in (1, 2)]
    printed = [process.communicate(timeout=100)[0] for process in together]
    expected = {n: int(Shard(n, 3).has("person-07")) for n in (1, 2, 3)}
    assert [process.returncode for process in together] == [expected[1], expected[2]], printed
    assert not (out / "overview.docx").exists()
    assert finish("overview", LETTERS, "--out", out)[0] == 2

    code, last = finish("run", LETTERS, "--workers", 1, "--out", out, "--shard", "3/3", env=fail)
    assert code == expected[3]
    assert "That was the last of 3 shards" in last
    assert "39 ok, 1 failed of 40 items" in last
    assert contents(out / "items") == contents(tmp_path / "whole/items")
    assert contents(out)["overview.docx"] == contents(tmp_path / "whole")["overview.docx"]
    report = json.loads((out / "report.json").read_text())
    assert (report["total"], report["success"], report["workers"]) == (40, 39, 3)


def test_shards_that_end_at_the_same_time_leave_one_whole_overview(tmp_path: Path) -> None:
    out = tmp_path / "out"
    processes = [start("run", LETTERS, "--workers", 1, "--out", out, "--shard", f"{n}/3") for n in (1, 2, 3)]
    printed = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], printed
    assert any("That was the last of 3 shards" in text for text in printed)
    assert (out / "overview.docx").exists()
    assert json.loads((out / "report.json").read_text())["success"] == 40
    own = {path.name for path in out.iterdir() if not OF_A_SHARD.fullmatch(path.name)}
    assert own == {"items", "run", "overview.docx", "report.json", "report.html", "junit.xml"}


def test_a_shard_that_was_killed_is_resumed_while_another_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    logs = {n: StepsLog(tmp_path / f"log-{n}") for n in (1, 2)}
    killed, other = (
        start("run", STEPS, "--workers", 1, "--out", out, "--progress", "none", "--shard", f"{n}/2", env=log.env)
        for n, log in logs.items()
    )
    logs[2].wait_for(20, other)
    logs[1].wait_for(20, killed)
    sent = time.monotonic()
    killed.kill()
    killed.wait()
    dead = time.monotonic()
    killed.communicate()

    assert _states(out) == ["killed", "running"]
    (record,) = (out / "run/shards/1-of-2/sessions").glob("*.json")
    assert json.loads(record.read_text())["state"] == "killed", "the look at the whole has put it right"
    code, printed = finish("run", STEPS, "--workers", 1, "--out", out, "--shard", "1/2", "--resume", env=logs[1].env)
    assert code == 0, printed
    printed = other.communicate(timeout=100)[0]
    assert other.returncode == 0, printed

    assert _states(out) == ["finished", "finished"]
    report = json.loads((out / "report.json").read_text())
    assert (report["total"], report["success"]) == (500, 500)
    assert len(contents(out / "items")) == 500
    logs[1].read()
    assert logs[1].needless([(sent, dead)]) == []
    assert logs[2].ended() == _items(out, 2)


def _states(out: Path) -> list[str]:
    return [shard["state"] for shard in json.loads(finish("status", "--out", out, "--json")[1])["shards"]]


def _items(out: Path, shard: int) -> int:
    with closing(sqlite3.connect(out / f"run/shards/{shard}-of-2/checkpoint.sqlite")) as db:
        return int(db.execute("SELECT COUNT(*) FROM items").fetchone()[0])
