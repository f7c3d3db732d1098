"""What people see while a run goes on."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parbatch.errors import DataError
from parbatch.model.fingerprint import fingerprint
from parbatch.model.item import Task
from parbatch.model.messages import Ended
from parbatch.model.problem import Evidence
from parbatch.model.values import check_mode
from parbatch.reports.progress import Bar, Lines, Silent, cause, reading_items, start
from tests.support import ended, loaded, make_job, task


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
        "[2/592] Osage failed (1 min 15 s): ValueError: no such city look it up",
    ]


def test_of_a_long_message_the_middle_is_left_out_and_its_end_stays() -> None:
    message = f"Command '{['soffice', *(f'--option-{n}' for n in range(50))]}' returned non-zero exit status 1."
    told = cause("CalledProcessError", message)
    assert told.startswith("CalledProcessError: Command '['soffice', '--option-0'")
    assert told.endswith("returned non-zero exit status 1.")
    assert len(told) < 300


def failed(number: int, message: str) -> tuple[Task, Ended]:
    """An item that failed, with the fingerprint that its message has."""
    one, evidence = task(number), Evidence(type="KeyError", message=message)
    end = ended(one, "failed", evidence=evidence, fingerprint=fingerprint("failed", evidence, one.id, one.name))
    return one, end


def test_the_bar_names_each_cause_once_as_the_summary_does() -> None:
    """Two missing keys are two causes, though both are a KeyError."""
    stream = io.StringIO()
    bar = Bar(4, stream)
    for number, message in enumerate(
        ("row 1 has no city", "row 2 has no city", "row 3 has no zip", "row 4 has\nno city")
    ):
        bar.settled(*failed(number, message))
    bar.close()
    told = [line for line in stream.getvalue().replace("\r", "\n").splitlines() if "KeyError" in line]
    assert told == ["i0 failed: KeyError: row 1 has no city", "i2 failed: KeyError: row 3 has no zip"]


def test_many_items_have_a_line_each_for_the_first_thousand_and_then_one_in_ten_seconds() -> None:
    stream, clock = io.StringIO(), [0.0]
    progress = Lines(5_000, stream, now=lambda: clock[0])
    for number in range(5_000):
        clock[0] += 0.005  # 20 s for what comes after the first thousand
        end = (task(number), ended(task(number))) if number not in {2_000, 2_001} else failed(number, "no city")
        progress.settled(*end)
    progress.close()
    told = stream.getvalue().splitlines()
    assert told[999].startswith("[1000/5000] i999 ok (")
    assert told[1000] == "From here on a line every 10 s, and one for each new cause of failures."
    assert told[1001:] == [
        "[2001/5000] i2000 failed (0.0 s): KeyError: no city",
        "[3000/5000] 2998 ok, 2 failed",
        "[5000/5000] 4998 ok, 2 failed",
    ]


def test_a_source_that_is_slow_is_told_of_while_it_is_read(tmp_path: Path) -> None:
    told = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            told.set()
            return super().write(text)

    def people() -> Iterator[dict[str, Any]]:
        yield {"id": "a"}
        assert told.wait(30)
        yield {"id": "b"}

    stream = Stream()
    with reading_items(loaded(make_job(people), tmp_path), "lines", stream) as read:
        assert [one["id"] for one in read.job.source()] == ["a", "b"]
    assert stream.getvalue() == "Reading items: 1 so far.\n"


def test_a_source_that_is_quick_is_not_told_of(tmp_path: Path) -> None:
    stream = io.StringIO()
    for mode in ("lines", "none"):
        with reading_items(loaded(make_job([{"id": "a"}]), tmp_path), mode, stream) as read:
            assert len(list(read.job.source())) == 1
    assert stream.getvalue() == ""


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


def test_what_takes_its_time_is_told_of_in_the_bar_and_now_and_then_in_a_line() -> None:
    screen, paper = io.StringIO(), io.StringIO()
    bar, told = Bar(3, screen), Lines(3, paper)
    for seconds in range(5, 130, 5):
        for progress in (bar, told):
            progress.waits_for("setup in worker 1", float(seconds))
    bar.waits_for("", 0.0)
    bar.close()
    assert "0 ok, 0 failed, waiting for setup in worker 1 (120 s)" in screen.getvalue()
    assert screen.getvalue().rstrip().endswith("0 ok, 0 failed]")
    assert paper.getvalue().splitlines() == [
        "[0/3] waiting for setup in worker 1 (30.0 s)",
        "[0/3] waiting for setup in worker 1 (1 min 00 s)",
        "[0/3] waiting for setup in worker 1 (2 min 00 s)",
    ]
