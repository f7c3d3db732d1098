"""An output folder from somebody else is data: nothing outside is written, removed, shown, or waited for."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import Result

from tests.support import typed, write_job

JOB = """
from parbatch import Entry, Item, Job

job = Job("letters", merge="lines")


@job.items
def items():
    for number in range(3):
        yield Item(id=f"i{number}", requires=("e",))


@job.context
def entries():
    yield Entry("e", "some text")


@job.baseline(key="k")
def baseline():
    return 1


@job.render
def render(item, ctx):
    print("rendering", item.id)
    (ctx.dir / "sub").mkdir()
    (ctx.dir / "sub" / f"{item.id}.txt").write_text(ctx.context["e"].content)
    if item.id == "i2":
        raise ValueError("no such city")
    return {"number": item.id}


@job.validate
def check(item, ctx):
    return ["not good"] if item.id == "i1" else None


@job.overview
def overview(run, ctx):
    print("making the overview")
    (ctx.dir / "over.txt").write_text("all")
"""
THEIRS = "what somebody else keeps\n"

FOLDERS = [
    "items", "items/sub", "run", "run/logs", "run/sessions", "run/tmp", "run/rejected", "run/rejected/i1",
    "run/context", "run/baselines", "run/shards",
]  # fmt: skip
FILES = [
    "items/sub/i0.txt", "over.txt", "report.json", "report.json.new", "report.html.new", "junit.xml.new",
    "merged.jsonl", "merged.jsonl.new", "run/lock", "run/lock.json", "run/lock.json.new", "run/checkpoint.sqlite",
    "run/checkpoint.sqlite-wal", "run/checkpoint.sqlite-shm", "run/checkpoint.sqlite.new", "run/phases.json",
    "run/whole.json", "run/sessions/{run}.json", "run/sessions/{run}.json.new", "run/logs/i2.stdout.txt",
    "run/logs/i2.stderr.txt", "run/overview.stdout.txt", "run/context/checkpoint.index.jsonl", "run/context/{content}",
    "run/baselines/k.json", "run/baselines/k.json.lock",
]  # fmt: skip

# All that works in a folder, those that only look first.
COMMANDS = [
    ("status", "job.py"),
    ("show", "i2", "job.py"),
    ("plan", "job.py", "--resume"),
    ("report", "job.py"),
    ("prune", "job.py"),
    ("run", "job.py", "--progress", "none", "--resume"),
    ("run", "job.py", "--progress", "none", "--fresh"),
    ("overview", "job.py"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with everything in it, beside its job."""
    place = tmp_path_factory.mktemp("whole")
    write_job(place / "job.py", JOB)
    with contextlib.chdir(place):
        assert typed("run", "job.py", "--progress", "none").exit_code == 1
    return place


