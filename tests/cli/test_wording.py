"""What people read, where newcomers were misled by it: the words, as they meet them."""

import json
from pathlib import Path

import pytest

from tests.support import FAILING, JOB, failing, typed, write_job

GROUPED = JOB.replace("name=name.title()", "name=name.title(), group='north' if name < 'c' else 'south'")


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
