"""What people see while a run goes on."""

import io

import pytest

from parbatch.errors import DataError
from parbatch.model import Ended, Evidence, Task
from parbatch.progress import Bar, Lines, Silent, check_mode, start
from tests.support import ended, task


def lines(*settled: tuple[Task, Ended]) -> list[str]:
    stream = io.StringIO()
    progress = Lines(592, stream)
    for one, end in settled:
        progress.settled(one, end)
    progress.close()
    return stream.getvalue().splitlines()


def test_each_item_has_a_line_with_its_number_name_status_and_time() -> None:
    one, two = task(0, item_id="Cherokee Nation"), task(1, item_id="Osage")
    evidence = Evidence(type="ValueError", message="no such city\nlook it up")
    assert lines((one, ended(one, duration_s=0.61)), (two, ended(two, "failed", evidence=evidence, duration_s=75))) == [
        "[1/592] Cherokee Nation ok (0.6 s)",
        "[2/592] Osage failed (1 min 15 s): ValueError: no such city",
    ]


@pytest.mark.parametrize("message", ["", "\n", "\n\nsecond"])
def test_a_failure_without_words_has_a_line_too(message: str) -> None:
    one = task(0, item_id="a")
    (line,) = lines((one, ended(one, "failed", evidence=Evidence(type="E", message=message))))
    assert line.startswith("[1/592] a failed (0.0 s): E")


def test_nothing_in_a_name_or_message_reaches_the_terminal_as_a_command() -> None:
    one = task(0, item_id="a\x1b[2J\rb\u202e")
    (line,) = lines((one, ended(one, "failed", evidence=Evidence(type="E", message="\x1b]0;x\x07"))))
    assert line.isprintable()
    assert "a\\x1b[2J\\rb\\u202e" in line


def test_the_bar_shows_the_counts_of_ok_and_failed_items() -> None:
    stream = io.StringIO()
    bar = Bar(2, stream)
    for one, end in ((task(0), ended(task(0))), (task(1), ended(task(1), "crashed"))):
        bar.settled(one, end)
    bar.say("a word in between")
    bar.close()
    assert "2/2" in stream.getvalue()
    assert "1 ok, 1 failed" in stream.getvalue()
    assert "a word in between\n" in stream.getvalue()


def test_the_mode_chooses_the_display() -> None:
    stream = io.StringIO()
    assert isinstance(start("lines", 1, stream), Lines)
    assert isinstance(start("none", 1, stream), Silent)
    assert isinstance(start("auto", 1, stream), Lines)  # under a test, standard error is no terminal
    silent = start("none", 1, stream)
    silent.settled(task(0), ended(task(0)))
    silent.say("x")
    silent.close()
    assert stream.getvalue() == ""


def test_a_mode_that_there_is_not_is_named() -> None:
    with pytest.raises(DataError, match="progress: 'dots' is not one of auto, bar, lines, none"):
        check_mode("dots")
