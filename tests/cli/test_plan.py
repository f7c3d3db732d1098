"""`parbatch plan`: what a run would do and why, touching nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import FAILING, JOB, contents, typed, write_job
from tests.waiting_run import waiting_run


def planned(*arguments: str) -> Any:
    result = typed("plan", "job.py", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def done(here: Path) -> Path:
    """After a run of Ada, Bob, who failed, and Cyd."""
    write_job(here / "job.py", FAILING)
    typed("run", "job.py")
    return here


def test_before_the_first_run_everything_is_new_and_no_folder_is_made(here: Path) -> None:
    write_job(here / "job.py")
    before = contents(here)
    result = typed("plan", "job.py")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "letters: 3 of 3 items are due",
        "          3 new",
        "To do it: parbatch run job.py",
    ]
    assert contents(here) == before


def test_after_a_run_each_reason_is_counted_and_nothing_is_touched(done: Path) -> None:
    (done / "outputs/letters/items/ada.txt").write_text("damaged")
    write_job(done / "job.py", JOB.replace('("ada", "bob", "cyd")', '("ada", "bob", "dee")'))
    before = contents(done)
    assert typed("plan", "job.py").stdout.splitlines() == [
        "letters: 3 of 3 items are due",
        "          1 failed before",
        "          1 new",
        "          1 output changed",
        (
            "1 item no longer in the source left outputs in items/;"
            " `parbatch prune` removes them, and with --dry-run only lists them."
        ),
        "To do it: parbatch run job.py --resume",
    ]
    assert contents(done) == before


def test_what_is_printed_does_it(done: Path) -> None:
    write_job(done / "job.py")
    go_on = typed("plan", "job.py", "--rerun", "code").stdout.splitlines()[-1].removeprefix("To do it: parbatch ")
    assert go_on == "run job.py --resume --rerun code"
    assert typed(*go_on.split()).exit_code == 0
    assert planned()["due"] == 0
    assert "To do it" not in typed("plan", "job.py").stdout


@pytest.mark.usefixtures("done")
def test_item_by_item_each_has_its_reason() -> None:
    assert typed("plan", "job.py", "--items").stdout.startswith(
        "failed before\tbob\tBob\n\nletters: 1 of 3 items is due"
    )
    (item,) = planned("--items")["items"]
    assert item == {"id": "bob", "name": "Bob", "group": "", "reason": "failed before"}
    assert "items" not in planned()


def test_a_limit_and_a_selection_are_kept_to(done: Path) -> None:
    write_job(done / "job.py", JOB.replace('"cyd"', '"cyd", "dee", "eve"'))
    assert typed("plan", "job.py", "--limit", "1", "--only", "?[eo]*").stdout.splitlines() == [
        "letters: 1 of 5 items is due",
        "          1 failed before",
        "          1 new",
        "          1 of them left for later by --limit",
        "          3 not selected",
        "2 items made by older code of the job; --resume --rerun code makes them again.",
        "To do it: parbatch run job.py --resume --only '?[eo]*' --limit 1",
    ]
    assert [item["id"] for item in planned("--limit", "1", "--items")["items"]] == ["bob"]


def test_older_code_is_named_and_planned_on_request(done: Path) -> None:
    write_job(done / "job.py", FAILING + "\n# newer\n")
    assert planned()["older_code"] == 2
    assert "2 items made by older code of the job; --resume --rerun code" in typed("plan", "job.py").stdout
    assert planned("--rerun", "code")["reasons"] == {"code changed": 2, "failed before": 1}


def test_a_bad_job_or_selection_is_an_error_and_touches_nothing(done: Path) -> None:
    for text, arguments, words in (
        (FAILING, ["--only", "nobody"], "No item matches --only 'nobody'"),
        (JOB.replace('"cyd"', '"bob"'), [], "The id 'bob' comes 2 times"),
        ("x = 1", [], "has no job"),
    ):
        write_job(done / "job.py", text)
        before = contents(done)
        result = typed("plan", "job.py", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert contents(done) == before


def test_nothing_in_a_name_reaches_the_terminal_as_a_command(here: Path) -> None:
    write_job(here / "job.py", JOB.replace("name=name.title()", "name='\\x1b[2J\\n'"))
    assert "new\tada\t\\x1b[2J\\n\n" in typed("plan", "job.py", "--items").stdout


def test_during_a_run_it_plans_what_would_be_left_and_is_in_nobodys_way(here: Path) -> None:
    with waiting_run(here) as run:
        while planned()["due"] != 2:
            continue
        assert f"A run is at work there (pid {run.process.pid} on " in typed("plan", "job.py").stdout
        assert run.let_go() == 0
