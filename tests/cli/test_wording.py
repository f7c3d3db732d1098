"""What people read, where newcomers were misled by it: the words, as they meet them."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import parbatch
from parbatch.cli.go_on import go_on_command
from parbatch.storage.folder import Folder
from parbatch.storage.layout import require_layout
from parbatch.storage.parts import with_work_left
from tests.support import FAILING, JOB, typed, write_job
from tests.waiting_run import waiting_run

GROUPED = JOB.replace("name=name.title()", "name=name.title(), group='north' if name < 'c' else 'south'")


def failing(*names: str, job: str = JOB) -> str:
    return job.replace(
        "    (ctx.dir", f"    if item.id in {names}:\n        raise ValueError('no such city')\n    (ctx.dir"
    )


# --- signals


@contextlib.contextmanager
def stopping(here: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that was interrupted, and waits for the end of its second item."""
    with waiting_run(here, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        run.process.send_signal(signal.SIGINT)
        told = b"Stopping: what is in flight may go on for 10 s. A second signal ends it at once."
        while told not in run.process.stdout.readline():
            continue
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


# --- the command that goes on


def test_a_limit_that_was_reached_is_no_second_count_of_failures(here: Path) -> None:
    write_job(here / "job.py", failing("ada", "bob", "cyd"))
    told = typed("run", "job.py", "--max-failures", "2", "--chunk-size", "1").stdout
    assert "letters STOPPED: the limit of 2 failures was reached (--max-failures 2); 0 ok, 2 failed, 1 pending" in told
    assert "STOPPED: the limit of 2 failures was reached (--max-failures 2)" in typed("status", "job.py").stdout


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--limit", "1"], "parbatch run job.py --resume"),
        (["--only", "a*", "--exclude=b*"], "parbatch run job.py --resume"),
    ],
)
def test_work_that_a_selection_left_has_a_command_that_does_it(here: Path, arguments: list[str], command: str) -> None:
    write_job(here / "job.py")
    before = sys.argv
    sys.argv = ["parbatch", "run", "job.py", *arguments]
    try:
        told = typed("run", "job.py", *arguments)
    finally:
        sys.argv = before
    assert told.exit_code == 0
    assert told.stdout.endswith(f"2 items are left. To go on: {command}\n")


@pytest.mark.parametrize(
    ("given", "options", "command"),
    [
        ("run a.py --shard 2/2 --out x", {"shard": "1/2"}, "run a.py --shard 1/2 --out x --resume"),
        ("run a.py --shard=2/2", {"shard": "1/2"}, "run a.py --shard=1/2 --resume"),
        ("run a.py --sample-groups --group=x --limit 3", {"selection": False}, "run a.py --resume"),
        ("run -- --limit", {"selection": False}, "run --resume -- --limit"),
        ("retry a.py --status failed --time-budget 8h", {"time_budget": False}, "retry a.py --status failed"),
    ],
)
def test_the_command_that_goes_on_is_what_was_typed_with_what_it_needs(
    given: str, options: dict[str, str], command: str
) -> None:
    assert go_on_command(given.split(), **options) == f"parbatch {command}"  # type: ignore[arg-type]


def test_the_shard_named_to_go_on_with_is_one_that_has_work_left(here: Path) -> None:
    write_job(here / "job.py", failing("ada", "bob", "cyd"))
    told = {}
    for shard in ("1/2", "2/2"):
        sys.argv, before = ["parbatch", "run", "job.py", "--shard", shard], sys.argv
        try:
            told[shard] = typed("run", "job.py", "--shard", shard).stdout
        finally:
            sys.argv = before
    left = with_work_left(require_layout(Folder(here / "outputs/letters")))
    assert f"To go on: parbatch run job.py --shard {left[0]} --resume" in told["2/2"].splitlines()[-1]
    write_job(here / "job.py")
    for shard in left[1:]:
        typed("run", "job.py", "--shard", shard, "--resume")
    assert with_work_left(require_layout(Folder(here / "outputs/letters"))) == left[:1]


# --- counts


def test_what_changed_is_told_against_how_it_stood_before_the_run(here: Path) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    write_job(here / "job.py", failing("bob"))
    (here / "outputs/letters/items/bob.txt").unlink()
    told = typed("run", "job.py", "--resume").stdout
    assert "  changed   ok 3 → 2, failed 0 → 1\n" in told
    assert "(2 from before)" in told
    report = json.loads((here / "outputs/letters/report.json").read_text())
    assert (report["before"]["by_status"]["ok"], report["kept"]) == (3, 2)


@pytest.mark.parametrize("options", [("--limit", "1"), ("--only", "ada")])
def test_a_part_that_is_started_over_was_what_it_was_before_the_run(here: Path, options: tuple[str, ...]) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    told = typed("run", "job.py", "--fresh", *options).stdout
    assert "3 ok (2 from before) of 3 items" in told
    assert "changed" not in told
    assert "changed" not in typed("run", "job.py", "--fresh").stdout


MANY_GROUPS = """
from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    for number in range(30):
        yield Item(id=f"i{number}", group=f"g{number // 2:02d}")


@job.render
def letter(item, ctx):
    if item.group in ("g07", "g14"):
        raise ValueError("no such city")
    return item.id
"""


def test_of_many_groups_ten_are_shown_and_those_that_are_not_all_ok_first(here: Path) -> None:
    write_job(here / "job.py", MANY_GROUPS)
    typed("run", "job.py")
    lines = typed("status", "job.py").stdout.splitlines()
    shown = [line for line in lines if line.startswith("  g")]
    assert len(shown) == 10
    assert [line[:5] for line in shown[:4]] == ["  g07", "  g14", "  g00", "  g01"]
    assert "  … and 5 more groups; 2 of 15 are not all ok; --json has them all" in lines


