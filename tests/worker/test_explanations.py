"""Explanations of errors: what is added to an exception's own words."""

import subprocess
import sys

import pytest

from parbatch.worker import explanations


def test_a_group_is_its_exceptions_those_of_inner_groups_too() -> None:
    group = ExceptionGroup("several", [ValueError("a"), ExceptionGroup("inner", [TypeError("b"), KeyError("c")])])
    assert [type(leaf) for leaf in explanations.leaves(group)] == [ValueError, TypeError, KeyError]
    assert explanations.group_message(group, [*"abcdefg"]) == "several: a; b; c; d; e; and 2 more"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (0, "the job's code called sys.exit(0); an item that is done ends with return"),
        (None, "the job's code called sys.exit(); an item that is done ends with return"),
        (3, "the job's code called sys.exit(3)"),
    ],
)
def test_an_exit_is_told_as_the_call_that_it_is(code: int | None, message: str) -> None:
    assert explanations.exit_message(SystemExit(code)) == message


def test_an_error_without_a_message_is_told_by_its_line() -> None:
    with pytest.raises(StopIteration) as raised:
        next(iter(()))
    assert explanations.raising_line(raised.value.__traceback__) == "no message, from the line: next(iter(()))"
    assert explanations.raising_line(None) == ""


def test_a_failed_command_is_told_short_and_with_its_last_line() -> None:
    error = subprocess.CalledProcessError(2, "convert " + "x" * 500 + " out.pdf", stderr=b"reading\nno such font\n\n")
    message = explanations.shorten_command(error, str(error))
    assert len(message) < 200
    assert message.endswith("out.pdf' returned non-zero exit status 2")
    assert explanations.last_error_line(error) == "it said last: no such font"
    assert explanations.last_error_line(subprocess.CalledProcessError(2, "convert")) == ""


def test_libreoffice_without_a_profile_of_its_own_is_advised_of_it() -> None:
    command = ["soffice", "--convert-to", "pdf", "a.docx"]
    hint = explanations.office_hint(subprocess.CalledProcessError(1, command), None)
    assert "-env:UserInstallation=file://" in hint
    with_profile = [*command, "-env:UserInstallation=file:///tmp/profile"]
    assert explanations.office_hint(subprocess.CalledProcessError(1, with_profile), None) == ""
    assert explanations.office_hint(ValueError("soffice"), None) == ""


def test_functions_that_call_each_other_without_end_are_named() -> None:
    def ping(depth: int) -> None:
        pong(depth)

    def pong(depth: int) -> None:
        ping(depth + 1)

    with pytest.raises(RecursionError) as raised:
        ping(0)
    calling = explanations.circle(raised.value.__traceback__)
    assert {code.co_name for code, _ in calling} == {"ping", "pong"}
    hint = explanations.recursion_hint(calling)
    assert hint.startswith("endless calls: ping (test_explanations.py:")
    assert hint.endswith(" → ping …")
    assert explanations.recursion_hint([]) == ""


DUMP = """noise
Thread 0x00007f01 (most recent call first):
  File "threading.py", line 320 in wait

Current thread 0x00007f02 (most recent call first):
  File "job.py", line 12 in inner
  File "job.py", line 20 in render
  File "caller.py", line 7 in call
  File "process.py", line 3 in serve
"""


def test_in_a_dump_of_stacks_the_jobs_own_frames_are_found() -> None:
    assert explanations.stack_of_item(DUMP, ["caller.py"]) == [("job.py", 12, "inner"), ("job.py", 20, "render")]
    assert explanations.stack_of_item(DUMP, [sys.executable]) == []
