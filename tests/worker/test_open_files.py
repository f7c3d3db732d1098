"""Files that an item leaves open for writing below its folder are closed, with all that they hold; others stay."""

import logging
import os
import sys
from pathlib import Path

import pytest

from parbatch.worker.open_files import OpenFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not list what is open")


def test_what_a_file_still_holds_is_written_and_the_file_is_closed(tmp_path: Path) -> None:
    files = OpenFiles()
    file = (tmp_path / "left.txt").open("w")
    file.write("held")
    assert files.close_below([str(tmp_path)]) == ["left.txt"]
    assert file.closed
    assert (tmp_path / "left.txt").read_text() == "held"
    assert files.close_below([str(tmp_path)]) == []


def test_what_is_elsewhere_or_only_read_stays_open(tmp_path: Path) -> None:
    (tmp_path / "item").mkdir()
    (tmp_path / "item/read.txt").touch()
    files = OpenFiles()
    with (tmp_path / "other.txt").open("w") as other, (tmp_path / "item/read.txt").open() as read:
        assert files.close_below([str(tmp_path / "item")]) == []
        assert not other.closed
        assert not read.closed


def test_what_was_open_before_stays_open(tmp_path: Path) -> None:
    with (tmp_path / "before.txt").open("w") as before:
        assert OpenFiles().close_below([str(tmp_path)]) == []
        assert not before.closed
        assert OpenFiles(shared=True).close_below([str(tmp_path)]) == ["before.txt"]


def test_a_handler_of_logging_is_taken_from_its_logger(tmp_path: Path) -> None:
    files = OpenFiles()
    logger = logging.getLogger("tests.open_files")
    logger.addHandler(logging.FileHandler(tmp_path / "item.log"))
    assert files.close_below([str(tmp_path)]) == ["item.log"]
    assert logger.handlers == []


def test_a_descriptor_that_only_other_code_knows_leads_nowhere(tmp_path: Path) -> None:
    files = OpenFiles()
    number = os.open(tmp_path / "raw.bin", os.O_WRONLY | os.O_CREAT)
    assert files.close_below([str(tmp_path)]) == ["raw.bin"]
    os.write(number, b"late")
    os.close(number)
    assert (tmp_path / "raw.bin").read_bytes() == b""