def test_groups_of_shards_come_in_the_order_of_the_source(here: Path) -> None:
    write_job(here / "job.py", MANY_GROUPS)
    for shard in ("1/3", "2/3", "3/3"):
        typed("run", "job.py", "--shard", shard)
    standing = json.loads(typed("status", "job.py", "--json").stdout)
    assert [*standing["counts"]["by_group"]] == [f"g{number:02d}" for number in range(15)]


# --- retry


def test_a_retry_takes_what_is_asked_for_by_name_also_in_groups_with_pending_items(here: Path) -> None:
    write_job(here / "job.py", failing("ada", job=GROUPED))
    typed("run", "job.py", "--max-failures", "1", "--chunk-size", "1")
    assert typed("retry", "job.py").exit_code == 2
    assert "[1/2] " in typed("retry", "job.py", "--group", "north").stdout
    write_job(here / "other.py", failing("ada", job=GROUPED.replace('"letters"', '"others"')))
    typed("run", "other.py", "--max-failures", "1", "--chunk-size", "1")
    assert "Bob ok" in typed("retry", "other.py", "--status", "pending").stdout


def test_the_failures_of_status_are_causes_and_those_of_a_run_are_items(here: Path) -> None:
    write_job(here / "job.py", FAILING)
    run = json.loads(typed("run", "job.py", "--json").stdout)
    standing = json.loads(typed("status", "job.py", "--json").stdout)
    assert [one["id"] for one in run["failures"]] == ["bob"]
    assert [one["count"] for one in standing["causes"]] == [1]
    assert "failures" not in standing


# --- what is typed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("runn", "No such command 'runn'. Did you mean 'run'?"),
        ("job.py", "No such command 'job.py'. To run a job: parbatch run job.py"),
        ("resume job.py", "No such command 'resume'. To go on with a run: parbatch run JOB --resume"),
        ("help run", "No such command 'help'. See parbatch --help, and parbatch COMMAND --help"),
        ("run jbo.py", "jbo.py. Did you mean job.py?"),
        ("status", "No job named, so this is the sample job, and it was not run here. Name a job"),
        ("render bob", "No item is called 'bob'.\nNo job named, so this is the sample job. To name one: job.py"),
        ("run --only bob", "No job named, so this is the sample job."),
        ("retry", "No job named, so this is the sample job."),
        ("prune", "No job named, so this is the sample job."),
        ("plan --rerun", "Option '--rerun' requires an argument. Choose from: code."),
        ("list --status", "requires an argument. Choose from: ok, failed,"),
        ("show job.py bob", "The item comes before the job: parbatch show bob job.py"),
        ("render job.py bob", "The item comes before the job: parbatch render bob job.py"),
        ("show job.py", "The item comes before the job: parbatch show ITEM job.py"),
    ],
)
def test_what_was_typed_wrong_is_answered_with_what_is_right(here: Path, line: str, words: str) -> None:
    write_job(here / "job.py")
    typed("run", "job.py")
    told = typed(*line.split())
    assert told.exit_code == 2
    assert words in told.stderr


PHASES = """
from parbatch import Item, Job

words = Job("words")
words.items(lambda: [Item(id=f"w{n}") for n in range(3)])
words.render(lambda item, ctx: item.id)
book = Job("book", after=words)
book.items(lambda words: [Item(id=one.item.id) for one in words.outcomes()])
book.render(lambda item, ctx: item.id)
"""


def test_a_job_that_was_run_as_a_phase_is_found_where_it_was(here: Path) -> None:
    write_job(here / "big.py", PHASES)
    assert typed("run", "big.py:book").exit_code == 0
    told = typed("show", "w1", "big.py:words")
    assert told.exit_code == 2
    assert "words was run as a phase of another job, in outputs/book/words. Add --out outputs/book/words" in told.stderr
    assert typed("show", "w1", "big.py:words", "--out", "outputs/book/words").exit_code == 0


def test_the_counts_of_phases_are_those_of_the_moment_of_all(here: Path) -> None:
    write_job(here / "big.py", PHASES)
    typed("run", "big.py:book")
    standing = json.loads(typed("status", "big.py:book", "--json").stdout)
    ok = [by_status["ok"] for by_status in standing["phases"].values()]
    assert (ok, sum(ok)) == ([3, 3], standing["success"])


# --- one item


def test_an_item_is_shown_with_its_data_and_its_traceback_once(here: Path) -> None:
    write_job(here / "job.py", FAILING.replace("name=name.title()", "data={'street': 'Ełk'}"))
    typed("run", "job.py")
    told = typed("show", "bob", "job.py").stdout
    assert told.count("Traceback (most recent call last)") == 1
    assert told.count("raise ValueError") == 1
    assert "      (the traceback above)\n" in told
    assert '  data\n      {\n        "street": "Ełk"\n      }\n' in told


def test_a_line_break_in_a_message_makes_no_second_cause_and_hides_nothing(here: Path) -> None:
    end = "('\\nfor you' if item.id == 'bob' else ' for you')"
    raises = f"raise ValueError('no city in ' + item.id + {end})\n"
    write_job(here / "job.py", JOB.replace("    (ctx.dir", f"    {raises}    (ctx.dir"))
    told = typed("run", "job.py").stdout
    assert "  3 failed: ValueError: no city in ada for you and the like (job.py:" in told
    assert "[2/3] Bob failed" in told
    assert "ValueError: no city in bob for you" in told
