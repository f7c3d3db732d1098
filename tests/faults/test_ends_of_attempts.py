"""An attempt ends as what it was: past its time, with words that no text can hold, without a log, or twice at once."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import finish, left_behind, rows
from tests.support import write_job

JOB = """
import ctypes, faulthandler, os, signal, sys, time
from parbatch import Job, Problem

job = Job("ends", chunk_size=4)
SLEEPY = {"pydll": lambda: ctypes.PyDLL(None).sleep(30), "cdll": lambda: ctypes.CDLL(None).sleep(30)}


def fork(where):
    if os.environ.get("FORKS") == where:
        os.fork()


if os.environ.get("PARENT_OF_ALL"):
    fork("import")
os.environ.setdefault("PARENT_OF_ALL", str(os.getpid()))


@job.items
def items():
    fork("items")
    return read()


def read():
    for what in os.environ["ITEMS"].split():
        yield {"id": what}
        fork(f"after {what}")


@job.setup
def prepare():
    fork("setup")


@job.baseline(key="base")
def base():
    fork("baseline")
    return 1


@job.render
def render(item, ctx):
    what = item.id
    if what in SLEEPY:
        SLEEPY[what]()
        (ctx.dir / "sent.txt").write_text("the call has returned")
        with open(os.environ["SENT"], "a") as sent:
            sent.write(what)
    elif what == "late":
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        time.sleep(1.3)
        return "late"
    elif what == "own-watchdog":
        faulthandler.dump_traceback_later(0.2)
        time.sleep(0.5)
        faulthandler.cancel_dump_traceback_later()
    elif what == "own-signal":
        heard = []
        signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
        os.kill(os.getpid(), signal.SIGUSR1)
        return len(heard)
    elif what == "full-log":
        os.symlink("/dev/full", f"{ctx.dir}.stdout")
        print("words")
    elif what == "no-folder":
        os.rename(ctx.dir.parent, f"{ctx.dir.parent}.away")
        print("words")
    elif what == "file-name":
        exec(compile("raise ValueError('x')", "/tmp/bad\\udc80.py", "exec"))
    elif what == "class-name":
        raise type("Odd", (Exception,), {"__module__": "m\\udc80"})("x")
    elif what == "deep":
        value = []
        for _ in range(700):
            value = {"a": value}
        return value
    (ctx.dir / f"{what}.txt").write_text(what)


@job.validate
def check(item, ctx):
    fork("validate")
    if item.id == "problem":
        return Problem("odd\\udc80", "x\\udc80", where="y\\udc80", suggestion="z\\udc80")
    if item.id == "long-problem":
        return Problem("long", "x" * 110_000_000)
    if item.id == "many-problems":
        return (Problem("many", str(number)) for number in range(10_000_000))


@job.validate_chunk
def check_all(items, ctx):
    fork("validate_chunk")


@job.overview
def summary(run, ctx):
    fork("overview")
    return None
"""
PLAIN = JOB.replace("@job.validate_chunk", "")  # apart: each item by itself
MERGING = (
    PLAIN.replace("chunk_size=4)", 'chunk_size=4, merge="lines")')
    + """

@job.merge
def together(outcomes):
    fork("merge")
    for outcome in outcomes:
        yield outcome.item.id
        fork("merging")
"""
)
CHUNKED = (
    PLAIN.replace("@job.render\ndef render", "def one").replace("@job.validate\n", "")
    + """

@job.render_chunk
def all_of_them(items, ctx):
    for item in items:
        yield item.id, item.id
        fork("render_chunk")
"""
)


def run(tmp_path: Path, text: str, items: str, *options: object, **env: str) -> tuple[int, str, dict[str, str]]:
    job, out = write_job(tmp_path / "ends.py", text), tmp_path / "out"
    env |= {"ITEMS": items, "SENT": str(tmp_path / "sent")}
    code, printed = finish("run", job, "--workers", 2, "--out", out, *options, env=env, timeout=60)
    assert left_behind(out) == []
    assert "/parbatch/" not in printed, "no traceback of its own code"
    return code, printed, dict(rows(out, "SELECT id, status FROM items"))


def test_a_call_past_its_time_is_not_cut_short_and_never_comes_back(tmp_path: Path) -> None:
    items = "pydll cdll late a own-watchdog own-signal b"
    code, _, statuses = run(tmp_path, PLAIN, items, "--timeout", 1.2)
    assert code == 1
    assert statuses == dict.fromkeys(items.split(), "ok") | dict.fromkeys(["pydll", "cdll", "late"], "timeout")
    assert not (tmp_path / "sent").exists(), "nothing of the item went on after the call"
    failures = json.loads((tmp_path / "out" / "report.json").read_text())["failures"]
    assert {failure["message"].splitlines()[0] for failure in failures} == {"the attempt took longer than 1.2 s"}
    assert "in render" in next(failure["traceback"] for failure in failures if failure["id"] == "pydll")


def test_inline_too_an_attempt_that_comes_back_too_late_is_over_its_time(tmp_path: Path) -> None:
    _, _, statuses = run(tmp_path, PLAIN.replace("sleep(30)", "usleep(700000)"), "pydll a", "--timeout", 0.4,
                         "--backend", "inline")  # fmt: skip
    assert statuses == {"pydll": "timeout", "a": "ok"}


def test_text_that_is_none_ends_an_attempt_as_what_it_was(tmp_path: Path) -> None:
    items = "a problem long-problem many-problems file-name class-name deep b"
    _, _, statuses = run(tmp_path, PLAIN, items)
    assert statuses == {
        "a": "ok", "b": "ok", "problem": "invalid", "long-problem": "invalid", "many-problems": "invalid",
        "file-name": "failed", "class-name": "failed", "deep": "failed",
    }  # fmt: skip
    report = (tmp_path / "out" / "report.json").read_text()
    assert len(report) < 1_000_000
    told = {failure["id"]: failure for failure in json.loads(report)["failures"]}
    assert "nested too deeply for JSON: more than 256 levels" in told["deep"]["message"]
    assert told["class-name"]["type"] == "m\\udc80.Odd"


def test_a_log_that_cannot_be_written_fails_its_item(tmp_path: Path) -> None:
    _, _, statuses = run(tmp_path, PLAIN, "a full-log b c d")
    assert statuses == dict.fromkeys("abcd", "ok") | {"full-log": "failed"}
    (failure,) = json.loads((tmp_path / "out" / "report.json").read_text())["failures"]
    assert "what it printed can't be kept" in failure["message"]
    assert "No space left on device" in failure["message"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (PLAIN, "import"),
        (PLAIN, "items"),
        (PLAIN, "after b"),
        (PLAIN, "after f"),
        (PLAIN, "setup"),
        (PLAIN, "baseline"),
        (PLAIN, "validate"),
        (JOB, "validate_chunk"),
        (CHUNKED, "render_chunk"),
        (PLAIN, "overview"),
        (MERGING, "merge"),
        (MERGING, "merging"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_a_fork_that_comes_back_leaves(tmp_path: Path, text: str, where: str) -> None:
    code, printed, statuses = run(tmp_path, text, "a b c d e f", FORKS=where)
    assert code == 0, printed
    assert set(statuses.values()) == {"ok"}
    if text is MERGING:
        assert (tmp_path / "out" / "merged.jsonl").read_text().split() == [f'"{name}"' for name in "abcdef"]
