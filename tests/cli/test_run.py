"""`parbatch run`: what it makes and says; what can't be used is named, and nothing is touched."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from parbatch.cli import command
from parbatch.storage.schema import FORMAT
from tests.support import FAILING, JOB, contents, typed, write_job

# --- a run


def test_a_run_publishes_what_the_items_made_and_ends_with_0(here: Path) -> None:
    write_job(here / "job.py")
    result = typed("run", "job.py")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (here / "outputs/letters/items").iterdir()) == ["ada.txt", "bob.txt", "cyd.txt"]
    assert (here / "outputs/letters/items/ada.txt").read_text() == "Dear Ada\n"
    assert "[1/3] Ada ok (" in result.output
    assert "letters finished: 3 ok of 3 items in " in result.output
    assert "outputs/letters/items" in result.output
    assert "outputs/letters/report.html" in result.output


def test_a_second_run_with_resume_has_nothing_to_do_and_says_so(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    before = {path: path.stat().st_mtime_ns for path in (here / "outputs/letters/items").iterdir()}
    result = typed("run", "job.py", "--resume")
    assert result.exit_code == 0
    assert "letters: nothing to do, all 3 items are ok." in result.output
    assert {path: path.stat().st_mtime_ns for path in (here / "outputs/letters/items").iterdir()} == before


def test_an_item_that_fails_is_named_with_its_cause_and_the_run_ends_with_1(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    result = typed("run", "job.py")
    assert result.exit_code == 1
    assert "[2/3] Bob failed (" in result.output
    assert "ValueError: no such city" in result.output
    assert "letters finished: 2 ok, 1 failed of 3 items" in result.output
    assert "1 item is not ok. To go on: parbatch" in result.output
    report = json.loads((here / "outputs/letters/report.json").read_text())
    assert [failure["id"] for failure in report["failures"]] == ["bob"]


def test_an_overview_that_fails_ends_the_run_with_1(here: Path) -> None:
    write_job(here / "job.py", JOB + "\n@job.overview\ndef over(run, ctx):\n    raise KeyError('total')\n")
    result = typed("run", "job.py")
    assert result.exit_code == 1
    assert "overview  failed: KeyError: 'total'" in result.output
    assert "The overview is left. To go on:" in result.output


def test_a_run_past_its_own_limit_ends_with_4_and_resume_does_the_rest(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    result = typed("run", "job.py", "--max-failures", "1", "--chunk-size", "1")
    assert result.exit_code == 4
    assert "letters STOPPED: the limit of 1 failure was reached (--max-failures 1)" in result.output
    write_job(here / "job.py")
    result = typed("run", "job.py", "--resume", "--limit", "1")
    assert (result.exit_code, "pending" in result.output) == (0, True)  # one of the two is done
    assert typed("run", "job.py", "--resume").exit_code == 0


def test_only_what_is_selected_is_rendered(here: Path) -> None:
    write_job(here / "job.py")
    assert typed("run", "job.py", "--only", "B*", "--only", "ada").exit_code == 0
    assert sorted(path.stem for path in (here / "outputs/letters/items").iterdir()) == ["ada", "bob"]


def test_with_json_standard_output_is_the_report_and_nothing_else(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    result = typed("run", "job.py", "--json")
    report = json.loads(result.stdout)
    assert report == json.loads((here / "outputs/letters/report.json").read_text())
    assert report["success"] + report["errors"] + report["pending"] == report["total"] == 3
    assert (report["exit_code"], report["rendered"], report["kept"]) == (1, 3, 0)
    session = here / "outputs/letters/run/sessions" / f"{report['run_id']}.json"
    assert json.loads(session.read_text()) == report
    assert "[2/3] Bob failed" in result.stderr


def test_without_progress_only_the_summary_is_printed(here: Path) -> None:
    write_job(here / "job.py")
    output = typed("run", "job.py", "--progress", "none").output
    assert output.startswith("letters finished: 3 ok of 3 items")


# --- bad input: exit 2, named, nothing touched

WITHOUT_ID = JOB.replace("Item(id=name, name=name.title())", "{'name': name}")
WITH_NUMBERS = JOB.replace("id=name,", "id=len(name),")
TWICE = JOB.replace('("ada", "bob", "cyd")', '("ada", "bob", "ada")')
WITH_DATE = JOB.replace("name=name.title()", "data={'born': __import__('datetime').date(1815, 12, 10)}")
RAISES = JOB.replace("        yield", "        if name == 'cyd': raise OSError('the table is gone')\n        yield")
EXITS = JOB.replace("        yield", "        if name == 'cyd': raise SystemExit(0)\n        yield")
EMPTY = JOB.replace('("ada", "bob", "cyd")', "()")
NO_RENDER = JOB[: JOB.index("@job.render")]
NO_ITEMS = JOB[: JOB.index("@job.items")] + JOB[JOB.index("@job.render") :]

BAD_JOBS = [
    (None, ["No such job file", "job.py"]),
    ("x = 1\n", ["job.py has no job", "job = Job("]),
    ("def (\n", ["job.py can't be loaded", "SyntaxError"]),
    (NO_ITEMS, ["Job('letters') has no items function", "@job.items"]),
    (NO_RENDER, ["Job('letters') has no render function", "@job.render"]),
    (WITHOUT_ID, ["Item 1 has no id", "Give each item an id"]),
    (WITH_NUMBERS, ["Item 1: its id is 3, of type int", "id=str(…)"]),
    (TWICE, ["The id 'ada' comes 2 times (first as item 1, last as item 3)", "an id of its own"]),
    (WITH_DATE, ["Item 'ada': data['born'] is of type datetime.date", "isoformat()"]),
    (RAISES, ["its items function failed after 2 items at", "job.py:", "OSError: the table is gone"]),
    (EXITS, ["its items function failed after 2 items at", "SystemExit"]),
    (EMPTY, ["Job('letters') has no items", "Look at where they come from"]),
    (JOB.replace('"letters"', '"letters", memory="lots"'), ["Job('letters'): memory: 'lots' is not a size", "512MB"]),
    (JOB.replace('"letters"', '"../letters"'), ["Job('../letters')", "letters, digits"]),
]

BAD_OPTIONS = [
    (["--memory", "lots"], ["memory: 'lots' is not a size", "512MB"]),
    (["--timeout", "soon"], ["timeout: 'soon' is not a duration", "1h30m"]),
    (["--timeout", "0"], ["timeout: '0'", "Leave it out"]),
    (["--time-budget", "8 moons"], ["time budget: '8 moons' is not a duration"]),
    (["--chunk-size", "0"], ["chunk size: '0'", "from 1 nor auto"]),
    (["--workers", "0"], ["workers: 0 is not a whole number from 1"]),
    (["--workers", "many"], ["--workers", "many"]),
    (["--attempts", "0"], ["attempts: 0"]),
    (["--limit", "-1"], ["limit: -1"]),
    (["--resume", "--fresh"], ["--resume and --fresh contradict each other"]),
    (["--fresh", "--rerun", "code"], ["--rerun goes with --resume"]),
    (["--progress", "dots"], ["--progress", "dots"]),
    (["--only", "adda"], ["No item matches --only 'adda'", "Close to it: ada"]),
    (["--no-such-option"], ["--no-such-option"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_JOBS)
def test_a_bad_job_is_named_and_nothing_is_touched(here: Path, text: str | None, words: list[str]) -> None:
    if text is not None:
        write_job(here / "job.py", text)
    before = contents(here)
    result = typed("run", "job.py")
    assert result.exit_code == 2, result.output
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stderr.startswith("parbatch: ")
    assert result.stdout == ""
    assert contents(here) == before


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS)
def test_a_bad_option_is_named_and_nothing_is_touched(here: Path, options: list[str], words: list[str]) -> None:
    write_job(here / "job.py")
    before = contents(here)
    result = CliRunner().invoke(command, ["run", "job.py", *options])
    assert result.exit_code == 2, result.output
    assert all(word in result.stderr for word in words), result.stderr
    assert contents(here) == before


@pytest.mark.parametrize(("text", "words"), [job for job in BAD_JOBS if job[0] is not None])
def test_a_bad_job_leaves_an_earlier_run_as_it_was(here: Path, text: str, words: list[str]) -> None:
    write_job(here / "job.py")
    typed("run", "job.py", "--out", "out")
    write_job(here / "job.py", text)
    before = contents(here)
    for way in ("--resume", "--fresh"):
        result = typed("run", "job.py", "--out", "out", way)
        assert result.exit_code == 2
        assert words[0] in result.stderr
        assert contents(here) == before


def test_a_bad_job_leaves_a_folder_that_was_there_as_it_was(here: Path) -> None:
    write_job(here / "job.py", TWICE)
    (here / "out").mkdir()
    (here / "out" / "mine.txt").write_text("mine")
    before = contents(here)
    assert typed("run", "job.py", "--out", "out").exit_code == 2
    assert contents(here) == before


def test_no_such_job_by_name_says_what_a_name_can_be(here: Path) -> None:
    write_job(here / "letters.py")
    result = typed("run", "letters")
    assert result.exit_code == 2
    assert "No job named 'letters'" in result.stderr
    assert "Did you mean letters.py?" in result.stderr
    result = typed("run", "letters.py:other")
    assert result.exit_code == 2
    assert "has no job named 'other'. It has: job." in result.stderr


def test_an_unfinished_earlier_run_is_neither_gone_on_with_nor_started_over_unasked(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py", "--limit", "1")
    before = contents(here)
    result = typed("run", "job.py")
    assert result.exit_code == 2
    assert "outputs/letters holds an unfinished earlier run (1 ok, 2 not). Use --resume" in result.stderr
    assert "--fresh" in result.stderr
    assert contents(here) == before


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_an_output_folder_that_is_a_file_is_named(here: Path, out: str) -> None:
    write_job(here / "job.py")
    (here / "taken").write_text("mine")
    before = contents(here)
    result = typed("run", "job.py", "--out", out)
    assert result.exit_code == 2
    assert f"{here / 'taken'} is a file, not a folder. Give another folder with --out." in result.stderr
    assert contents(here) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that root can't write to either")
def test_an_output_folder_that_cannot_be_written_is_named(here: Path) -> None:
    write_job(here / "job.py")
    result = typed("run", "job.py", "--out", "/proc/parbatch/out")
    assert result.exit_code == 2
    assert "The output folder /proc/parbatch/out can't be used" in result.stderr
    assert "--out" in result.stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root may write into every folder")
def test_an_output_folder_without_write_permission_is_named(here: Path) -> None:
    write_job(here / "job.py")
    (here / "locked").mkdir(mode=0o555)
    result = typed("run", "job.py", "--out", "locked/out")
    assert result.exit_code == 2
    assert "locked" in result.stderr


def spoilt(path: Path, how: str) -> None:
    if how == "damaged":
        path.write_bytes(b"no database at all" * 100)
        return
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA user_version = {FORMAT + 1};")
    db.close()


@pytest.mark.parametrize(("how", "words"), [("damaged", "is damaged"), ("newer", "was written by a newer parbatch")])
@pytest.mark.parametrize("way", [[], ["--resume"]])
def test_a_checkpoint_that_cannot_be_used_is_named_and_not_touched(
    here: Path, how: str, words: str, way: list[str]
) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    spoilt(here / "outputs/letters/run/checkpoint.sqlite", how)
    before = contents(here)
    result = typed("run", "job.py", *way)
    assert result.exit_code == 2
    assert "outputs/letters/run/checkpoint.sqlite" in result.stderr
    assert words in result.stderr
    assert "--fresh" in result.stderr
    assert contents(here) == before


@pytest.mark.parametrize("how", ["damaged", "newer"])
def test_fresh_sets_a_checkpoint_that_cannot_be_used_aside_and_starts_over(here: Path, how: str) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    checkpoint = here / "outputs/letters/run/checkpoint.sqlite"
    spoilt(checkpoint, how)
    spoilt_bytes = checkpoint.read_bytes()
    result = typed("run", "job.py", "--fresh")
    assert result.exit_code == 0, result.output
    assert (here / "outputs/letters/run/checkpoint.sqlite.unreadable-1").read_bytes() == spoilt_bytes
