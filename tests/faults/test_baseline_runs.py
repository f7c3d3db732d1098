"""A baseline in runs with real workers: computed once, by one of them, for all, and for the next run."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, finish, left_behind, rows, start


def run(tmp_path: Path, *options: object, key: str = "prices-2026", out: str = "out", **more: str) -> tuple[int, str]:
    environment = {"BASELINE_LOG": str(tmp_path / "log"), "BASELINE_KEY": key, **more}
    folder = ("--out", tmp_path / out, "--progress", "none")
    return finish("run", JOBS / "baseline.py", *folder, *options, env=environment)


def computations(tmp_path: Path) -> int:
    log = tmp_path / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_four_workers_share_what_one_of_them_computed(tmp_path: Path) -> None:
    assert run(tmp_path, "--workers", 4, BASELINE_ITEM_S="0.02")[0] == 0
    results = [json.loads(result) for (result,) in rows(tmp_path / "out", "SELECT result FROM items")]
    assert {(result["bread"], result["key"]) for result in results} == {(2.5, "prices-2026")}
    assert len({result["pid"] for result in results}) > 1
    assert computations(tmp_path) == 1
    assert left_behind(tmp_path / "out") == []


def test_two_shards_that_run_at_once_share_one_baseline(tmp_path: Path) -> None:
    environment = {"BASELINE_LOG": str(tmp_path / "log"), "BASELINE_KEY": "prices-2026"}
    options = ("--out", tmp_path / "out", "--workers", 2, "--progress", "none")
    both = [start("run", JOBS / "baseline.py", *options, "--shard", shard, env=environment) for shard in ("1/2", "2/2")]
    for process in both:
        printed, _ = process.communicate(timeout=100)
        assert process.returncode == 0, printed
    assert computations(tmp_path) == 1
    assert [path.name for path in tmp_path.rglob("baselines/*.json")] == ["prices-2026.json"]


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_the_next_run_reads_what_was_kept_and_another_key_is_another_baseline(tmp_path: Path, backend: str) -> None:
    options = ("--workers", 2, "--backend", backend)
    assert run(tmp_path, *options)[0] == 0
    assert run(tmp_path, *options, "--fresh")[0] == 0
    assert computations(tmp_path) == 1
    folder = tmp_path / "out" / "run" / "baselines"
    (folder / "prices-2026.json").write_bytes(b'{"key": "prices')
    assert run(tmp_path, *options, "--fresh")[0] == 0
    assert computations(tmp_path) == 2
    assert run(tmp_path, *options, "--resume", key="../prices")[0] == 0
    assert computations(tmp_path) == 3
    assert {json.loads(result)["key"] for (result,) in rows(tmp_path / "out", "SELECT result FROM items")} == {
        "../prices"
    }
    assert all(path.is_relative_to(folder) for path in tmp_path.rglob("*prices*"))
    assert len(list(folder.glob("*.json"))) == 2


def test_a_resumed_run_does_again_what_was_made_with_another_key_and_plan_says_why(tmp_path: Path) -> None:
    assert run(tmp_path, "--workers", 2)[0] == 0
    environment = {"BASELINE_LOG": str(tmp_path / "log"), "BASELINE_KEY": "prices-2027"}
    _, planned = finish("plan", JOBS / "baseline.py", "--out", tmp_path / "out", env=environment)
    assert "baseline changed: prices-2027" in planned
    assert computations(tmp_path) == 1
    run(tmp_path, "--workers", 2, "--resume", key="prices-2027")
    assert rows(tmp_path / "out", "SELECT COUNT(*), MIN(result LIKE '%2027%') FROM items") == [(40, 1)]
    assert computations(tmp_path) == 2


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_a_baseline_that_raises_ends_the_run_with_its_reason(tmp_path: Path, backend: str) -> None:
    code, printed = run(tmp_path, "--workers", 1, "--backend", backend, BASELINE_FAILS="yes")
    assert code == 2
    assert "LookupError: the price list can't be reached" in printed
    assert "in prices" in printed
    assert run(tmp_path, "--workers", 1, "--backend", backend)[0] == 0
