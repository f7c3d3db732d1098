"""What the real commands say and leave, word for word: nothing of it may change without being meant to.

Each test types commands in an empty folder and compares exit codes, both streams, the tree of files, `report.json`, the
overview and the merged file with a text in `expected/`; `volatile.py` has the few rules by which times, processes and
places are left out. After a change that is meant:

    PARBATCH_GOLDEN=update python -m pytest tests/golden     # writes the texts anew; every test is then skipped
    git diff tests/golden/expected                           # is it what was meant?
"""

import contextlib
import json
import os
import select
import sqlite3
import time
from pathlib import Path
from typing import Any

from tests.golden.scenario import Scenario, golden

LETTERS = ("letters.py", "--workers", "1")
INLINE = ("letters.py", "--backend", "inline")
COMMANDS = ("run", "retry", "render", "plan", "status", "list", "show", "overview", "report", "prune")
SECRETS = {"LETTERS_TOKEN": "geheim", "LETTERS_CITY": "Rome"}

PEOPLE: list[dict[str, Any]] = [
    {"id": "ada", "group": "a", "way": "well"},
    {"id": "bob", "group": "a", "way": "fails", "city": None},
    {"id": "cyd", "group": "b", "way": "refused"},
    {"id": "dot", "group": "b", "way": "warns"},
    {"id": "eve", "group": "a", "way": "twice"},
    {"id": "fay", "group": "b", "way": "shares", "needs": ["tea"]},
    {"id": "gil", "group": "b", "way": "document"},
]

OTHER = """\
from parbatch import Item, Job

job = Job("other")
job.items(lambda: [Item(id="ada")])
job.render(lambda item, ctx: None)
"""


def people(scenario: Scenario, rows: list[dict[str, Any]]) -> None:
    """Write the rows that the job makes its items from."""
    scenario.write("people.json", "".join(("[\n", ",\n".join(map(json.dumps, rows)), "\n]\n")))


def letters(scenario: Scenario, rows: list[dict[str, Any]]) -> None:
    """Put the job of letters into the folder."""
    scenario.job("golden_letters.py", "letters.py")
    scenario.write("prices.json", '{"tea": "black and green", "rum": "brown"}\n')
    people(scenario, rows)


def test_plain(tmp_path: Path) -> None:
    """A run of items that end in all ways, looked at with each command, and gone on with."""
    with golden("plain", tmp_path, **SECRETS) as typed:
        letters(typed, [*PEOPLE, {"id": "hal", "group": "b", "way": "exits"}])
        typed.parbatch("plan", "letters.py", "--items")
        typed.parbatch("run", *LETTERS)
        typed.parbatch("status", "letters.py")
        typed.parbatch("status", "letters.py", "--json")
        typed.parbatch("list", "letters.py")
        typed.parbatch("list", "letters.py", "--json")
        typed.parbatch("show", "bob", "letters.py")
        typed.parbatch("plan", "letters.py", "--items", "--json")
        typed.parbatch("report", "letters.py")
        typed.parbatch("run", *LETTERS, "--resume")
        typed.parbatch("run", *LETTERS, "--resume")


def test_plain_shown(tmp_path: Path) -> None:
    """Items that are invalid, warned about, of several files, or documents, as `show` and `list` tell them."""
    with golden("plain_shown", tmp_path, **SECRETS) as typed:
        letters(typed, PEOPLE)
        typed.parbatch("run", *INLINE, "--progress", "none")
        for item in ("cyd", "eve", "gil"):
            typed.parbatch("show", item, "letters.py")
        typed.parbatch("show", "dot", "letters.py", "--json")
        typed.parbatch("list", "letters.py", "--group", "b", "--only", "*d*", "--limit", "1", "--json")


def test_second_attempt(tmp_path: Path) -> None:
    """An item that is mended by what it is told of its first attempt, beside one that is tried in vain."""
    with golden("second_attempt", tmp_path, **SECRETS) as typed:
        letters(typed, [PEOPLE[0], {"id": "cyd", "group": "b", "way": "mends"}])
        typed.parbatch("run", *LETTERS, "--attempts", "2")
        typed.parbatch("show", "cyd", "letters.py", "--json")
        people(typed, [PEOPLE[0], {"id": "cyd", "group": "b", "way": "fails", "city": None}])
        typed.parbatch("run", *INLINE, "--resume", "--attempts", "3", "--keep-stale")
        typed.parbatch("status", "letters.py")
        typed.parbatch("show", "cyd", "letters.py")


