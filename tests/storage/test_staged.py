"""From an attempt's private folder to readers, whole or not at all."""

import contextlib
import os
from pathlib import Path

import pytest

from parbatch.errors import PublishError
from parbatch.storage.staged import is_intact, stage
from parbatch.storage.tree import digest_file, make_durable, written_whole


@pytest.fixture
def private(tmp_path: Path) -> Path:
    folder = tmp_path / "attempt"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("b")
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "deep" / "c é.txt").write_text("c")
    return folder


@pytest.fixture
def items(tmp_path: Path) -> Path:
    folder = tmp_path / "items"
    folder.mkdir()
    return folder


def test_all_files_are_staged_in_the_order_of_their_paths(private: Path) -> None:
    outputs = stage(private)
    assert [output.path for output in outputs] == ["a.txt", "b.txt", "sub/deep/c é.txt"]
    assert [output.size for output in outputs] == [1, 1, 1]
    assert outputs[0].digest == digest_file(private / "a.txt") != outputs[1].digest


@pytest.mark.parametrize(
    "make",
    [
        lambda place: place.symlink_to("/etc/passwd"),
        lambda place: place.symlink_to("/etc"),
        lambda place: place.symlink_to("nowhere"),
        os.mkfifo,
    ],
)
def test_links_and_pipes_are_not_published(private: Path, make: object) -> None:
    assert callable(make)
    make(private / "sub" / "odd")
    with pytest.raises(PublishError, match=r"sub/odd in ctx\.dir is not a plain file"):
        stage(private)


def test_a_name_that_is_no_text_is_not_published(private: Path) -> None:
    Path(os.fsdecode(bytes(private) + b"/\xff.txt")).write_text("x")
    with pytest.raises(PublishError, match="not valid text"):
        stage(private)


def test_a_file_is_intact_as_long_as_its_content_is(private: Path, items: Path) -> None:
    first, *_ = stage(private)
    (private / "a.txt").rename(items / "a.txt")
    place = items / "a.txt"
    assert is_intact(first, items) is True
    os.utime(place, ns=(0, 0))
    assert is_intact(first, items) is True
    place.write_text("b")
    os.utime(place, ns=(0, 0))
    assert is_intact(first, items) is False
    place.write_text("longer")
    assert is_intact(first, items) is False
    place.unlink()
    assert is_intact(first, items) is None
    place.mkdir()
    assert not is_intact(first, items)


def test_waiting_for_the_disk_returns_and_a_missing_folder_is_an_error(items: Path) -> None:
    make_durable(items)
    with pytest.raises(FileNotFoundError):
        make_durable(items / "missing")


def test_a_file_written_whole_takes_the_place_of_the_old_one_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    with written_whole(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_file_that_was_not_finished_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), written_whole(path) as file:
        file.write(b"%d" % (1 / 0))
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report"]


def test_a_link_in_place_of_an_attempts_folder_is_no_folder(private: Path, tmp_path: Path) -> None:
    made = private.lstat()
    private.rename(tmp_path / "aside")
    private.symlink_to(tmp_path / "aside")
    with pytest.raises(PublishError, match="something else was put in its place"):
        stage(private, made)
    with pytest.raises(PublishError, match="something else was put in its place"):
        stage(private)
