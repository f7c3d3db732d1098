"""A run that a signal, or the reader of its outcomes, ends: what it says, and what it writes down."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import parbatch
from tests.support import typed, write_job
from tests.waiting_run import waiting_run


@contextlib.contextmanager
def stopping(here: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that was interrupted, and waits for the end of its second item."""
    with waiting_run(here, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        lines = iter(run.process.stdout.readline, b"")
        # The worker is at the second item before the parent need have read how the first one ended.
        assert any(line.startswith(b"[1/3] ") for line in lines)
        run.process.send_signal(signal.SIGINT)
        assert any(b"may go on for 10 s. A second signal ends it at once." in line for line in lines)
        yield run.process


def test_a_second_signal_is_an_interruption_as_well_and_the_command_that_goes_on_is_named(here: Path) -> None:
    with stopping(here) as process:
        process.send_signal(signal.SIGTERM)
        told = process.communicate()[1].decode()
    assert process.returncode == 143
    assert "What had been finished is kept. To go on: parbatch run job.py --workers 1 --chunk-size 1 --resume" in told
    assert "Traceback" not in told
    status = typed("status", "job.py").stdout
    assert ", INTERRUPTED" in status
    assert "KILLED" not in status
    (record,) = [json.loads(path.read_text()) for path in (here / "outputs/letters/run/sessions").glob("*.json")]
    assert (record["state"], record["exit_code"], record["success"]) == ("interrupted", 143, 1)
    assert typed("report", "job.py").exit_code == 0


def test_many_signals_in_a_row_leave_no_traceback(here: Path) -> None:
    with stopping(here) as process:
        for _ in range(11):
            process.send_signal(signal.SIGINT)
        told = process.communicate()[1].decode()
    assert process.returncode == 130
    assert "Traceback" not in told


def test_leaving_a_loop_over_outcomes_is_told_as_what_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_job(here / "job.py")
    with parbatch.stream("job.py", workers=1, chunk_size=1, progress="lines") as stream:
        for _ in stream:
            break
    told = capsys.readouterr().out
    assert "second signal" not in told
    if stream.result.state == "stopped":  # else all had been handed out by then
        assert "STOPPED: cancelled\n" in typed("status", "job.py").stdout
