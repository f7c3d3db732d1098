"""A checkpoint's file: whole before it has its name, opened with care, set aside where it can't be read."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from parbatch.errors import CheckpointError, DamagedCheckpointError
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.opening import create, open_existing, set_aside, settle
from parbatch.storage.reader import reading
from parbatch.storage.schema import FORMAT, OLDEST_FORMAT
from tests.support import new_checkpoint, row


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def test_a_new_checkpoint_has_its_name_only_once_it_is_whole(folder: Folder) -> None:
    folder.make()
    new = create(folder.checkpoint)
    assert not folder.checkpoint.exists()
    settled = settle(new, folder.checkpoint)
    assert [path.name for path in folder.run.glob("checkpoint*.new*")] == []
    settled.close()


def test_what_a_killed_run_left_of_a_new_checkpoint_is_in_nobodys_way(folder: Folder) -> None:
    folder.make()
    create(folder.checkpoint).close()
    checkpoint = new_checkpoint(folder, "a")
    assert checkpoint.counts()["pending"] == 1


# --- checkpoints that can't be used


def damaged_header(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def of_somebody_else(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE items (id)")
    db.close()


def without_its_table(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE items; VACUUM;")
    db.close()


def from_the_future(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA user_version = {FORMAT + 1}; PRAGMA journal_mode = DELETE;")
    db.close()


def from_the_past(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA user_version = {OLDEST_FORMAT - 1}; PRAGMA journal_mode = DELETE;")
    db.close()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged_header, "is damaged"),
        (cut_short, "is damaged"),
        (emptied, "is not a checkpoint of parbatch"),
        (of_somebody_else, "is not a checkpoint of parbatch"),
        (without_its_table, "is damaged"),
        (from_the_future, rf"newer parbatch \(format {FORMAT + 1}, this one reads {FORMAT}\): upgrade"),
        (from_the_past, rf"an older parbatch \(format {OLDEST_FORMAT - 1}, this one reads {FORMAT}\): finish it"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_named_and_not_touched(folder: Folder, spoil: object, words: str) -> None:
    new_checkpoint(folder, *(f"i{number}" for number in range(500))).close()
    assert callable(spoil)
    spoil(folder.checkpoint)
    before = {path.name: path.is_file() and path.read_bytes() for path in folder.run.iterdir()}
    with pytest.raises(CheckpointError, match=words) as caught:
        open_existing(folder.checkpoint)
    assert str(folder.checkpoint) in str(caught.value)
    assert "--fresh" in str(caught.value)
    assert {path.name: path.is_file() and path.read_bytes() for path in folder.run.iterdir()} == before


def test_a_checkpoint_that_cannot_be_opened_is_not_called_damaged(folder: Folder) -> None:
    new_checkpoint(folder, "a").close()
    a_folder(folder.checkpoint)
    with pytest.raises(CheckpointError, match="can't be opened") as caught:
        open_existing(folder.checkpoint)
    assert not isinstance(caught.value, DamagedCheckpointError)
    assert "--fresh" not in str(caught.value)


def test_an_unreadable_checkpoint_is_set_aside_under_a_name_of_its_own(folder: Folder) -> None:
    folder.make()
    names = []
    for text in ("first", "second"):
        folder.checkpoint.write_text(text)
        Path(f"{folder.checkpoint}-wal").write_text(f"the end of the {text}")
        aside = set_aside(folder.checkpoint)
        names.append(aside.name)
        assert aside.read_text() == text
        assert Path(f"{aside}-wal").read_text() == f"the end of the {text}"
        assert not Path(f"{folder.checkpoint}-wal").exists()
        assert not folder.checkpoint.exists()
    assert names == ["checkpoint.sqlite.unreadable-1", "checkpoint.sqlite.unreadable-2"]


def test_opening_somebodys_checkpoint_runs_none_of_their_code(folder: Folder, tmp_path: Path) -> None:
    new_checkpoint(folder, "a").close()
    witness = tmp_path / "witness"
    db = sqlite3.connect(folder.checkpoint)
    payload = f"cos\nsystem\n(S'touch {witness}'\ntR."
    db.execute("UPDATE items SET result = ?, status = 'ok'", (json.dumps(payload),))
    db.commit()
    db.close()
    checkpoint = open_existing(folder.checkpoint)
    assert isinstance(checkpoint, Checkpoint)
    assert [outcome.result for outcome in checkpoint.outcomes()] == [payload]
    assert not witness.exists()


def as_format_2(path: Path) -> None:
    """A checkpoint as the version before wrote it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(
            "ALTER TABLE items DROP COLUMN published; ALTER TABLE gone DROP COLUMN published; DROP TABLE withdrawn;"
            "PRAGMA user_version = 2;"
        )


def test_a_checkpoint_of_the_format_before_is_gone_on_with_and_read_without_being_touched(folder: Folder) -> None:
    new_checkpoint(folder, "a", "b").close()
    as_format_2(folder.checkpoint)
    before = folder.checkpoint.read_bytes()
    with reading(folder) as checkpoint:
        assert [outcome.item.id for outcome in checkpoint.outcomes()] == ["a", "b"]
    assert folder.checkpoint.read_bytes() == before
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        assert checkpoint._db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert row(checkpoint, "a")["published"] is None
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        assert checkpoint.counts()["pending"] == 2
