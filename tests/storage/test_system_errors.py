"""Errors of the system in words: the path or the call that failed is always named."""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import Tree
from parbatch.worker.explanations import disk_hint
from tests.faults.outside import small_disk


def caught(function: Callable[[], object]) -> Exception:
    with pytest.raises((OSError, sqlite3.Error)) as caught:
        function()
    return caught.value


def test_an_error_of_writing_names_the_file_although_the_system_does_not() -> None:
    def write() -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    assert in_words(caught(write)) == "/dev/full: No space left on device"


def test_a_file_made_below_a_folder_is_named_when_the_disk_is_full(tmp_path: Path) -> None:
    def write(disk: Path) -> None:
        with Tree(disk).create("some.jsonl") as file:
            file.write(b"x" * 100_000)

    with small_disk(tmp_path / "disk", "32k") as disk:
        assert in_words(caught(lambda: write(disk))) == f"{disk / 'some.jsonl'}: No space left on device"


def test_a_disk_that_has_room_and_can_have_no_more_files_is_told_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m,nr_inodes=4") as disk:

        def write() -> None:
            for number in range(4):
                (disk / str(number)).touch()

        told = disk_hint(cast("OSError", caught(write)), None)
    assert told.startswith(f"the file system of {disk}/3 ({disk}) is full: none of the 4 files (inodes)")


def test_a_call_that_has_to_do_with_no_file_is_named() -> None:
    assert in_words(caught(lambda: os.read(-1, 1))) == "os.read: Bad file descriptor"


def test_a_damaged_file_is_told_from_one_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database" * 100)
    damaged = caught(lambda: sqlite3.connect(tmp_path / "db").execute("SELECT * FROM sqlite_master"))
    assert "is damaged" in str(in_words(damaged, "db"))
    closed = caught(lambda: sqlite3.connect(tmp_path / "no" / "db"))
    assert str(in_words(closed, "db")).startswith("db can't be opened, or a file can't be made beside it")


def test_an_error_that_is_not_the_systems_has_no_words() -> None:
    assert in_words(ValueError("x")) is None
    assert str(in_words(OSError(errno.EIO, "Input/output error", "x"))) == "x: Input/output error"
