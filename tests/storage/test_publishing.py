"""An attempt's files get their places before readers, all of them or none, and never in place of somebody else's."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parbatch.errors import PublishError
from parbatch.storage.directory import Directory
from parbatch.storage.publishing import ForeignFileError, Publication, Publisher, remove_published
from parbatch.storage.staged import stage
from parbatch.storage.tree import Tree
from tests.support import contents, staged

if TYPE_CHECKING:
    from parbatch.model.outcome import Output


class Desk:
    """A folder `items`, and attempts that a test writes."""

    def __init__(self, root: Path) -> None:
        self.items = root / "items"
        self.tmp = root / "tmp"
        self.items.mkdir()
        self.tmp.mkdir()
        self.publisher = Publisher(Tree(root), "items", "tmp")
        self.known: dict[str, Output] = {}

    def publish(self, attempt: str = "0.1", **files: str) -> Publication:
        outputs = staged(self.tmp / attempt, **files)
        return self.publisher.publish(attempt, outputs, lambda path, _: self.known.get(path))

    def publish_for_good(self, attempt: str = "0.1", **files: str) -> Publication:
        publication = self.publish(attempt, **files)
        self.known |= {output.path: output for output in publication.outputs}
        self.publisher.discard(publication)
        return publication

    def seen(self) -> dict[str, str | None]:
        return {name: text.decode() if text is not None else None for name, text in contents(self.items).items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.publisher.close()


def test_published_files_keep_their_sub_folders_and_leave_nothing_private(desk: Desk) -> None:
    folder = desk.tmp / "0.1/sub/deep"
    folder.mkdir(parents=True)
    (folder / "c é.txt").write_text("c")
    (desk.tmp / "0.1/a.txt").write_text("a")
    publication = desk.publisher.publish("0.1", stage(desk.tmp / "0.1"), lambda *_: None)
    assert desk.seen() == {"a.txt": "a", "sub": None, "sub/deep": None, "sub/deep/c é.txt": "c"}
    desk.publisher.discard(publication)
    assert [*desk.tmp.iterdir()] == []
    assert (desk.items / "a.txt").read_text() == "a"


def test_a_new_output_takes_the_place_of_the_old_one(desk: Desk) -> None:
    desk.publish_for_good(a="old")
    publication = desk.publish("0.2", a="new")
    assert desk.seen() == {"a.txt": "new"}
    assert publication.edited == []
    desk.publisher.discard(publication)
    assert [*desk.tmp.iterdir()] == []


@pytest.mark.parametrize("text", ["precious", "a"[:0]])
def test_a_file_that_was_not_published_is_left_as_it_is_and_named(desk: Desk, text: str) -> None:
    (desk.items / "b.txt").write_text(text)
    before = (desk.items / "b.txt").stat()
    with pytest.raises(ForeignFileError, match=r"items/b\.txt is there already.*--resume"):
        desk.publish(a="1", b="22", c="3")
    assert desk.seen() == {"b.txt": text}
    assert (desk.items / "b.txt").stat() == before


def test_a_link_or_a_pipe_that_is_in_the_way_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (desk.items / "a.txt").symlink_to(tmp_path / "mine")
    os.mkfifo(desk.items / "b.txt")
    for name in ("a", "b"):
        with pytest.raises(ForeignFileError):
            desk.publish(f"{name}.1", **{name: "mine"})
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_same_bytes_that_are_there_already_are_taken_as_they_are(desk: Desk) -> None:
    """As where somebody removed the checkpoint, or the disk gives no file two names and the run was killed."""
    (desk.items / "a.txt").write_text("a")
    os.utime(desk.items / "a.txt", ns=(5, 5))
    (output,) = desk.publish(a="a").outputs
    assert output.mtime_ns == 5
    assert desk.seen() == {"a.txt": "a"}


@pytest.mark.parametrize("obstacle", ["folder", "file instead of a folder"])
def test_where_one_file_is_in_the_way_none_is_published(desk: Desk, obstacle: str) -> None:
    (desk.tmp / "0.1/sub").mkdir(parents=True)
    (desk.tmp / "0.1/a.txt").write_text("a")
    (desk.tmp / "0.1/sub/c.txt").write_text("c")
    if obstacle == "folder":
        (desk.items / "sub/c.txt").mkdir(parents=True)
    else:
        (desk.items / "sub").write_text("a file")
    with pytest.raises(PublishError, match="can't be published"):
        desk.publisher.publish("0.1", stage(desk.tmp / "0.1"), lambda *_: None)
    assert not (desk.items / "a.txt").exists()


def test_what_is_taken_back_leaves_what_was_there_before(desk: Desk) -> None:
    desk.publish_for_good(a="old a", b="old b")
    (desk.items / "b.txt").write_text("edited b")
    (desk.items / "c.txt").mkdir()
    with pytest.raises(PublishError):
        desk.publish("0.2", a="new a", b="new b", c="new c")
    assert desk.seen() == {"a.txt": "old a", "b.txt": "edited b", "c.txt": None}


@pytest.mark.parametrize("edit", ["content", "link", "date"])
def test_an_output_that_was_edited_is_kept_and_told_of(desk: Desk, edit: str) -> None:
    desk.publish_for_good(a="old")
    place = desk.items / "a.txt"
    if edit == "content":
        place.write_text("corrected")
    elif edit == "link":
        place.unlink()
        place.symlink_to("elsewhere")
    else:
        os.utime(place, ns=(1, 1))
    publication = desk.publish("0.2", a="new")
    assert desk.seen() == {"a.txt": "new"}
    assert publication.edited == ([] if edit == "date" else ["a.txt"])
    kept = desk.tmp / "0.2.old/a.txt"
    if edit == "content":
        assert kept.read_text() == "corrected"


def test_an_attempts_folder_that_is_a_link_publishes_nothing_from_elsewhere(desk: Desk, tmp_path: Path) -> None:
    outputs = staged(tmp_path / "elsewhere", a="not an output")
    (desk.tmp / "0.1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError):
        desk.publisher.publish("0.1", outputs, lambda *_: None)
    assert desk.seen() == {}


def test_removing_an_output_removes_the_folders_that_this_empties(tmp_path: Path) -> None:
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "sub/deep/c.txt").write_text("c")
    (tmp_path / "sub/other.txt").write_text("other")
    with Tree(tmp_path).folder() as folder:
        remove_published(folder, "sub/deep/c.txt")
        assert sorted(contents(tmp_path)) == ["sub", "sub/other.txt"]
        remove_published(folder, "sub/other.txt")
        remove_published(folder, "sub/other.txt")
    assert [*tmp_path.iterdir()] == []


@pytest.fixture(params=["looks first", "refuses at once"])
def without_second_names(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gives no file two names, as FAT. Linux looks first whether the new name is taken."""

    def link(_: str, new: str, *, dst_dir_fd: int, **__: object) -> None:
        if request.param == "looks first" and os.path.lexists(f"/proc/self/fd/{dst_dir_fd}/{new}"):
            raise FileExistsError(errno.EEXIST, "File exists", new)
        raise PermissionError(errno.EPERM, "Operation not permitted", new)

    monkeypatch.setattr(os, "link", link)


