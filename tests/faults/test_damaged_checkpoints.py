"""A checkpoint that is damaged, by a disk or by hand: it is told in words, and the advice that is given works."""

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.faults.test_foreign_folder import assert_told_in_words
from tests.support import typed, write_job

JOB = """
from parbatch import Item, Job

job = Job("letters", merge="lines")


@job.items
def items():
    for number in range(30):
        yield Item(id=f"i{number}", name=f"Ada {number}", data={"text": "x" * 800})


@job.render
def render(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(item.id)
    if item.id == "i7":
        raise ValueError("no such city")
    ctx.metric("pages", 2)
    return {"number": item.id}
"""
PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    write_job(place / "job.py", JOB)
    with contextlib.chdir(place):
        assert run("--fresh").exit_code == 1
    return place


@pytest.fixture
def checkpoint(here: Path, whole: Path) -> Path:
    """The checkpoint of a copy of that folder, here."""
    shutil.copytree(whole, here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return here / "outputs/letters/run/checkpoint.sqlite"


def run(how: str) -> Result:
    return typed("run", "job.py", "--progress", "none", how)


def is_whole(checkpoint: Path) -> bool:
    with contextlib.closing(sqlite3.connect(checkpoint)) as db:
        counts = dict(db.execute("SELECT status, COUNT(*) FROM items GROUP BY status"))
    published = [path.name for path in (checkpoint.parent.parent / "items").iterdir()]
    return counts == {"ok": 29, "failed": 1} and len(published) == 29


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def swap(data: bytearray, dice: random.Random) -> None:
    one, other = (PAGE * page for page in dice.sample(range(len(data) // PAGE), 2))
    data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]


def zero(data: bytearray, dice: random.Random) -> None:
    start = PAGE * dice.randrange(len(data) // PAGE)
    data[start : start + PAGE] = bytes(PAGE)


def flip(times: int) -> Callable[[bytearray, random.Random], None]:
    def flip(data: bytearray, dice: random.Random) -> None:
        for _ in range(times):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)

    return flip


def spoil_texts(data: bytearray, dice: random.Random) -> None:
    for _ in range(3):
        start = data.index(b"Ada ", dice.randrange(len(data) // 2))
        data[start : start + 2] = b"\xff\xfe"


PAGES = {
    "cut off": cut, "pages swapped": swap, "a page zeroed": zero, "a bit flipped": flip(1), "20 bits": flip(20),
    "200 bits": flip(200), "no text": spoil_texts,
}  # fmt: skip
VALUES = [
    "UPDATE attempts SET evidence = '{'", "UPDATE attempts SET evidence = '[[[[' ", "UPDATE items SET result = 'none'",
    "UPDATE items SET metrics = '{\"pages\": []}'", "UPDATE items SET warnings = '7'",
    "UPDATE items SET status = 'good'", "UPDATE items SET attempts = 'many'", "UPDATE items SET duration_s = 'long'",
    "UPDATE items SET ended_at = 1e300", "UPDATE items SET name = X'fffe'", "UPDATE items SET slot = 1e18",
    "UPDATE runs SET state = 'sleeping'", "UPDATE facts SET value = 'x' WHERE key = 'spent_s'",
    "UPDATE outputs SET size = 'large'", "DROP TABLE attempts",
    "CREATE TRIGGER evil AFTER UPDATE ON items BEGIN DELETE FROM outputs; END",
]  # fmt: skip


def assert_the_advice_works(checkpoint: Path) -> None:
    for command in (("status",), ("list",), ("show", "i7"), ("plan",), ("report",)):
        assert_told_in_words(typed(*command, "job.py"))
    done = run("--resume")
    for _ in range(2):
        assert_told_in_words(done)
        if done.exit_code == 1 and "finished:" in done.output:
            break
        done = run("--fresh" if "--fresh" in done.output else "--resume")
    assert is_whole(checkpoint), done.output


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("how", PAGES)
def test_what_is_told_of_damaged_pages_leads_to_a_whole_run(checkpoint: Path, how: str, seed: int) -> None:
    data = bytearray(checkpoint.read_bytes())
    PAGES[how](data, random.Random(f"{how} {seed}"))
    checkpoint.write_bytes(data)
    assert_the_advice_works(checkpoint)


@pytest.mark.parametrize("statement", VALUES)
def test_what_is_told_of_values_that_no_run_writes_leads_to_a_whole_run(checkpoint: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(checkpoint)) as db:
        db.execute(statement)
        db.commit()
    assert_the_advice_works(checkpoint)
    assert run("--fresh").exit_code == 1
    assert is_whole(checkpoint)
