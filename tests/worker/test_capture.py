"""What an item prints, at the level of file descriptors."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parbatch.worker.capture import LOG_HALF, Capture, capture_file, copy_captured_output


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    made = Capture(str(tmp_path / "slot"))
    yield made
    made.close()


def printed(capture: Capture, tmp_path: Path, function: Callable[[], object]) -> dict[str, str]:
    with capture.installed():
        function()
        taken = capture.take(str(tmp_path / "item"))
    return {stream: capture_file(str(tmp_path / "item"), stream).read_text(encoding="utf-8") for stream in taken}


def test_a_silent_item_leaves_no_logs(capture: Capture, tmp_path: Path) -> None:
    assert printed(capture, tmp_path, lambda: None) == {}
    assert not capture_file(str(tmp_path / "item"), "stdout").exists()


def test_what_python_prints_is_kept_stream_by_stream(capture: Capture, tmp_path: Path) -> None:
    def say() -> None:
        print("Łódź")
        print("oh", file=sys.stderr)

    assert printed(capture, tmp_path, say) == {"stdout": "Łódź\n", "stderr": "oh\n"}


def test_descriptors_and_child_processes_are_heard_too(capture: Capture, tmp_path: Path) -> None:
    def say() -> None:
        print("python")
        os.write(1, b"descriptor\n")
        subprocess.run(["sh", "-c", "echo child; echo woe >&2"], check=True)

    assert printed(capture, tmp_path, say) == {"stdout": "python\ndescriptor\nchild\n", "stderr": "woe\n"}


def test_text_that_utf8_cannot_hold_is_escaped_and_fails_nobody(capture: Capture, tmp_path: Path) -> None:
    assert printed(capture, tmp_path, lambda: print("\ud800")) == {"stdout": "\\ud800\n"}


def test_each_item_has_its_own_words_alone(capture: Capture, tmp_path: Path) -> None:
    assert printed(capture, tmp_path, lambda: print("one")) == {"stdout": "one\n"}
    assert printed(capture, tmp_path, lambda: print("two")) == {"stdout": "two\n"}
    assert printed(capture, tmp_path, lambda: None) == {}


def close_both() -> None:
    os.close(1)
    os.close(2)


def replace_one() -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.close(descriptor)


def close_the_stream() -> None:
    sys.stdout.close()


def replace_the_stream() -> None:
    sys.stdout = sys.__stderr__


@pytest.mark.parametrize("harm", [close_both, replace_one, close_the_stream, replace_the_stream])
def test_an_item_that_closes_or_replaces_its_streams_silences_no_other(
    capture: Capture, tmp_path: Path, harm: Callable[[], None]
) -> None:
    with capture.installed():
        print("before")
        harm()
        assert "stdout" in capture.take(str(tmp_path / "first"))
        print("after")
        os.write(2, b"errors\n")
        assert capture.take(str(tmp_path / "second")) == ("stdout", "stderr")
    assert (tmp_path / "first.stdout").read_text() == "before\n"
    assert (tmp_path / "second.stdout").read_text() == "after\n"
    assert (tmp_path / "second.stderr").read_text() == "errors\n"


def test_afterwards_the_streams_are_what_they_were(capture: Capture, tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr, os.fstat(1).st_ino, os.fstat(2).st_ino
    printed(capture, tmp_path, close_both)
    assert (sys.stdout, sys.stderr, os.fstat(1).st_ino, os.fstat(2).st_ino) == before


def test_a_flood_is_cut_in_the_middle_and_both_ends_are_kept(capture: Capture, tmp_path: Path) -> None:
    def flood() -> None:
        os.write(1, b"begin")
        for _ in range(5):
            os.write(1, b"x" * LOG_HALF)
        os.write(1, b"end")

    log = printed(capture, tmp_path, flood)["stdout"]
    assert log.startswith("begin")
    assert log.endswith("end")
    assert f"[parbatch: {5 * LOG_HALF + 8 - 2 * LOG_HALF} bytes cut here]" in log
    assert len(log) < 2 * LOG_HALF + 100


def test_what_is_taken_later_goes_below_and_over_what_another_attempt_has_left(
    capture: Capture, tmp_path: Path
) -> None:
    (tmp_path / "0.1.stderr").write_text("of an attempt that was lost\n")
    with capture.installed():
        print("first")
        taken = capture.take(str(tmp_path / "0.1"))
        print("second")
        print("and this", file=sys.stderr)
        more = capture.take(str(tmp_path / "0.1"), below=taken)
    assert (taken, more) == (("stdout",), ("stdout", "stderr"))
    assert (tmp_path / "0.1.stdout").read_text() == "first\nsecond\n"
    assert (tmp_path / "0.1.stderr").read_text() == "and this\n"


def test_what_was_printed_before_the_first_item_can_be_dropped(capture: Capture, tmp_path: Path) -> None:
    with capture.installed():
        print("setup")
        capture.drop()
        print("item")
        capture.take(str(tmp_path / "item"))
    assert (tmp_path / "item.stdout").read_text() == "item\n"


def test_a_dead_workers_last_words_can_be_read_from_outside(tmp_path: Path) -> None:
    program = (
        "import os, sys; from parbatch.worker.capture import Capture; Capture(sys.argv[1]).install();"
        "print('last words'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "slot")], check=True)
    assert copy_captured_output(str(tmp_path / "slot"), str(tmp_path / "item")) == ("stdout",)
    assert (tmp_path / "item.stdout").read_text() == "last words\n"
    assert copy_captured_output(str(tmp_path / "nobody"), str(tmp_path / "item")) == ()
