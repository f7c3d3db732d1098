"""The parent killed, interrupted, doubled: finished work stays, nothing is left running, resuming tells the truth."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.faults.outside import JOBS, contents, finish, left_behind, rows, start

WORKERS = 4
# A worker that has just told of an item takes up the next one, and notices at its end that nobody listens any more. On
# busy cores it may be a moment until it writes down that it began: that item was in flight all the same.
NOTICED_S = 0.1
STEPS = JOBS / "steps.py"


class StepsLog:
    """When each rendering began and ended, as the job itself wrote it down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {"STEPS_LOG": str(path)}
        self.lines: list[tuple[str, str, float]] = []

    def read(self) -> None:
        text = self.path.read_text() if self.path.exists() else ""
        self.lines = [(word, item, float(at)) for word, item, at in map(str.split, text.splitlines())]

    def ended(self) -> int:
        self.read()
        return sum(word == "end" for word, _, _ in self.lines)

    def wait_for(self, count: int, process: "subprocess.Popen[str]") -> None:
        """Until so many renderings have ended, or the process has."""
        while self.ended() < count and process.poll() is None:
            continue

    def needless(self, kills: list[tuple[float, float]]) -> list[str]:
        """Items rendered again although no kill in between found them in flight or just finished."""
        needless = []
        last_begin: dict[str, float] = {}
        last_end: dict[str, float] = {}
        for word, item, at in self.lines:
            if word == "end":
                last_end[item] = at
                continue
            if item in last_begin and not any(
                last_begin[item] <= dead + NOTICED_S and dead <= at and sent - last_end.get(item, sent) <= 1
                for sent, dead in kills
            ):
                told = [(word, round(when - kills[0][0], 3)) for word, one, when in self.lines if one == item]
                needless.append(f"{item}: {told}, kills at {[round(dead - kills[0][0], 3) for _, dead in kills]}")
            last_begin[item] = at
            last_end.pop(item, None)  # what counts for the next kill is whether this rendering has ended
        return needless

    def taken_up_late(self, dead: float) -> list[str]:
        """Items whose beginning was written down in the moment after a parent's death."""
        return [item for word, item, at in self.lines if word == "begin" and dead < at <= dead + NOTICED_S]


def test_a_killed_parent_costs_only_what_was_in_flight_or_just_finished(tmp_path: Path) -> None:
    """SIGKILL at 20 random instants, resumed each time: every item once, whole, no worker left."""
    out, log, chance = tmp_path / "out", StepsLog(tmp_path / "log"), random.Random(431)
    kills: list[tuple[float, float]] = []  # when the signal was sent, and when the process was gone
    resume: list[str] = []
    for _ in range(20):
        before = log.ended()
        process = start("run", STEPS, "--workers", WORKERS, "--out", out, "--progress", "none", *resume, env=log.env)
        log.wait_for(before + chance.randint(1, 20), process)
        sent = time.monotonic()
        process.kill()
        process.wait()
        kills.append((sent, time.monotonic()))
        process.communicate()
        assert not _workers_after_a_moment(out)
        resume = ["--resume"]

    code, printed = finish("run", STEPS, "--workers", WORKERS, "--out", out, *resume, env=log.env)
    assert code == 0, printed
    log.read()
    assert rows(out, "SELECT COUNT(*) FROM items WHERE status = 'ok'") == [(500,)]
    items = sorted((out / "items").rglob("*"))
    assert [path.name for path in items] == [f"step-{number:03d}.txt" for number in range(500)]
    assert all(path.read_text() == f"{number}\n" * 2000 for number, path in enumerate(items))
    assert log.needless(kills) == []
    assert all(len(log.taken_up_late(dead)) <= WORKERS for _, dead in kills), "no orphan takes up a second item"
    assert left_behind(out) == []


def test_the_record_of_a_killed_run_says_so_after_the_next_command_that_looks(tmp_path: Path) -> None:
    out, log = tmp_path / "out", StepsLog(tmp_path / "log")
    process = start("run", STEPS, "--workers", 2, "--out", out, "--progress", "none", env=log.env)
    log.wait_for(60, process)
    process.kill()
    process.communicate()
    (record,) = (out / "run" / "sessions").glob("*.json")
    assert json.loads(record.read_text())["state"] == "running"

    assert finish("status", "--out", out)[0] == 0
    told = json.loads(record.read_text())
    assert (told["state"], told["exit_code"], told["finished_at"]) == ("killed", None, None)
    assert told["success"] == rows(out, "SELECT COUNT(*) FROM items WHERE status = 'ok'")[0][0] > 0
    assert rows(out, "SELECT state FROM runs") == [("killed",)]
    assert "KILLED" in finish("status", "--out", out)[1]
    code, printed = finish("report", "--out", out)
    assert code == 0, printed
    assert json.loads((out / "report.json").read_text())["state"] == "killed"

    assert finish("run", STEPS, "--workers", 2, "--out", out, "--resume", env=log.env)[0] == 0
    assert rows(out, "SELECT state FROM runs ORDER BY rowid") == [("killed",), ("finished",)]
    assert json.loads(record.read_text())["state"] == "killed"


