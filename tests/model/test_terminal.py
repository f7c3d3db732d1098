"""Text for people is written where it can be, and costs nothing but itself where it can't."""

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parbatch.model.terminal import Screen, flushing_anyway, is_terminal, put, show
from parbatch.reports.progress import Bar, Lines
from tests.output_to import FULL, PRINTS_PLAINLY, needs_full_disk, shell, start, statuses
from tests.support import JOB, ended, task, write_job

# --- streams of every kind


class Broken(io.StringIO):
    """A stream that a library put there, and that lacks what streams have."""

    def write(self, _: str) -> int:
        raise TypeError("no text, please")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [lambda: None, closed, Broken])
def test_a_line_for_which_there_is_no_stream_is_left_out(make: Callable[[], Any]) -> None:
    stream = make()
    assert not show("a line", stream)
    assert not is_terminal(stream)
    for progress in (Lines(2, stream), Bar(2, stream)):
        progress.settled(task(0), ended(task(0), "failed"))
        progress.say("a word in between")
        progress.close()


@needs_full_disk
def test_nothing_that_could_not_be_written_stays_in_the_stream_of_whoever_calls() -> None:
    with FULL.open("w", encoding="utf-8") as stream:  # closing it would raise
        assert not show("a line", stream)
        with pytest.raises(OSError, match="No space"):
            put(b"data", stream)


def test_a_line_comes_below_what_was_printed_before_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        stream.write("one, ")
        assert show("two", stream)
        stream.write("three")
    assert (tmp_path / "log").read_text() == "one, two\nthree"


def test_characters_that_an_encoding_lacks_are_escaped(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        assert show("Łódź \udcff", stream)
        Screen(stream).write("ó\n")
    assert (tmp_path / "log").read_text() == "\\u0141\\xf3d\\u017a \\udcff\n\\xf3\n"


@needs_full_disk
def test_code_that_flushes_may_do_so_where_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    full = FULL.open("w", encoding="utf-8")
    full.write("not flushed yet")
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", None)
    with flushing_anyway():
        sys.stdout.flush()
        sys.stderr.flush()
    assert sys.stdout is full
    assert sys.stderr is None
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space"):
        full.close()


# --- a run goes on to its end


@needs_full_disk
@pytest.mark.parametrize(
    ("progress", "redirected"),
    [
        ("lines", ">/dev/full"),
        ("lines", ">/dev/full 2>&1"),
        ("bar", ">/dev/full 2>&1"),
        ("lines", "<&- >&- 2>&-"),
        ("bar", ">&- 2>&-"),
        ("bar", "2>&-"),
    ],
)
def test_a_run_whose_output_cannot_be_written_goes_on_to_its_true_end(
    here: Path, progress: str, redirected: str
) -> None:
    write_job(here / "job.py", PRINTS_PLAINLY)
    run = shell(f"$P run job.py --workers 1 --out out --progress {progress} {redirected}")
    assert (run.returncode, statuses(here / "out")) == (0, {"ok": 1}), run.stderr
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr


def test_a_run_inside_this_process_without_standard_output_makes_its_items(here: Path) -> None:
    write_job(here / "job.py")
    run = shell("$P run job.py --backend inline --out out >&- 2>&-")
    assert (run.returncode, statuses(here / "out")) == (0, {"ok": 3})


def test_a_reader_that_closes_the_pipe_costs_a_run_nothing(here: Path) -> None:
    write_job(here / "job.py")
    run = shell("{ $P run job.py --workers 1 --out out; echo $? >&2; } | :")
    assert (run.stderr, statuses(here / "out")) == ("0\n", {"ok": 3})


@pytest.mark.parametrize("progress", ["auto", "lines"])
def test_a_terminal_that_goes_away_costs_a_run_nothing(here: Path, progress: str) -> None:
    write_job(
        here / "job.py", JOB.replace("    (ctx", "    if item.id == 'bob':\n        open('gate').read()\n    (ctx")
    )
    os.mkfifo(here / "gate")
    ours, theirs = pty.openpty()

    def without_hangup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.setsid()

    arguments = ["run", "job.py", "--workers", "1", "--chunk-size", "1", "--out", "out", "--progress", progress]
    with start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=without_hangup) as run:
        os.close(theirs)
        gate = os.open(here / "gate", os.O_WRONLY)  # opens when the item is in flight
        os.close(ours)
        os.close(gate)
        assert run.wait() == 0
    assert statuses(here / "out") == {"ok": 3}


def test_a_script_whose_own_output_is_full_can_run_a_job(here: Path) -> None:
    write_job(here / "job.py")
    write_job(
        here / "script.py",
        """
        import os, parbatch
        if __name__ == "__main__":
            print("not flushed yet")
            os._exit(0 if parbatch.run("job.py", workers=1, out="out", progress="lines").exit_code == 0 else 9)
        """,
    )
    assert shell(f"{sys.executable} script.py >/dev/full").returncode == 0
    assert statuses(here / "out") == {"ok": 3}


# --- signals that were ignored


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_was_ignored_when_the_run_began_stays_ignored(here: Path, number: int) -> None:
    write_job(
        here / "job.py", JOB.replace("    (ctx", "    if item.id == 'bob':\n        open('gate').read()\n    (ctx")
    )
    os.mkfifo(here / "gate")
    arguments = ["run", "job.py", "--workers", "1", "--chunk-size", "1", "--out", "out"]
    with start(*arguments, stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(number, signal.SIG_IGN)) as run:
        gate = os.open(here / "gate", os.O_WRONLY)
        run.send_signal(number)
        os.close(gate)
        assert run.wait() == 0
    assert statuses(here / "out") == {"ok": 3}
