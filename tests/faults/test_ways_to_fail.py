"""However an item or a run goes wrong, what is left behind says what happened, to what, and what can be done."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import docx
import pytest

from tests.faults.outside import JOBS, command, contents, finish, left_behind, remount, rows, small_disk


class Way(NamedTuple):
    """What a way to fail has to come to: status, type, words of the message, and what its traceback or log has."""

    status: str
    type: str
    words: str
    trace: str = ""
    log: str = ""
    signal: str | None = None
    returncode: int | None = None


WAYS = {
    "raises": Way("failed", "ValueError", "no such city", "in raises"),
    "raises_without_words": Way(
        "failed", "RuntimeError", "no message, from the line: raise RuntimeError", "in raises_w"
    ),
    "asserts_without_words": Way("failed", "AssertionError", "from the line: assert 1 > 2", "in asserts_without_words"),
    "misses_a_key": Way("failed", "KeyError", "'city'", "in misses_a_key"),
    "raises_for_a_reason": Way("failed", "RuntimeError", "the row can't be used", "KeyError: 'city'"),
    "segfaults": Way("crashed", "SIGSEGV", "a fault in C code", "in segfaults", "Segmentation fault", "SIGSEGV", -11),
    "aborts": Way("crashed", "SIGABRT", "C code gave up", "in aborts", "Aborted", "SIGABRT", -6),
    "exits": Way(
        "crashed", "ProcessExit", "exited with code 0 in the middle of the item", log="os._exit", returncode=0
    ),
    "killed": Way("crashed", "SIGKILL", "when memory ran out", log="ended by SIGKILL", signal="SIGKILL", returncode=-9),
    "allocates": Way("memory", "MemoryError", "the cap for a worker is 256.0 MB (memory=, --memory)", "in allocates"),
    "sleeps": Way("timeout", "TimeoutError", "longer than 3.0 s", "in sleeps", "in sleeps", "SIGKILL", -9),
    "spins_in_c": Way("timeout", "TimeoutError", "longer than 3.0 s", "in spins_in_c", "spins_in_c", "SIGKILL", -9),
    "returns_lambda": Way("failed", "NotJSONError", "the returned value is of type function", "NotJSONError"),
    "raises_unpicklable": Way("failed", "Unpicklable", "it can't be pickled", "in raises_unpicklable"),
    "floods": Way("failed", "ValueError", "nothing came of it", "in floods"),
    "closes_descriptors": Way("failed", "ValueError", "the streams are gone", "in closes_descriptors"),
    "leaves_child": Way(
        "failed", "ValueError", "a child is still running", "in leaves_child", "left running: sleep 600"
    ),
    "misses_template": Way(
        "failed", "FileNotFoundError", "no template 'nope.docx' in '{job}': did you mean", "in misses"
    ),
    "mistypes_template": Way("failed", "FileNotFoundError", "did you mean 'letter.docx'?", "in mistypes_template"),
    "fills_disk": Way("failed", "OSError", "No space left on device; /dev/full is full", "in fills_disk"),
    "fills_small_disk": Way(
        "failed",
        "OSError",
        "file system of {disk}/large.bin ({disk}) is full: 0 bytes of 65,536 are left",
        "in fills_s",
    ),
    "writes_where_it_may_not": Way("failed", "OSError", "({read}) can only be read", "in writes_where_it_may_not"),
    "opens_too_many_files": Way("failed", "OSError", "Too many open files: 'letter.txt'", "in opens_too_many_files"),
    "raises_a_group": Way(
        "failed",
        "ExceptionGroup",
        "two of three parts failed: ValueError: no such city; KeyError: 'street'; OSError: [Errno 5] Input/output",
        "the addresses",
    ),
    "raises_a_task_group": Way("failed", "ExceptionGroup", "TaskGroup: ValueError: no part head", "in part"),
    "recurses": Way("failed", "RecursionError", "exceeded; endless calls: descend (ways_to_fail.py:", "in descend"),
    "recurses_by_turns": Way("failed", "RecursionError", "endless calls: ping (ways_to_fail.py:", "lines like these"),
    "warns": Way("failed", "DeprecationWarning", "the old table format goes away", "in warns"),
    "exits_with_nothing": Way(
        "failed", "SystemExit", "sys.exit(); an item that is done ends with return", "in exits_w"
    ),
    "exits_with_zero": Way("failed", "SystemExit", "sys.exit(0); an item that is done ends with return", "in exits_w"),
    "exits_with_a_number": Way("failed", "SystemExit", "the job's code called sys.exit(3)", "in exits_with_a_number"),
    "exits_with_a_text": Way("failed", "SystemExit", "sys.exit('the price list is empty')", "in exits_with_a_text"),
    "interrupts_itself": Way("failed", "KeyboardInterrupt", "from the line: raise KeyboardInterrupt", "in interrupts"),
    "returns_nan": Way("failed", "NotJSONError", "value['price'] is nan", "NotJSONError"),
    "leaves_a_link": Way("failed", "PublishError", "passwd in ctx.dir is not a plain file", "PublishError"),
    "writes_forbidden_characters": Way("failed", "ValueError", "control characters", "in writes_forbidden_characters"),
}


class Done(NamedTuple):
    """A run of every way to fail, seen from outside."""

    code: int
    printed: str
    out: Path
    job: Path
    failures: dict[str, dict[str, Any]]
    places: dict[str, str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = tmp_path_factory.mktemp("ways")
    job, out = root / "ways_to_fail.py", root / "out"
    job.write_text((JOBS / "ways_to_fail.py").read_text())
    docx.Document().save(str(root / "letter.docx"))
    places = {"job": str(root)}
    env = {}
    if _can_mount(root):
        places |= {"disk": str(root / "disk"), "read": str(root / "read")}
        env = {"FULL_DISK": places["disk"], "READ_ONLY": places["read"]}
    if not env:
        code, printed = finish("run", job, "--workers", 2, "--out", out)
    else:
        with small_disk(root / "disk", "64k"), small_disk(root / "read", "64k") as read:
            remount(read, "ro")
            code, printed = finish("run", job, "--workers", 2, "--out", out, env=env)
    report = json.loads((out / "report.json").read_text())
    return Done(code, printed, out, job, {failure["id"]: failure for failure in report["failures"]}, places)


def _can_mount(root: Path) -> bool:
    try:
        with small_disk(root / "probe", "64k"):
            return True
    except pytest.skip.Exception:
        return False


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_fail_has_a_status_a_cause_and_its_logs(done: Done, name: str) -> None:
    if name in {"fills_small_disk", "writes_where_it_may_not"} and "disk" not in done.places:
        pytest.skip("no file system can be mounted here")
    way, failure = WAYS[name], done.failures[name]
    assert (failure["status"], failure["type"]) == (way.status, way.type)
    assert way.words.format(**done.places) in failure["message"]
    assert way.trace in failure["traceback"]
    assert len(failure["traceback"]) < 5_000, "what a person reads"
    assert bool(way.trace) == bool(failure["traceback"])
    assert (failure["signal"], failure["returncode"]) == (way.signal, way.returncode)
    assert len(failure["fingerprint"]) == 8
    assert failure["attempts"] == (2 if way.status == "crashed" else 1)
    log = (done.out / failure["stderr_path"]).read_text()
    assert log.startswith(f"# run: {json.loads((done.out / 'report.json').read_text())['run_id']}\n# host: ")
    assert f"# job file: {done.job} (" in log
    assert f"# attempt: 1 at '{name}', {way.status} after " in log
    assert (way.log or failure["traceback"].splitlines()[-1]) in log


@pytest.mark.parametrize("name", ["raises", "segfaults", "sleeps", "exits", "allocates", "raises_a_group"])
def test_show_says_the_same_as_the_report(done: Done, name: str) -> None:
    code, text = finish("show", name, done.job, "--out", done.out)
    failure = done.failures[name]
    assert code == 0
    assert f": {failure['status']} after {failure['attempts']} attempt" in text
    assert f"{failure['type']}: {failure['message'].splitlines()[0]}" in text
    for line in failure["traceback"].splitlines():
        assert line.strip() in text
    as_json = json.loads(finish("show", name, done.job, "--out", done.out, "--json")[1])
    assert len(as_json["history"]) == failure["attempts"]
    for attempt in as_json["history"]:
        assert attempt["evidence"]["message"] == failure["message"]


def test_all_reports_and_the_exit_code_agree(done: Done) -> None:
    assert done.code == 1
    count = len(done.failures)
    statuses = {failure["status"] for failure in done.failures.values()}
    assert set(done.failures) <= set(WAYS)
    assert len(WAYS) - count in {0, 2}
    assert statuses == {"failed", "timeout", "memory", "crashed"}
    assert f"{count} ok, " in done.printed
    assert f"{count} items are not ok. To go on: parbatch run " in done.printed
    suite = ET.parse(done.out / "junit.xml").getroot()[0]
    assert (int(suite.attrib["failures"]) + int(suite.attrib["errors"]), int(suite.attrib["tests"])) == (
        count,
        2 * count,
    )
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    page = (done.out / "report.html").read_text()
    for name, failure in done.failures.items():
        (verdict,) = [element for element in cases[name] if element.tag in {"failure", "error"}]
        assert verdict.attrib["type"] == failure["type"]
        assert verdict.attrib["message"].startswith(f"{failure['status']}: ")
        assert failure["fingerprint"] in page
    counts = dict(rows(done.out, "SELECT status, COUNT(*) FROM items GROUP BY status"))
    assert counts["ok"] == count, "a failure is its item's own"
    assert len(contents(done.out / "items")) == count
    assert left_behind(done.out) == []


def test_nothing_anywhere_reads_unknown_error(done: Done) -> None:
    assert "unknown error" not in done.printed.lower()
    for path in done.out.rglob("*"):
        assert not path.is_file() or b"unknown error" not in path.read_bytes().lower(), path


# --- around the items


@pytest.mark.parametrize(
    ("broken", "code", "words"),
    [
        (
            "items",
            2,
            "its items function failed after 0 items at broken_around.py:14: FileNotFoundError: people.csv is",
        ),
        (
            "later items",
            2,
            "its items function failed after 1 item at broken_around.py:17: SystemExit: row 2 is no row",
        ),
        ("overview", 1, "overview  failed: ZeroDivisionError: division by zero"),
        (
            "overview exits",
            1,
            "overview  failed: crashed: ProcessExit: the process exited with code 3 in the middle of the overview",
        ),
    ],
)
def test_an_error_around_the_items_is_told_with_its_place(tmp_path: Path, broken: str, code: int, words: str) -> None:
    out = tmp_path / "out"
    ended, printed = finish("run", JOBS / "broken_around.py", "--out", out, env={"BROKEN": broken})
    assert (ended, words in printed) == (code, True), printed
    assert "unknown error" not in printed.lower()
    if code == 2:
        assert not out.exists()
        return
    report = json.loads((out / "report.json").read_text())
    assert (report["success"], report["errors"], report["exit_code"]) == (1, 0, 1)
    assert report["overview"]["error"]
    log = (out / "run" / "overview.stderr.txt").read_text()
    assert log.startswith(f"# run: {report['run_id']}\n# host: ")
    assert f"# $BROKEN: {broken}\n# overview: " in log
    assert finish("overview", JOBS / "broken_around.py", "--out", out, env={"BROKEN": "no"})[0] == 0
    assert not (out / "run" / "overview.stderr.txt").exists(), "what is mended leaves no log of its failure"


@pytest.mark.parametrize(("size", "code", "began"), [("64k", 2, False), ("3m", 1, True)])
def test_a_full_disk_ends_the_run_in_words_and_can_be_gone_on_with(
    tmp_path: Path, size: str, code: int, began: bool
) -> None:
    with small_disk(tmp_path / "disk", size) as disk:
        out = disk / "out"
        ended, printed = finish("run", JOBS / "full.py", "--workers", 2, "--out", out, "--progress", "none")
        assert ended == code, printed
        assert str(out) in printed
        assert "full" in printed or "No space left on device" in printed
        assert "Traceback" not in printed
        assert ("go on with --resume" in printed) is began
        assert printed.count("Mend that") == 1
        assert ("STOPPED: The run broke off: " in printed) is began, "what was done before is told all the same"
        remount(disk, "size=64m")
        assert finish("run", JOBS / "full.py", "--out", out, *(["--resume"] if began else []))[0] == 0
        assert left_behind(out) == []
        assert {path.stat().st_size for path in (out / "items").iterdir()} == {100_000}
        assert len(contents(out / "items")) == 60


def test_a_disk_that_can_only_be_read_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m") as disk:
        out = disk / "out"
        assert finish("run", JOBS / "full.py", "--out", out, "--limit", 5)[0] == 0
        remount(disk, "ro")
        for folder in (out, disk / "new"):
            ended, printed = finish("run", JOBS / "full.py", "--out", folder, "--resume")
            assert ended == 2
            # What could not be written is named, unless it is the folder itself.
            assert re.match(
                rf"parbatch: The output folder {folder} can't be used: ({folder}/\S+: )?Read-only file system\.",
                printed,
            )
        assert finish("status", JOBS / "full.py", "--out", out)[0] == 0


def test_a_folder_that_this_user_may_not_write_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    user: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, **user)
        assert not user or subprocess.run(["ls", closed], check=False, capture_output=True, **user).returncode == 0
    except (OSError, subprocess.CalledProcessError, AssertionError):
        pytest.skip("another user can't run this Python or see this folder, and root may write everywhere")
    ended = subprocess.run(
        command("run", JOBS / "full.py", "--out", closed / "out"), capture_output=True, text=True, check=False, **user
    )
    assert ended.returncode == 2
    assert f"The output folder {closed / 'out'} can't be used: Permission denied." in ended.stderr