def test_changed_input(tmp_path: Path) -> None:
    """An item is gone, one changed, one new: told by plan, done by the next run, tidied up by prune."""
    with golden("changed_input", tmp_path, **SECRETS) as typed:
        letters(typed, PEOPLE)
        typed.parbatch("run", *INLINE, "--json")
        mended = [
            {**row, "way": "well"} if row["id"] in {"bob", "cyd"} else row for row in PEOPLE if row["id"] != "eve"
        ]
        changed = [{**row, "note": "new"} if row["id"] == "ada" else row for row in mended]
        people(typed, [*changed, {"id": "ivy", "group": "c", "way": "well"}])
        typed.parbatch("plan", "letters.py", "--items")
        typed.parbatch("prune", "letters.py", "--dry-run")
        typed.parbatch("run", *INLINE, "--resume")
        typed.parbatch("prune", "letters.py")
        typed.parbatch("prune", "letters.py", "--json")
        typed.parbatch("status", "letters.py")
        typed.parbatch("run", *INLINE, "--resume")
        typed.parbatch("overview", *INLINE, "--json")


def test_withdrawn(tmp_path: Path) -> None:
    """Outputs of items that fail later, and what somebody has edited, are withdrawn; prune removes them if told to."""
    with golden("withdrawn", tmp_path, **SECRETS) as typed:
        rows = [PEOPLE[0], PEOPLE[4], {"id": "zoe", "group": "a", "way": "well"}]
        letters(typed, rows)
        typed.parbatch("run", *INLINE)
        people(typed, [rows[0], {**rows[1], "way": "fails", "city": None}, rows[2]])
        typed.write("outputs/letters/items/ada.txt", "Dear Ada, I have edited this\n")
        typed.parbatch("plan", "letters.py", "--items")
        typed.parbatch("run", *INLINE, "--resume")
        typed.parbatch("status", "letters.py", "--json")
        typed.parbatch("show", "eve", "letters.py")
        people(typed, rows)
        typed.parbatch("retry", *INLINE, "--only", "e*")
        typed.parbatch("prune", "letters.py", "--withdrawn")
        typed.parbatch("run", *INLINE, "--fresh", "--limit", "2")


def test_phases(tmp_path: Path) -> None:
    """Three jobs fed by each other: an item of the second fails, is mended, and then their data changes."""
    job = ("phases.py:pairs",)
    inline = (*job, "--backend", "inline", "--memory", "1GB")
    with golden("phases", tmp_path, PHASES_FAIL="size-001") as typed:
        typed.job("phases.py", "phases.py")
        typed.parbatch("plan", *job)
        typed.parbatch("run", *job, "--workers", "1", "--memory", "1GB")
        typed.parbatch("status", *job)
        typed.parbatch("status", *job, "--json")
        typed.parbatch("list", *job)
        typed.parbatch("show", "sizes/size-001", *job)
        typed.parbatch("plan", *job, "--items")
        typed.set(PHASES_FAIL="")
        typed.parbatch("run", *inline, "--resume")
        typed.parbatch("report", *job)
        typed.parbatch("overview", *inline, "--json")
        typed.set(PHASES_ITEMS="3", PHASES_CHANGED="word-002")
        typed.parbatch("plan", *job, "--items", "--json")
        typed.parbatch("render", "words/word-002", *inline)
        typed.parbatch("run", *inline, "--resume", "--json")
        typed.parbatch("prune", *job, "--dry-run")
        typed.parbatch("prune", *job, "--json")


def test_phases_that_go_on(tmp_path: Path) -> None:
    """With needs="ok" later phases go on without what failed; retry, one item, and a phase by itself."""
    job = ("phases.py:pairs",)
    inline = (*job, "--backend", "inline", "--memory", "1GB")
    with golden("phases_that_go_on", tmp_path, PHASES_FAIL="word-001 pair-002", PHASES_NEED="ok") as typed:
        typed.job("phases.py", "phases.py")
        typed.parbatch("run", *inline, "--progress", "none")
        typed.parbatch("status", *job)
        typed.parbatch("show", "pair-001", *job)
        typed.set(PHASES_FAIL="")
        typed.parbatch("render", "pair-002", *inline)
        typed.parbatch("retry", *inline)
        typed.parbatch("run", "phases.py:words", "--out", "outputs/pairs")
        typed.parbatch("run", "phases.py:sizes", *inline[1:], "--json")


def test_shards(tmp_path: Path) -> None:
    """Three shards one after another, and what is of all of them."""
    rows = [
        {"id": f"n{number}", "group": "ab"[number % 2], "way": "fails" if number == 4 else "well", "city": None}
        for number in range(7)
    ]
    with golden("shards", tmp_path, **SECRETS) as typed:
        letters(typed, rows)
        typed.parbatch("plan", "letters.py", "--shard", "1/3", "--items")
        typed.parbatch("run", *INLINE, "--shard", "1/3")
        typed.parbatch("status", "letters.py")
        typed.parbatch("overview", *INLINE)
        typed.parbatch("run", *INLINE, "--shard", "2/3", "--json")
        typed.parbatch("run", *LETTERS, "--shard", "3/3")
        typed.parbatch("status", "letters.py", "--json")
        typed.parbatch("list", "letters.py")
        typed.parbatch("list", "letters.py", "--shard", "3/3", "--json")
        typed.parbatch("show", "n4", "letters.py")
        typed.parbatch("plan", "letters.py")
        typed.parbatch("report", "letters.py")


