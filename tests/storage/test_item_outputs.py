"""What the checkpoint knows of an item's outputs, and what a resumption makes of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import parbatch
from tests.support import JOB, contents, typed, write_job

HERE = Path(__file__).parents[1]


def test_a_date_beyond_what_the_checkpoint_holds_is_no_trouble_to_anybody(here: Path) -> None:
    """A file dated past 2262, as archives carry them."""
    job = HERE / "jobs/strange_dates.py"
    first = typed("run", str(job), "--workers", "1")
    assert first.exit_code == 0, first.output
    assert "all 6 items are ok" in typed("run", str(job), "--resume").stdout
    (here / "outputs/dates/items/i3.txt").unlink()
    again = typed("run", str(job), "--resume")
    assert "1 output missing" in again.stdout
    assert (here / "outputs/dates/items/i3.txt").read_text() == "i3"


def test_an_output_whose_row_was_lost_is_missed_as_a_file_would_be(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    with closing(sqlite3.connect(here / "outputs/letters/run/checkpoint.sqlite")) as db:
        db.execute("DELETE FROM outputs WHERE id = 'bob'")
        db.commit()
    (here / "outputs/letters/items/bob.txt").unlink()
    result = typed("run", "job.py", "--resume")
    assert "1 output missing" in result.stdout
    assert (here / "outputs/letters/items/bob.txt").exists()


@pytest.mark.parametrize("text", [JOB, JOB.replace("(ctx.dir", "1 / (item.id == 'ada')\n    (ctx.dir")])
def test_ok_says_whether_all_is_well(here: Path, text: str) -> None:
    result = parbatch.run(str(write_job(here / "job.py", text)), backend="inline", progress="none")
    assert result.ok is (result.exit_code == 0) is (result.errors == 0)
    assert result.as_dict()["ok"] is result.ok
    assert f'"ok": {str(result.ok).lower()}'.encode() in (contents(here)["outputs/letters/report.json"] or b"")
