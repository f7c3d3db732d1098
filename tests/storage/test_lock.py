"""Who holds an output folder, and what is left of one that nobody has run in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parbatch.errors import FolderError, FolderHeldError
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold, holder

HOLDER = """
import sys
from pathlib import Path
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold, holder
with hold(Folder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_at_once_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FolderHeldError) as caught, hold(folder):
            pass
        other.kill()
        other.wait()
    assert str(folder.root) in str(caught.value)
    assert f"pid {other.pid} on {os.uname().nodename}, started " in str(caught.value)
    assert "--out" in str(caught.value)
    with hold(folder):  # a holder that was killed leaves nothing stale
        pass


def test_a_folder_in_which_nothing_was_run_is_gone_again(tmp_path: Path) -> None:
    with hold(Folder(tmp_path / "a" / "b" / "out")):
        assert (tmp_path / "a/b/out/items").is_dir()
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_holds_a_run_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    with hold(folder) as held:
        held.keep()
    assert sorted(path.name for path in folder.root.iterdir()) == ["items", "run"]
    assert not (folder.run / "lock.json").exists()


def test_what_others_put_beside_it_meanwhile_is_never_removed(tmp_path: Path) -> None:
    with hold(Folder(tmp_path / "outputs" / "a")):
        (tmp_path / "outputs" / "b").mkdir()
        (tmp_path / "outputs" / "b" / "finished.txt").write_text("finished")
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["b"]
    assert (tmp_path / "outputs" / "b" / "finished.txt").read_text() == "finished"


def test_what_was_there_before_stays_and_what_was_made_goes(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "mine.txt").write_text("mine")
    with hold(Folder(tmp_path)):
        pass
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["items", "items/mine.txt"]


@pytest.mark.parametrize("name", ["out", "items", "run", "run/logs"])
def test_a_file_where_a_folder_has_to_be_is_named(tmp_path: Path, name: str) -> None:
    place = tmp_path / "out" / name if name != "out" else tmp_path / "out"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    with pytest.raises(FolderError) as caught, hold(Folder(tmp_path / "out")):
        pass
    assert str(place) in str(caught.value)
    assert place.read_text() == "mine"


def test_who_holds_a_folder_is_seen_without_holding_it_and_a_holder_that_was_killed_is_not(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    assert holder(folder) is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        found = holder(folder)
        assert found is not None
        assert found.pid == other.pid
        other.kill()
        other.wait()
    assert (folder.run / "lock.json").exists()
    assert holder(folder) is None


def test_of_a_holder_on_another_host_nothing_is_known_and_it_is_believed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.run.mkdir()
    (folder.run / "lock.json").write_text('{"pid": 1, "host": "elsewhere", "started_at": "2000-01-01T00:00:00+00:00"}')
    assert str(holder(folder)) == "pid 1 on elsewhere, started 2000-01-01T00:00:00+00:00"
