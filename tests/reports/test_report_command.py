"""`parbatch report`: the reports again, from what the folder holds."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

import parbatch
from parbatch.cli import command
from parbatch.reports import REPORTS
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_existing
from tests.support import JOB, write_job

FAILING = JOB.replace("    (ctx.dir", "    if item.id == 'bob': raise KeyError('city')\n    (ctx.dir")


def typed(*arguments: Any) -> Result:
    return CliRunner().invoke(command, ["report", *map(str, arguments)])


@pytest.fixture
def out(here: Path) -> Path:
    parbatch.run(write_job(here / "job.py", FAILING), backend="inline", progress="none")
    return here / "outputs/letters"


def test_it_writes_what_the_run_wrote_and_says_where(out: Path) -> None:
    before = {name: (out / name).read_bytes() for name in REPORTS}
    for name in REPORTS:
        (out / name).unlink()
    done = typed("job.py")
    assert done.exit_code == 0, done.output
    assert done.output.split() == [f"outputs/letters/{name}" for name in REPORTS]
    assert {name: (out / name).read_bytes() for name in REPORTS} == before


def test_with_a_folder_it_needs_no_job_also_when_both_have_moved(out: Path, here: Path) -> None:
    shutil.move(out, here / "elsewhere")
    (here / "job.py").unlink()
    assert typed("--out", "elsewhere").exit_code == 0
    assert json.loads((here / "elsewhere/report.json").read_text())["out"] == str(here / "elsewhere")


def test_after_a_run_that_was_killed_the_counts_are_the_checkpoints_and_it_says_so(out: Path) -> None:
    checkpoint = open_existing(Folder(out).checkpoint)
    checkpoint.set_run("later", "running")
    checkpoint._db.execute("UPDATE items SET status = 'pending' WHERE id = 'cyd'")
    checkpoint.close()
    done = typed("job.py")
    assert done.exit_code == 0
    assert "The last run (later) was cut off" in done.output
    report = json.loads((out / "report.json").read_text())
    assert (report["success"], report["errors"], report["pending"]) == (1, 1, 1)


def test_a_folder_without_a_run_is_an_error_and_is_not_made(here: Path) -> None:
    done = typed("--out", "nothing")
    assert done.exit_code == 2
    assert "holds no run of parbatch" in done.output
    assert not (here / "nothing").exists()


def test_a_folder_without_a_record_names_what_to_do(out: Path) -> None:
    shutil.rmtree(out / "run/sessions")
    done = typed("job.py")
    assert done.exit_code == 2
    assert "--resume" in done.output


def test_records_of_older_versions_are_read(out: Path) -> None:
    (record,) = (out / "run/sessions").iterdir()
    old = json.loads(record.read_text())
    del old["memory_cap_bytes"]
    record.write_bytes(msgspec.json.encode(old))
    assert typed("job.py").exit_code == 0


def test_during_a_run_it_waits_for_none(out: Path) -> None:
    with hold(Folder(out)):
        assert typed("job.py").exit_code == 3


def test_what_can_not_be_written_is_said(out: Path) -> None:
    (out / "junit.xml").unlink()
    (out / "junit.xml").mkdir()
    done = typed("job.py")
    assert done.exit_code == 1
    assert "junit.xml is a folder, where a file belongs" in done.output
    assert f"{Path('outputs/letters/report.html')}\n" in done.output
