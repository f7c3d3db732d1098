"""From an exception, or the way a process ended, to evidence that a person can act on."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from parbatch.model.json_values import NotJSONError, encode
from parbatch.model.problem import Evidence
from parbatch.model.text import MOST_MESSAGE
from parbatch.worker.evidence import EXIT_PIPE_LOST, MAX_TRACEBACK, of_death, of_exception, status_of
from tests.support import JOB, typed, write_job


class AwkwardError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def caught(error: BaseException) -> Evidence:
    with pytest.raises(type(error)) as info:
        raise error
    return of_exception(info.value)


def test_an_exception_is_its_type_message_traceback_and_place() -> None:
    evidence = caught(ValueError("no such city"))
    assert (evidence.type, evidence.message) == ("ValueError", "no such city")
    assert evidence.traceback.startswith("Traceback (most recent call last):")
    assert evidence.traceback.endswith("ValueError: no such city\n")
    assert evidence.place == "test_evidence.py:caught"


def test_the_place_is_the_innermost_function_of_the_jobs_own_code() -> None:
    def parse() -> None:
        json.loads("{")

    try:
        parse()
    except ValueError as error:
        evidence = of_exception(error)
    assert evidence.place == "test_evidence.py:parse"
    assert evidence.type == "json.decoder.JSONDecodeError"


def test_frames_of_parbatch_itself_at_the_top_are_left_out() -> None:
    def parse() -> None:
        json.loads("{")

    try:
        parse()
    except ValueError as error:
        evidence = of_exception(error, skip=(__file__,))
    assert "test_evidence.py" not in evidence.traceback
    assert "json" in evidence.traceback


def test_an_error_of_parbatch_that_no_code_of_the_job_has_led_to_has_no_frames() -> None:
    try:
        encode({1}, "the returned value")
    except NotJSONError as error:
        direct = of_exception(error)
        alone = of_exception(error, skip=(__file__,))
    assert "test_evidence.py" in direct.traceback  # somebody's own code called it
    told = "the returned value is of type set, which JSON can't hold; use sorted()"
    assert alone.traceback.strip() == f"{NotJSONError.__module__}.NotJSONError: {told}"


def test_an_exception_that_cannot_even_be_shown_is_still_evidence() -> None:
    evidence = caught(AwkwardError())
    assert evidence.type == "tests.worker.test_evidence.AwkwardError"
    assert "its __str__ raised RuntimeError" in evidence.message


def test_a_very_long_message_is_cut_in_the_middle() -> None:
    evidence = caught(ValueError("a" * 50_000 + "z" * 50_000))
    assert evidence.message.startswith("aaa")
    assert evidence.message.endswith("zzz")
    assert "characters cut" in evidence.message
    assert len(evidence.message) < MOST_MESSAGE + 100
    assert len(evidence.traceback) < MAX_TRACEBACK + 100


def test_text_that_utf8_cannot_hold_is_escaped() -> None:
    assert caught(ValueError("bad \ud800 text")).message == "bad \\ud800 text"


def test_a_job_that_calls_exit_is_told_so() -> None:
    assert caught(SystemExit(3)).message == "the job's code called sys.exit(3)"


def test_the_cause_is_in_the_traceback() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    assert "KeyError: 'inner'" in caught(error).traceback


def test_advice_comes_first_so_that_one_line_shows_it() -> None:
    assert of_exception(ValueError("x"), advice="do y").message == "do y\nx"
    with pytest.raises(MemoryError) as raised:
        raise MemoryError
    assert of_exception(raised.value, advice="do y").message == "do y"


def test_memory_errors_have_a_status_of_their_own() -> None:
    assert status_of(MemoryError()) == "memory"
    assert status_of(ValueError()) == "failed"
    assert status_of(SystemExit()) == "failed"


@pytest.mark.parametrize(
    ("returncode", "kind", "words"),
    [
        (-signal.SIGSEGV, "SIGSEGV", "ended by SIGSEGV"),
        (-signal.SIGKILL, "SIGKILL", "ended by SIGKILL"),
        (-99, "signal 99", "ended by signal 99"),
        (0, "ProcessExit", "exited with code 0 in the middle of the item"),
        (3, "ProcessExit", "exited with code 3"),
        (EXIT_PIPE_LOST, "ProcessExit", "closed the descriptor"),
        (None, "ProcessDied", "no exit code"),
    ],
)
def test_a_dead_process_is_evidence_by_its_signal_or_code(returncode: int | None, kind: str, words: str) -> None:
    evidence = of_death(returncode)
    assert evidence.type == kind
    assert words in evidence.message
    assert evidence.returncode == returncode
    assert evidence.signal == (kind if returncode is not None and returncode < 0 else None)


# --- commands


def failed(command: Any, code: str) -> Evidence:
    """The evidence of a Python program that a job has called by this name, and waited for."""
    try:
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        error.cmd = command
        return of_exception(error)
    raise AssertionError("the command did not fail")


def test_a_long_command_is_cut_in_its_middle_so_that_its_end_is_told() -> None:
    command = ["convert", *(f"/a/long/folder/letter-{number}.docx" for number in range(99))]
    message = failed(command, "import sys; print('a'); sys.exit('no room left\\n')").message
    assert len(message) < 200
    assert message.startswith("Command '['convert', '/a/long/folder/letter-0")
    assert message.endswith("letter-98.docx']' returned non-zero exit status 1; it said last: no room left")
    assert failed(["ls"], "raise SystemExit(3)").message == "Command '['ls']' returned non-zero exit status 3"


def test_libreoffice_that_fails_without_a_profile_of_its_own_is_told_how_to_give_it_one() -> None:
    quiet = "raise SystemExit(1)"
    for command in (["/usr/bin/soffice", "--headless", "a.docx"], "libreoffice --convert-to pdf a.docx"):
        assert '"-env:UserInstallation=file://…"' in failed(command, quiet).message
    own = ["soffice", "-env:UserInstallation=file:///tmp/x", "--headless"]
    for command in (own, ["ls", "-l"], ["pdflatex", "a.tex"]):
        assert "profile" not in failed(command, quiet).message


def test_a_file_that_libreoffice_did_not_make_is_told_the_same(tmp_path: Path) -> None:
    def convert() -> bytes:
        subprocess.run([sys.executable, "-c", "", "soffice", "--headless", str(tmp_path)], check=True)
        return (tmp_path / "a.pdf").read_bytes()

    def start() -> None:
        subprocess.run(["soffice-of-mine", "soffice"], check=True)

    def read() -> bytes:
        return (tmp_path / "a.pdf").read_bytes()

    found = []
    for function in (convert, start, read):
        with pytest.raises(FileNotFoundError) as caught:
            function()
        found.append("needs a profile of its own" in of_exception(caught.value).message)
    assert found == [True, False, False]


def test_a_file_that_lies_beside_the_job_and_not_in_the_current_folder_is_pointed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "rows.csv").write_text("id")
    opening = """
        import docx
        def read(name):
            open(name)
        def read_document(name):
            docx.Document(name)
    """
    names: dict[str, Any] = {}
    exec(compile(textwrap.dedent(opening), tmp_path / "job.py", "exec"), names)
    hint = "it lies beside job.py, and was looked for in the current folder: write Path(__file__).parent / 'rows.csv'"
    for read in (names["read"], names["read_document"]):
        for name, is_hinted in (("rows.csv", True), ("none.csv", False), (str(tmp_path / "none.csv"), False)):
            with pytest.raises(Exception, match=r"No such file|Package not found") as caught:
                read(name)
            assert (hint in of_exception(caught.value).message) == is_hinted


def test_so_is_one_that_the_items_function_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("id")
    (tmp_path / "elsewhere").mkdir()
    write_job(tmp_path / "job.py", JOB.replace("    for name", "    open('rows.csv')\n    for name"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "write Path(__file__).parent / 'rows.csv'" in typed("run", "../job.py").stderr