def _workers_after_a_moment(out: Path) -> list[str]:
    """What is still running when the guardian has had its time."""
    deadline = time.monotonic() + 10
    while (found := left_behind(out) if _has_runs(out) else []) and time.monotonic() < deadline:
        continue
    return found


def _has_runs(out: Path) -> bool:
    return (out / "run" / "checkpoint.sqlite").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_finishes_what_is_in_flight_and_resumes(tmp_path: Path, number: int, code: int) -> None:
    out, log = tmp_path / "out", StepsLog(tmp_path / "log")
    process = start("run", STEPS, "--workers", WORKERS, "--out", out, "--progress", "none", env=log.env)
    log.wait_for(100, process)
    sent = time.monotonic()
    process.send_signal(number)
    printed, _ = process.communicate(timeout=30)

    assert process.returncode == code, printed
    assert time.monotonic() - sent < 10, "within the grace period"
    assert f"parbatch run {STEPS} --workers 4 --out {out} --progress none --resume" in printed
    assert left_behind(out) == []
    first = log.ended()
    assert 100 <= first < 500
    assert rows(out, "SELECT COUNT(*) FROM items WHERE status = 'ok'") == [(first,)]

    assert finish("run", STEPS, "--workers", WORKERS, "--out", out, "--resume", env=log.env)[0] == 0
    log.read()
    assert Counter(word for word, _, _ in log.lines) == {"begin": 500, "end": 500}


def test_a_second_signal_ends_the_run_at_once(tmp_path: Path) -> None:
    out, log = tmp_path / "out", StepsLog(tmp_path / "log")
    env = {**log.env, "STEPS_SECONDS": "300"}
    process = start("run", STEPS, "--workers", 2, "--out", out, "--progress", "none", env=env)
    while not log.path.exists():
        continue
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)  # the grace period is on
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=5)
    assert process.returncode == 130, printed
    assert left_behind(out) == []
    assert finish("run", STEPS, "--workers", 2, "--out", out, "--resume", "--limit", 20, env=log.env)[0] == 0


def test_a_second_run_in_the_same_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    out, log = tmp_path / "out", StepsLog(tmp_path / "log")
    process = start("run", STEPS, "--workers", 1, "--out", out, "--progress", "none", env=log.env)
    log.wait_for(5, process)
    began = time.monotonic()
    code, printed = finish("run", STEPS, "--out", out, "--resume", env=log.env)
    assert code == 3
    assert time.monotonic() - began < 2
    assert f"pid {process.pid} on " in printed
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_a_killed_worker_is_replaced_within_a_second(tmp_path: Path) -> None:
    out, log = tmp_path / "out", StepsLog(tmp_path / "log")
    process = start("run", STEPS, "--workers", 1, "--out", out, "--progress", "none", env=log.env)
    log.wait_for(25, process)  # in the middle of a chunk: between two, nothing would be in flight
    workers = [child for child in psutil.Process(process.pid).children() if "LokyProcess" in " ".join(child.cmdline())]
    assert len(workers) == 1
    killed_at = time.monotonic()
    workers[0].kill()
    log.wait_for(log.ended() + 1, process)
    next_begin = min(at for word, _, at in log.lines if word == "begin" and at > killed_at + 0.01)
    assert next_begin - killed_at < 1
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert rows(out, "SELECT MAX(attempts), COUNT(*) FROM items WHERE status = 'ok'") == [(2, 500)]


def test_the_bytes_are_the_same_whatever_the_workers_the_chunks_and_the_interruptions(tmp_path: Path) -> None:
    letters = JOBS / "letters.py"
    assert finish("run", letters, "--workers", 1, "--out", tmp_path / "one", "--chunk-size", 25)[0] == 0
    expected = contents(tmp_path / "one" / "items")
    assert len(expected) == 80
    for name, options in {"eight": ("--workers", 8), "single": ("--workers", 2, "--chunk-size", 1)}.items():
        assert finish("run", letters, *options, "--out", tmp_path / name)[0] == 0
        assert contents(tmp_path / name / "items") == expected

    out = tmp_path / "broken-off"
    process = start("run", letters, "--workers", 2, "--out", out, "--progress", "none")
    while not (out / "items").exists() or len(contents(out / "items")) < 20:
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert finish("run", letters, "--workers", 2, "--out", out, "--resume")[0] == 0
    assert contents(out / "items") == expected
    assert contents(out)["overview.docx"] == contents(tmp_path / "one")["overview.docx"]