def test_shards_changed(tmp_path: Path) -> None:
    """Items of shards are gone or mended: pruned of all shards, retried, rendered alone, and joined again."""
    rows = [
        {"id": f"n{number}", "group": "a", "way": "fails" if number == 4 else "well", "city": None}
        for number in range(5)
    ]
    with golden("shards_changed", tmp_path, **SECRETS) as typed:
        letters(typed, rows)
        for shard in ("1/2", "2/2"):
            typed.parbatch("run", *INLINE, "--shard", shard, "--progress", "none")
        people(typed, [{**row, "way": "well"} for row in rows[1:]])
        typed.parbatch("prune", "letters.py", "--dry-run", "--shard", "1/2", "--json")
        typed.parbatch("prune", "letters.py")
        for shard in ("1/2", "2/2"):
            typed.parbatch("run", *INLINE, "--shard", shard, "--resume")
        typed.parbatch("render", "n4", *INLINE)
        typed.parbatch("overview", *INLINE, "--json")
        typed.parbatch("status", "letters.py", "--shard", "1/2", "--json")


def test_one_item(tmp_path: Path) -> None:
    """One item rendered where nothing was, again, and after a run of all; and one that fails."""
    with golden("one_item", tmp_path, **SECRETS) as typed:
        letters(typed, PEOPLE[:3])
        typed.parbatch("render", "Ada", *INLINE)
        typed.parbatch("status", "letters.py")
        typed.parbatch("run", *INLINE, "--resume")
        typed.parbatch("render", "bob", "letters.py")
        people(typed, [PEOPLE[0], {**PEOPLE[1], "city": {"name": "Rome"}}, PEOPLE[2]])
        typed.parbatch("render", "bob", *INLINE, "--json")
        typed.parbatch("status", "letters.py")
        typed.parbatch("render", "zoe", *INLINE)


def test_killed(tmp_path: Path) -> None:
    """A run that is killed in its second item: what it leaves, what is told of it, and how it is gone on with."""
    with golden("killed", tmp_path) as typed:
        command = ("run", *LETTERS)
        typed.job("golden_waiting.py", "letters.py")
        os.mkfifo(typed.here / "gate")
        with typed.started(*command) as process, contextlib.ExitStack() as at_last:
            at_last.callback(process.kill)
            told = process.stdout.readline() if process.stdout else ""
            assert told, "the run has told nothing of its first item"
            gate = os.open(typed.here / "gate", os.O_WRONLY)  # opens when the second item has opened its end
            committed(typed.here / "outputs/letters/run/checkpoint.sqlite", 1)
            process.kill()
            stdout, stderr = process.communicate(timeout=60)
            hung_up = select.poll()
            hung_up.register(gate, 0)  # tells of an error when there is no reader any more: the worker is ended
            assert hung_up.poll(60_000), "the worker of a killed run lives on"
            os.close(gate)
        typed.ended(command, process.returncode, told + stdout, stderr)
        (typed.here / "gate").unlink()
        typed.parbatch("plan", "letters.py", "--items")
        typed.parbatch("status", "letters.py")
        typed.parbatch("status", "letters.py", "--json")
        typed.parbatch("list", "letters.py")
        typed.parbatch("report", "letters.py")
        typed.parbatch("run", "letters.py", "--backend", "inline", "--resume")
        typed.parbatch("prune", "letters.py")


def committed(checkpoint: Path, count: int) -> None:
    """Wait until so many items are ok in a checkpoint."""
    ends = time.monotonic() + 60
    with contextlib.closing(sqlite3.connect(f"file:{checkpoint}?mode=ro", uri=True)) as database:
        while database.execute("SELECT COUNT(*) FROM items WHERE status = 'ok'").fetchone()[0] < count:
            assert time.monotonic() < ends, "the first item was not committed"
            time.sleep(0.02)


def test_errors(tmp_path: Path) -> None:
    """What is said where a command can't do what it is asked for."""
    with golden("errors", tmp_path, **SECRETS) as typed:
        typed.parbatch("run", "letters.py")
        letters(typed, PEOPLE[:1])
        typed.write("other.py", OTHER)
        for command in ("status", "list", "report", "prune", "overview", "retry"):
            typed.parbatch(command, "letters.py")
        typed.parbatch("show", "ada", "letters.py")
        typed.parbatch("run", *INLINE, "--progress", "none", "--out", "outputs/here")
        typed.parbatch("show", "nobody", "letters.py", "--out", "outputs/here")
        typed.parbatch("run", "other.py", "--out", "outputs/here")
        typed.parbatch("run", *INLINE, "--resume", "--only", "nobody", "--out", "outputs/here")
        typed.parbatch("run", *INLINE, "--shard", "4/3")
        typed.parbatch("status", "letters.py", "--shard", "1/2", "--out", "outputs/here")


def test_help(tmp_path: Path) -> None:
    """The help of the program and of each command."""
    with golden("help", tmp_path) as typed:
        typed.parbatch("--help")
        for command in COMMANDS:
            typed.parbatch(command, "--help")