@pytest.fixture
def theirs(here: Path, whole: Path) -> Path:
    """A copy of that folder here, and a folder of somebody else beside it."""
    shutil.copytree(whole, here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    theirs = here / "theirs"
    (theirs / "i1").mkdir(parents=True)
    for name in ("file.txt", "i1/file.txt", "i2.stdout.txt"):
        (theirs / name).write_text(THEIRS)
    return theirs


def out() -> Path:
    return Path("outputs/letters").absolute()


def put(place: str, make: str, theirs: Path) -> Path:
    """Put a link or a pipe in place of what is there."""
    (session,) = (out() / "run" / "sessions").iterdir()
    (content,) = (path for path in (out() / "run" / "context").iterdir() if path.suffix != ".jsonl")
    path = out() / place.format(run=session.stem, content=content.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if make == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(theirs if make == "link to a folder" else theirs / "file.txt")
    return path


def snapshot(folder: Path) -> dict[str, str | None]:
    return {str(path): path.read_text() if path.is_file() else None for path in folder.rglob("*")}


def assert_told_in_words(done: Result) -> None:
    assert not re.search(r'File "[^"]*/parbatch/[a-z_/]+\.py"', done.output), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception


@pytest.mark.parametrize(
    ("place", "make"),
    [(place, make) for place in FOLDERS for make in ("link to a folder", "pipe")]
    + [(place, make) for place in FILES for make in ("link to a file", "pipe")],
)
def test_what_is_no_plain_file_or_folder_is_neither_followed_nor_waited_for(
    theirs: Path, place: str, make: str
) -> None:
    path = put(place, make, theirs)
    before = snapshot(theirs)
    for command in COMMANDS:
        done = typed(*command)
        assert_told_in_words(done)
        assert THEIRS.strip() not in done.output
        assert snapshot(theirs) == before, f"{command} changed what is outside"
        if done.exit_code == 2 and command[0] == "run":
            assert str(path) in done.output, "what is refused is named"
    for published in out().rglob("*"):
        if published.is_file() and not published.is_symlink():
            assert THEIRS.encode() not in published.read_bytes(), f"{published} has what is outside"


def test_the_folder_itself_may_be_reached_through_a_link(theirs: Path) -> None:
    Path("link").symlink_to(out())
    assert typed("run", "job.py", "--out", "link", "--resume", "--progress", "none").exit_code == 1
    assert typed("status", "job.py", "--out", "link").exit_code == 0
    assert snapshot(theirs)


@pytest.mark.parametrize(
    "stem", ["../../../theirs/evil", "/{theirs}/evil", "..", "sub/evil", "../logs/../../../theirs/x"]
)
def test_a_stem_that_leads_out_of_the_folder_is_called_what_it_is(theirs: Path, stem: str) -> None:
    with contextlib.closing(sqlite3.connect(out() / "run/checkpoint.sqlite")) as db:
        db.execute("UPDATE items SET stem = ?", (stem.format(theirs=theirs),))
        db.commit()
    before = snapshot(theirs)
    for command in COMMANDS:
        done = typed(*command)
        assert_told_in_words(done)
        assert snapshot(theirs) == before
        if command[0] == "run" and "--resume" in command:
            assert (done.exit_code, "--fresh" in done.output) == (2, True), done.output
    assert typed("status", "job.py").exit_code == 0, "--fresh has set it aside"


@pytest.mark.parametrize("run_id", ["../../../theirs/file", "/{theirs}/file", ".."])
def test_a_run_id_that_leads_out_of_the_folder_is_not_written_to(theirs: Path, run_id: str) -> None:
    run_id = run_id.format(theirs=theirs)
    (session,) = (out() / "run" / "sessions").iterdir()
    record = json.loads(session.read_text())
    session.write_text(json.dumps({**record, "run_id": run_id}))
    for known in (session.stem, run_id):
        with contextlib.closing(sqlite3.connect(out() / "run/checkpoint.sqlite")) as db:
            db.execute("UPDATE runs SET state = 'running', run_id = ? WHERE rowid = 1", (known,))
            db.commit()
        before = snapshot(theirs)
        for command in COMMANDS:
            assert_told_in_words(typed(*command))
            assert snapshot(theirs) == before


@pytest.mark.parametrize("started_at", ["", "yesterday", "2026-01-01T00:00:00", "9999-99-99T00:00:00+00:00"])
def test_a_record_with_a_time_that_is_none_keeps_nobody_from_anything(theirs: Path, started_at: str) -> None:
    (session,) = (out() / "run" / "sessions").iterdir()
    session.write_text(json.dumps({**json.loads(session.read_text()), "started_at": started_at}))
    with contextlib.closing(sqlite3.connect(out() / "run/checkpoint.sqlite")) as db:
        db.execute("UPDATE runs SET state = 'running'")
        db.commit()
    for command in COMMANDS:
        assert_told_in_words(typed(*command))
    assert typed("status", "job.py").exit_code == 0
    assert theirs.is_dir()


def test_shared_contents_that_somebody_changed_are_not_used(theirs: Path) -> None:
    (content,) = (path for path in (out() / "run" / "context").iterdir() if path.suffix != ".jsonl")
    content.write_text("SOME TEXT")
    typed("run", "job.py", "--progress", "none", "--fresh")
    assert (out() / "items/sub/i0.txt").read_text() == "some text"
    assert theirs.is_dir()
