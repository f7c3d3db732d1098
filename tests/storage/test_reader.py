"""Looking into a checkpoint: also during a run, never writing, leaving no trace."""

import os
import sqlite3
from pathlib import Path

import pytest

from parbatch.errors import CheckpointError, FolderError
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold
from parbatch.storage.reader import copy, empty, reading
from tests.support import contents, new_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def test_it_sees_what_was_committed_and_not_what_is_written_meanwhile(folder: Folder) -> None:
    writer = new_checkpoint(folder, "a", "b")
    with reading(folder) as checkpoint:
        assert checkpoint.counts()["pending"] == 2
        writer._db.execute("UPDATE items SET status = 'ok'")
        assert checkpoint.counts()["pending"] == 2
    with reading(folder) as checkpoint:
        assert checkpoint.counts()["ok"] == 2
    writer.close()


def test_it_can_not_write_and_leaves_nothing_behind(folder: Folder) -> None:
    new_checkpoint(folder, "a").close()
    before = contents(folder.root)
    with reading(folder) as checkpoint, pytest.raises(sqlite3.OperationalError, match="readonly"):
        checkpoint._db.execute("UPDATE items SET status = 'ok'")
    assert contents(folder.root) == before


def test_where_there_is_none_it_says_so_and_who_is_about_to_make_one(folder: Folder) -> None:
    with (
        pytest.raises(FolderError, match=r"There is no checkpoint in .*out: nothing was run there yet"),
        reading(folder),
    ):
        pass
    assert not folder.root.exists()
    with hold(folder), pytest.raises(FolderError, match=rf"its first run \(pid {os.getpid()} on "), reading(folder):
        pass


def test_damage_that_shows_only_deep_inside_is_named(folder: Folder) -> None:
    new_checkpoint(folder, *(f"{number:0500}" for number in range(2_000))).close()
    content = bytearray(folder.checkpoint.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 8 * 4096] = b"\xff" * (8 * 4096)
    folder.checkpoint.write_bytes(content)
    with (
        pytest.raises(CheckpointError, match=r"checkpoint\.sqlite (can't be read|is damaged)"),
        reading(folder) as found,
    ):
        found._db.execute("SELECT data, name, id FROM items").fetchall()


def test_a_copy_is_nobody_elses(folder: Folder) -> None:
    new_checkpoint(folder, "a").close()
    before = contents(folder.root)
    with reading(folder) as checkpoint:
        scratch = copy(checkpoint)
    with scratch.transaction():
        scratch._db.execute("UPDATE items SET status = 'ok'")
    assert scratch.counts()["ok"] == 1
    scratch.close()
    assert contents(folder.root) == before
    new = empty()
    assert new.last_run() is None
    new.close()
