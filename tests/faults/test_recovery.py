"""What a killed run had begun to publish or withdraw is brought to an end, or taken back, by the next."""

import contextlib
import subprocess
import sys
from pathlib import Path

from parbatch.storage.opening import open_existing
from parbatch.storage.recovery import recover
from tests.faults.recovery_points import EDITED, FAILS, begin, problems, run

ROOT = Path(__file__).parents[2]


def test_killed_at_any_step_a_run_leaves_nothing_wrong(tmp_path: Path) -> None:
    """Every seventh of some hundred steps; `python -m tests.faults.recovery_points FOLDER` does them all."""
    command = [sys.executable, "-m", "tests.faults.recovery_points", str(tmp_path), "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout


def test_what_was_withdrawn_before_a_power_cut_undid_the_commit_is_put_back(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    killed = folder.withdrawn / "killed"
    killed.mkdir(parents=True)
    (folder.tmp / "killed").mkdir()
    (folder.items / f"{FAILS}.txt").rename(killed / f"{FAILS}.txt")
    assert [*problems(folder)] == []


def test_what_was_withdrawn_and_is_unknown_is_written_down(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    (folder.withdrawn / "killed").mkdir(parents=True)
    (folder.tmp / "killed").mkdir()
    (folder.withdrawn / "killed/x.txt").write_text("unknown")
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        recover(checkpoint, folder)
        assert checkpoint._db.execute("SELECT path, is_done FROM withdrawn").fetchall() == [("x.txt", 1)]
    assert (folder.withdrawn / "killed/x.txt").read_text() == "unknown"


def test_recovering_twice_changes_nothing(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    run(folder, "second", "new", fails=FAILS)
    before = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.txt")}
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        recover(checkpoint, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*.txt")} == before
    assert (folder.withdrawn / f"second/{EDITED}.txt").read_text() == "by hand"


def test_what_was_edited_and_cannot_be_withdrawn_now_is_kept_until_it_can_be(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    folder.withdrawn.write_text("in the way")
    run(folder, "second", "new", fails=FAILS)
    for _ in range(2):
        with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
            recover(checkpoint, folder)
    assert (folder.items / f"{EDITED}.txt").read_text() == f"{EDITED} new"
    folder.withdrawn.unlink()
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        recover(checkpoint, folder)
    assert (folder.withdrawn / f"second/{EDITED}.txt").read_text() == "by hand"
    assert [*folder.tmp.iterdir()] == []
