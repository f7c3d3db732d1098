"""`--sample-groups`: one item of each group first, and the others of groups whose sample is ok."""

import json
from pathlib import Path

import pytest

import parbatch
from parbatch import Item, Job
from tests.support import typed, write_job

JOB = """
from parbatch import Item, Job

job = Job("letters", chunk_size=2)


@job.items
def people():
    for group in ("north", "south", "west"):
        for number in range(4):
            yield Item(id=f"{group}-{number}", group=group)


@job.render
def letter(item, ctx):
    if item.group == "south":
        raise ValueError("the table of the south is empty")
"""


def test_groups_whose_sample_fails_are_left_out_and_the_others_done(here: Path) -> None:
    write_job(here / "job.py", JOB)
    result = typed("run", "job.py", "--sample-groups")
    assert result.exit_code == 1
    assert "letters finished: 8 ok, 1 failed, 3 pending of 12 items" in result.output
    assert "  left out  3 items of groups whose sample is not ok" in result.output
    report = json.loads((here / "outputs/letters/report.json").read_text())
    assert (report["left_out_by_samples"], report["rendered"], report["state"]) == (3, 9, "finished")
    write_job(here / "job.py", JOB.replace('"south":', '"nowhere":'))
    done = typed("run", "job.py", "--sample-groups", "--resume")
    assert (done.exit_code, "12 ok (8 from before) of 12 items" in done.output) == (0, True)


def test_a_run_that_is_stopped_by_its_samples_goes_on_with_resume(here: Path) -> None:
    write_job(here / "job.py", JOB)
    result = typed("run", "job.py", "--sample-groups", "--max-failures", "1")
    assert result.exit_code == 4
    assert "STOPPED: the limit of 1 failure was reached (--max-failures 1)" in result.output


@pytest.mark.parametrize("backend", ["inline", "loky"])
def test_samples_are_done_before_any_other_item_begins(here: Path, backend: str) -> None:
    job = Job("letters")
    order = here / "order"
    job.items(lambda: [Item(id=f"{group}{number}", group=group) for number in range(3) for group in "abc"])

    @job.render
    def write(item: Item, _: object) -> None:
        with order.open("a") as file:
            file.write(f"{item.id} ")

    assert parbatch.run(job, sample_groups=True, workers=2, backend=backend, progress="none").exit_code == 0
    ids = order.read_text().split()
    assert sorted(ids[:3]) == ["a0", "b0", "c0"]
    assert sorted(ids[3:]) == [f"{group}{number}" for group in "abc" for number in (1, 2)]
