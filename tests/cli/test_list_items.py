"""`parbatch list`: a line an item."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from parbatch import Item
from parbatch.model.selection import Selection
from parbatch.reports.items import listed
from parbatch.storage.folder import Folder
from parbatch.storage.view import view_of
from tests.support import FAILING, contents, new_checkpoint, typed, write_job
from tests.waiting_run import waiting_run


@pytest.fixture
def done(here: Path) -> Path:
    """After a run of Ada, Bob, who failed, and Cyd, each in a group of the same letter."""
    write_job(here / "job.py", FAILING.replace("name=name.title()", "name=name.title(), group=name[0]"))
    typed("run", "job.py")
    return here


def ids(*arguments: str) -> list[str]:
    result = typed("list", "job.py", *arguments)
    assert result.exit_code == 0, result.output
    return [line.split("\t")[3] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], "ada bob cyd"),
        (["--status", "failed"], "bob"),
        (["--status", "failed", "--status", "ok"], "ada bob cyd"),
        (["--status", "crashed"], ""),
        (["--group", "a", "--group", "b"], "ada bob"),
        (["--only", "*B", "--only", "Cyd"], "bob cyd"),
        (["--limit", "2"], "ada bob"),
        (["--status", "ok", "--limit", "1", "--only", "c*"], "cyd"),
    ],
)
@pytest.mark.usefixtures("done")
def test_items_are_listed_in_their_order_and_filtered(arguments: list[str], found: str) -> None:
    assert ids(*arguments) == found.split()


@pytest.mark.usefixtures("done")
def test_in_a_pipe_each_line_is_fields_between_tabs() -> None:
    line = typed("list", "job.py", "--only", "bob").stdout
    status, attempts, duration, item_id, name = line.rstrip("\n").split("\t")
    assert (status, attempts, item_id, name) == ("failed", "1", "bob", "Bob")
    assert float(duration) >= 0


def test_as_json_it_is_one_array_with_an_item_a_line(done: Path) -> None:
    text = typed("list", "job.py", "--json").stdout
    assert [item["id"] for item in json.loads(text)] == ["ada", "bob", "cyd"]
    assert len(text.splitlines()) == 5
    assert json.loads(typed("list", "job.py", "--json", "--only", "nobody").stdout) == []
    assert {"status", "attempts", "duration_s", "group", "name"} < json.loads(text)[0].keys(), done


def test_nothing_in_a_name_reaches_the_terminal_as_a_command_or_makes_another_line(here: Path) -> None:
    new_checkpoint(Folder(here / "out"), Item(id="a\tb\n", name="\x1b[2J\u202e\r")).close()
    result = typed("list", "--out", "out")
    assert result.stdout == "pending\t0\t\ta\\tb\\n\t\\x1b[2J\\u202e\\r\n"


def test_a_limit_has_to_be_a_number_and_a_status_one_that_there_is(done: Path) -> None:
    before = contents(done)
    for arguments in (["--limit", "0"], ["--status", "broken"], ["--out", "elsewhere"]):
        assert typed("list", "job.py", *arguments).exit_code == 2
    assert contents(done) == before


def test_during_a_run_items_that_have_ended_are_listed_as_such(here: Path) -> None:
    with waiting_run(here) as run:
        while ids("--status", "ok") != ["ada"]:
            continue
        assert ids("--status", "pending") == ["bob", "cyd"]
        assert run.let_go() == 0


def test_a_reader_that_goes_away_ends_it_in_silence(here: Path) -> None:
    new_checkpoint(Folder(here / "out"), *map(str, range(20_000))).close()
    command = [sys.executable, "-m", "parbatch", "list", "--out", "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        assert listing.stdout.readline().startswith("pending\t")
        listing.stdout.close()
        assert listing.stderr.read() == ""
    assert listing.returncode == 141


def test_many_items_need_no_memory(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    new_checkpoint(folder, *map(str, range(20_000))).close()
    with view_of(folder) as view:
        tracemalloc.start()
        assert sum(1 for _ in listed(view, Selection(only=["*"]))) == 20_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200_000
