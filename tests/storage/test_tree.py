"""What lies in an output folder is opened as data: below its root, no link followed, plain files alone."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from parbatch.storage import directory
from parbatch.storage.tree import (
    Tree,
    UnsafePathError,
    digest_file,
    is_safe_name,
    is_safe_path,
    open_plain,
    written_whole,
)


@pytest.fixture(params=["by descriptor", "by path"])
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree with `run/logs/a.txt`, and a folder outside with a file; also as on systems without such descriptors."""
    if request.param == "by path":
        monkeypatch.setattr(directory, "BY_DESCRIPTOR", False)
    (tmp_path / "out" / "run" / "logs").mkdir(parents=True)
    (tmp_path / "out" / "run" / "logs" / "a.txt").write_text("a")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "theirs.txt").write_text("theirs")
    return Tree(tmp_path / "out")


def outside(tree: Tree) -> Path:
    return Path(tree.root).parent / "elsewhere"


Way = Callable[[Tree, str], object]
READING: list[Way] = [Tree.read, lambda tree, path: tree.open(path).close(), Tree.is_file]


def _write(tree: Tree, path: str) -> None:
    with tree.written_whole(path) as file:
        file.write(b"ours")


@pytest.mark.parametrize("way", [*READING, _write])
def test_a_link_in_place_of_a_file_is_refused_and_named(tree: Tree, way: Way) -> None:
    Path(tree.root, "run", "lock.json").symlink_to(outside(tree) / "theirs.txt")
    with pytest.raises(UnsafePathError, match="is a link") as caught:
        way(tree, "run/lock.json")
    assert caught.value.filename == f"{tree.root}/run/lock.json"
    assert (outside(tree) / "theirs.txt").read_text() == "theirs"


@pytest.mark.parametrize("way", [*READING, _write])
def test_a_pipe_in_place_of_a_file_is_refused_without_waiting(tree: Tree, way: Way) -> None:
    os.mkfifo(Path(tree.root, "run", "lock.json"))
    with pytest.raises(UnsafePathError, match="is a pipe"):
        way(tree, "run/lock.json")


@pytest.mark.parametrize("way", [*READING, _write, Tree.remove, Tree.remove_tree, Tree.state, Tree.make_folder])
def test_a_link_on_the_way_is_refused_and_named(tree: Tree, way: Way) -> None:
    Path(tree.root, "run", "tmp").symlink_to(outside(tree))
    with pytest.raises(UnsafePathError, match="is a link") as caught:
        way(tree, "run/tmp/theirs.txt")
    assert caught.value.filename == f"{tree.root}/run/tmp"
    assert (outside(tree) / "theirs.txt").read_text() == "theirs"


def test_a_link_in_place_of_a_folder_is_not_emptied(tree: Tree) -> None:
    Path(tree.root, "run", "tmp").symlink_to(outside(tree))
    for way in (Tree.empty, Tree.names, Tree.is_folder):
        with pytest.raises(UnsafePathError):
            way(tree, "run/tmp")
    tree.remove_tree("run/tmp")
    assert (outside(tree) / "theirs.txt").exists()
    assert not Path(tree.root, "run", "tmp").is_symlink()


def test_the_root_may_be_reached_through_a_link(tree: Tree) -> None:
    link = Path(tree.root).parent / "link"
    link.symlink_to(tree.root)
    assert Tree(link).read(link / "run" / "logs" / "a.txt") == b"a"


@pytest.mark.parametrize(
    "path", ["../elsewhere/theirs.txt", "run/../../elsewhere/theirs.txt", "/etc/passwd", "", "a\0b"]
)
def test_no_path_leads_out(tree: Tree, path: str) -> None:
    with pytest.raises(UnsafePathError):
        tree.read(path)


def test_a_whole_path_below_the_root_is_the_same_as_one_that_starts_from_it(tree: Tree) -> None:
    assert tree.read(Path(tree.root, "run/logs/a.txt")) == tree.read("run/logs/a.txt") == b"a"
    with pytest.raises(UnsafePathError, match="does not lie in"):
        tree.read(f"{tree.root}-2/run/logs/a.txt")


def test_a_file_that_is_larger_than_it_may_be_is_not_read(tree: Tree) -> None:
    assert tree.read("run/logs/a.txt", 1) == b"a"
    Path(tree.root, "run/logs/a.txt").write_text("aa")
    with pytest.raises(UnsafePathError, match="more than the 1 bytes"):
        tree.read("run/logs/a.txt", 1)


def test_what_is_missing_is_no_error_where_it_may_be_missing(tree: Tree) -> None:
    assert tree.state("no/where") is None
    assert not tree.is_file("no/where")
    assert tree.names("no") == []
    assert not tree.remove("no/where")
    tree.remove_tree("no/where")
    with pytest.raises(FileNotFoundError) as caught:
        tree.read("run/no")
    assert caught.value.filename == f"{tree.root}/run/no"


def test_another_name_of_a_file_that_is_written_anew_keeps_what_it_had(tree: Tree) -> None:
    log, backup = Path(tree.root, "run/logs/a.txt"), outside(tree) / "backup.txt"
    backup.hardlink_to(log)
    with tree.folder("run/logs") as logs, logs.create("a.txt") as file:
        file.write(b"new")
    assert (log.read_text(), backup.read_text()) == ("new", "a")


def test_a_file_is_written_whole_or_not_at_all(tree: Tree) -> None:
    def break_off() -> None:
        with tree.written_whole("run/a.json") as file:
            file.write(b"half")
            raise RuntimeError

    _write(tree, "run/a.json")
    with pytest.raises(RuntimeError):
        break_off()
    assert tree.read("run/a.json") == b"ours"
    assert tree.names("run") == ["a.json", "logs"]


def test_folders_are_made_emptied_and_removed_with_links_left_where_they_lead(tree: Tree) -> None:
    tree.make_folder("run/tmp/a/b")
    Path(tree.root, "run/tmp/a/link").symlink_to(outside(tree))
    Path(tree.root, "run/tmp/file").touch()
    tree.empty("run/tmp")
    assert tree.names("run/tmp") == []
    assert (outside(tree) / "theirs.txt").exists()


def test_an_error_while_a_file_is_written_names_the_file(tree: Tree) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught, tree.written_whole("run/a.json") as file:
            file.write(b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == f"{tree.root}/run/a.json.new"
    assert tree.names("run") == ["logs"]


def test_a_file_outside_is_read_through_links_but_not_where_it_is_a_pipe_or_a_device(tmp_path: Path) -> None:
    (tmp_path / "template.docx").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "template.docx")
    assert digest_file(tmp_path / "link") == digest_file(tmp_path / "template.docx")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(UnsafePathError) as caught:
            open_plain(path)
        assert caught.value.filename == str(path)


def test_names_and_paths_that_could_lead_elsewhere_are_told_from_those_that_cannot() -> None:
    assert all(map(is_safe_name, ["a", "a b", "..a", "…", "a.stdout.txt", "-"]))
    assert not any(map(is_safe_name, ["", ".", "..", "a/b", "/a", "a\0"]))
    assert all(map(is_safe_path, ["a", "a/b/c.docx"]))
    assert not any(map(is_safe_path, ["", "/a", "a//b", "a/../b", "a/", "../a", "a/./b"]))


def test_what_is_written_beside_anything_but_a_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json.new").symlink_to(tmp_path / "b")
    with pytest.raises(UnsafePathError) as caught, written_whole(tmp_path / "a.json"):
        pass
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "b").exists()
