"""`@job.teardown`: once in each worker that ends in order, in a run as typed at the prompt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from parbatch.worker.teardown import TEARDOWN_S
from tests.faults.outside import finish, left_behind, rows
from tests.support import write_job

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import os
import time
from pathlib import Path

from parbatch import Item, Job

job = Job("torn", chunk_size=2, fresh_worker=FRESH)
PLACE = Path(FOLDER)


@job.items
def items():
    for number in range(8):
        yield Item(id=str(number))


@job.setup
def setup():
    path = PLACE / f"open-{os.getpid()}"
    path.touch(exist_ok=False)
    return path


@job.teardown
def teardown(path):
    print("closing")
    END
    path.rename(PLACE / f"closed-{os.getpid()}")


@job.render
def render(item, ctx):
    assert ctx.shared.exists()
    CRASH
    return item.id
"""


def job(folder: Path, *, fresh: str | None = None, end: str = "pass", crash: str = "pass") -> Path:
    place = folder / "place"
    place.mkdir()
    text = JOB.replace("FRESH", repr(fresh)).replace("FOLDER", repr(str(place)))
    return write_job(folder / "job.py", text.replace("END", end).replace("CRASH", crash))


def left(folder: Path) -> dict[str, int]:
    names = [path.name.partition("-")[0] for path in (folder / "place").iterdir()]
    return {name: names.count(name) for name in set(names)}


@pytest.mark.parametrize(
    ("options", "fresh", "workers"),
    [(("--workers", "2"), None, 2), (("--workers", "1"), "chunk", 4), (("--backend", "inline"), None, 1)],
)
def test_it_gets_what_setup_returned_once_in_each_worker(
    tmp_path: Path, options: tuple[str, ...], fresh: str | None, workers: int
) -> None:
    code, printed = finish("run", job(tmp_path, fresh=fresh), "--out", tmp_path / "out", *options)
    assert code == 0, printed
    assert left(tmp_path) == {"closed": workers}
    assert "teardown" not in printed


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_its_failure_is_told_and_fails_no_item(tmp_path: Path, backend: str) -> None:
    path = job(tmp_path, end='raise ValueError("not closed")')
    code, printed = finish("run", path, "--out", tmp_path / "out", "--workers", "1", "--backend", backend)
    assert code == 0, printed
    assert "Note: teardown failed in 1 worker: ValueError: not closed. Log: " in printed
    log = (tmp_path / "out" / "run" / "teardown.stderr.txt").read_text()
    assert "ValueError: not closed" in log
    assert "job.py" in log
    assert rows(tmp_path / "out", "SELECT count(*) FROM items WHERE status = 'ok'") == [(8,)]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("import ctypes; ctypes.PyDLL(None).sleep(600)", "it took longer than 10 s"),
        ("os._exit(3)", "it ended its process"),
        ("raise SystemExit(4)", "SystemExit"),
    ],
)
def test_a_worker_that_does_not_come_back_from_it_is_ended_and_that_is_told(
    tmp_path: Path, end: str, words: str
) -> None:
    began = time.monotonic()
    code, printed = finish("run", job(tmp_path, end=end), "--out", tmp_path / "out", "--workers", "1")
    assert code == 0, printed
    assert f"Note: teardown failed in 1 worker: {words}" in printed
    assert time.monotonic() - began < TEARDOWN_S + 30
    assert left_behind(tmp_path / "out") == []


def test_a_worker_that_dies_has_none_and_the_others_do(tmp_path: Path) -> None:
    path = job(tmp_path, crash="item.id == '3' and os._exit(1)")
    code, printed = finish("run", path, "--out", tmp_path / "out", "--workers", "1")
    assert code == 1, printed
    assert left(tmp_path) == {"open": 2, "closed": 1}
