"""Which folders belong to a run: what is asked for, what the disk holds, and whether they go together."""

from pathlib import Path

import pytest

from parbatch.errors import FolderError
from parbatch.model.shard import Shard, shard_of
from parbatch.storage.folder import Folder
from parbatch.storage.layout import (
    check_on_disk,
    checkpoints_in,
    part_folder,
    read_layout,
    require_layout,
    wanted_layout,
)
from parbatch.storage.lock import hold
from parbatch.storage.phase_record import PhaseRecord, write_phases
from tests.support import new_checkpoint


def test_an_empty_folder_has_no_layout_and_says_how_to_begin(tmp_path: Path) -> None:
    assert read_layout(Folder(tmp_path / "out")) is None
    with pytest.raises(FolderError, match=r"nothing was run there yet\. Start with parbatch run"):
        require_layout(Folder(tmp_path / "out"))


def test_a_plain_run_is_one_part(tmp_path: Path) -> None:
    new_checkpoint(Folder(tmp_path), "a").close()
    layout = require_layout(Folder(tmp_path))
    assert (layout.kind, [part.name for part in layout.begun()]) == ("single", [""])
    assert layout.locate("a/b")[1] == "a/b"


def test_phases_come_in_order_and_have_their_items_under_their_names(tmp_path: Path) -> None:
    root = Folder(tmp_path)
    root.make()
    write_phases(root, PhaseRecord(("lego", "walls"), "r", "finished"))
    new_checkpoint(root.below("walls"), "a").close()
    layout = require_layout(root)
    assert [part.name for part in layout.parts] == ["lego", "walls"]
    assert [part.name for part in layout.begun()] == ["walls"]
    part, item = layout.locate("lego/a")
    assert (part.name, item) == ("lego", "a")
    assert layout.locate("a")[0].name == "walls"
    assert checkpoints_in(root) == [tmp_path / "walls/run/checkpoint.sqlite"]


def test_shards_are_all_there_once_one_has_begun_and_an_item_is_in_one_of_them(tmp_path: Path) -> None:
    new_checkpoint(part_folder(tmp_path, Shard(2, 3)), "a").close()
    layout = require_layout(Folder(tmp_path))
    assert [part.name for part in layout.parts] == ["1/3", "2/3", "3/3"]
    assert [part.name for part in layout.begun()] == ["2/3"]
    assert layout.locate("ada")[0].name == f"{shard_of('ada', 3)}/3"
    assert require_layout(part_folder(tmp_path, Shard(2, 3))).folder.run.name == "2-of-3"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(None, "Say which one with --shard 1/3 to 3/3"), (Shard(1, 2), "there is no 1/2. Give --shard 1/3 to 3/3")],
)
def test_other_parts_than_those_on_the_disk_are_refused(tmp_path: Path, wanted: Shard | None, words: str) -> None:
    new_checkpoint(part_folder(tmp_path, Shard(2, 3)), "a").close()
    with pytest.raises(FolderError, match=words):
        check_on_disk(wanted_layout(tmp_path, shard=wanted))


def test_a_shard_is_refused_where_there_is_a_run_without_or_one_begins_at_the_moment(tmp_path: Path) -> None:
    with hold(Folder(tmp_path / "out")), pytest.raises(FolderError, match="holds a run without shards"):
        check_on_disk(wanted_layout(tmp_path / "out", shard=Shard(1, 2)))
    new_checkpoint(Folder(tmp_path), "a").close()
    with pytest.raises(FolderError, match="holds a run without shards"):
        check_on_disk(wanted_layout(tmp_path, shard=Shard(1, 2)))
