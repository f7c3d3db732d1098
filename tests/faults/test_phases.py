"""A run of three phases, killed in the second: it resumes there, and comes to what an undisturbed one does."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.faults.outside import JOBS, contents, finish, left_behind, start

PAIRS = f"{JOBS / 'phases.py'}:pairs"
OPTIONS = ("--workers", 2, "--progress", "none")


def lines_of(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not is_so() and process.poll() is None:
        continue
    assert process.poll() is None, process.communicate()[0]


def outputs(out: Path) -> dict[str, str]:
    """All that was published: every phase's items, and the overview."""
    return {
        path: digest
        for path, digest in contents(out).items()
        if "/run/" not in f"/{path}" and not path.startswith(("report.", "junit."))
    }


def test_a_run_killed_in_its_second_phase_resumes_there(tmp_path: Path) -> None:
    log, env = tmp_path / "log", {"PHASES_ITEMS": "60", "PHASES_SECONDS": "0.02"}
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
    code, printed = finish("run", PAIRS, "--out", undisturbed, *OPTIONS, env=env)
    assert code == 0, printed

    env["PHASES_LOG"] = str(log)
    process = start("run", PAIRS, "--out", out, *OPTIONS, env=env)
    wait_until(lambda: sum(line.startswith("size") for line in lines_of(log)) >= 20, process)
    process.kill()
    process.communicate()
    code, printed = finish("status", PAIRS, "--out", out)
    assert "KILLED" in printed
    assert "60 ok of 60 items" in printed
    assert "pairs: not begun" in printed
    code, printed = finish("run", PAIRS, "--out", out, *OPTIONS, env=env)
    assert code == 2
    assert "holds an unfinished earlier run" in printed

    before = lines_of(log)
    code, printed = finish("run", PAIRS, "--out", out, *OPTIONS, "--resume", env=env)
    assert code == 0, printed
    again = lines_of(log)[len(before) :]
    assert not [line for line in again if line.startswith("word")]
    assert 0 < sum(line.startswith("size") for line in again) < 60
    assert sum(line.startswith("pair") for line in again) == 60
    assert "180 ok" in printed
    assert outputs(out) == outputs(undisturbed)
    assert not any(left_behind(out / phase) for phase in ("words", "sizes", "pairs"))


def test_an_interruption_ends_the_phase_in_order_and_those_after_it_wait(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    env = {"PHASES_ITEMS": "60", "PHASES_SECONDS": "0.02", "PHASES_LOG": str(log)}
    process = start("run", PAIRS, "--out", out, *OPTIONS, env=env)
    wait_until(lambda: "word-010" in lines_of(log), process)
    process.terminate()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 143, printed
    assert "pairs INTERRUPTED" in printed
    assert "phase     sizes: not begun" in printed
    code, printed = finish("run", PAIRS, "--out", out, *OPTIONS, "--resume", env=env)
    assert code == 0, printed
    assert sorted(lines_of(log)) == sorted({*lines_of(log)}), "something that had ended was rendered again"
    assert len(lines_of(log)) == 180