@pytest.mark.usefixtures("without_second_names")
def test_on_a_disk_without_second_names_outputs_are_published_replaced_and_taken_back(desk: Desk) -> None:
    desk.publish_for_good(a="old")
    publication = desk.publish("0.2", a="new", b="more")
    assert desk.seen() == {"a.txt": "new", "b.txt": "more"}
    desk.publisher.take_back(publication)
    assert desk.seen() == {"a.txt": "old"}
    (desk.items / "c.txt").mkdir()
    with pytest.raises(PublishError, match="a folder of that name is there"):
        desk.publish("0.3", a="newer", c="new")
    assert desk.seen() == {"a.txt": "old", "c.txt": None}


@pytest.mark.usefixtures("without_second_names")
def test_a_file_that_goes_just_as_it_is_in_the_way_is_no_obstacle_on_such_a_disk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Directory.state

    def gone_just_now(folder: Directory, name: str) -> os.stat_result | None:
        if folder.path == str(desk.items):
            (desk.items / name).unlink(missing_ok=True)
        return look(folder, name)

    (desk.items / "a.txt").write_text("somebody's, for a moment")
    monkeypatch.setattr(Directory, "state", gone_just_now)
    publication = desk.publish(a="new")
    assert [output.path for output in publication.outputs] == ["a.txt"]
    assert desk.seen() == {"a.txt": "new"}
