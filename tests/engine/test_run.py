"""The run as values: whatever the layout, the same steps in the same order, told to one reporter."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.engine.reporters import SilentReporter
from parbatch.engine.run import execute
from parbatch.engine.session import Budget, RunSession
from parbatch.errors import FolderError
from parbatch.model.item import Task
from parbatch.model.loading import load
from parbatch.model.messages import Ended
from parbatch.model.options import read_options
from parbatch.model.result import RunResult
from parbatch.storage.layout import Part
from tests.support import JOB, write_job

PHASES = """
from parbatch import Item, Job

first = Job("first")
last = Job("last", after=[first])


@first.items
def letters():
    yield from ({"id": letter} for letter in "ab")


@first.render
def upper(item, ctx):
    return item.id.upper()


@last.items
def pairs(first):
    yield Item(id="pair", data="".join(outcome.result for outcome in first))


@last.render
def write(item, ctx):
    (ctx.dir / "pair.txt").write_text(item.data)
"""


class Recorder(SilentReporter):
    """Takes down what it is told, in a word each."""

    told: list[str]

    def announce(self, part: Part, lines: Iterable[str]) -> None:
        self.told.append(f"announce {part.name}".strip())
        assert all(lines)

    def begin(self, part: Part, due: int) -> None:
        self.told.append(f"begin {part.name} {due}")

    def settled(self, task: Task, ended: Ended) -> None:
        self.told.append(f"{task.id} {ended.status}")

    def close(self) -> None:
        self.told.append("close")

    def finished(self, result: RunResult) -> None:
        self.told.append(f"finished {result.success}/{result.total}")

    def all_finished(self, result: RunResult, left: Sequence[str], parts: int) -> None:
        self.told.append(f"all {parts} finished {result.success}/{result.total}, left: {len(left)}")


def run(job: str, **given: Any) -> tuple[RunResult, list[str]]:
    """Run a job in this process. Returns its result and what was told."""
    options = read_options(load(job), {"backend": "inline", "progress": "none", "out": "out", **given})
    recorder = Recorder(options)
    recorder.told = []
    result = execute(load(job), RunSession(options, recorder, budget=Budget(options.time_budget)))
    return result, recorder.told


def test_a_plain_run_is_one_part(here: Path) -> None:
    write_job(here / "job.py", JOB)
    result, told = run("job.py")
    assert told == ["announce", "begin  3", "ada ok", "bob ok", "cyd ok", "close", "finished 3/3"]
    assert (result.state, result.exit_code, result.out) == ("finished", 0, str(here / "out"))


def test_phases_are_parts_one_after_another_with_one_result(here: Path) -> None:
    write_job(here / "job.py", PHASES)
    result, told = run("job.py:last")
    assert [one for one in told if one != "close"] == [
        *("announce first", "begin first 2", "a ok", "b ok", "announce last", "begin last 1", "pair ok", "finished 3/3")
    ]
    assert told.index("close") < told.index("finished 3/3")
    assert [(phase.name, phase.success) for phase in result.phases] == [("first", 2), ("last", 1)]
    assert (here / "out/last/items/pair.txt").read_text() == "AB"


def test_the_last_shard_finishes_all(here: Path) -> None:
    write_job(here / "job.py", JOB)
    counts = []
    for shard in ("1/2", "2/2"):
        result, told = run("job.py", shard=shard)
        counts.append(result.total)
        assert result.shard == shard
    assert sum(counts) == 3
    assert told[-2:] == [f"finished {counts[1]}/{counts[1]}", "all 2 finished 3/3, left: 1"]


def test_where_nothing_is_due_nothing_begins(here: Path) -> None:
    write_job(here / "job.py", JOB)
    run("job.py")
    assert run("job.py", resume=True)[1] == ["announce", "close", "finished 3/3"]


def test_a_run_that_can_not_begin_tells_nothing_and_leaves_nothing(here: Path) -> None:
    write_job(here / "job.py", JOB)
    with pytest.raises(FolderError, match="holds no run of which items could be tried again"):
        parbatch.retry("job.py", out="out", progress="none", backend="inline")
    assert not (here / "out").exists()


@pytest.mark.parametrize("job", ["job.py:first", "job.py:last"])
def test_a_folder_of_another_layout_is_refused_before_anything_is_held(here: Path, job: str) -> None:
    write_job(here / "job.py", PHASES)
    run("job.py:first", shard="1/2")
    with pytest.raises(FolderError, match="is run in 2 shards"):
        run(job)
