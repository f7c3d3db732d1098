"""`ctx.scratch`: for files that are no results, gone after the attempt however it ends, in a run as typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.outside import contents, finish
from tests.support import write_job

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import os
import time
from pathlib import Path

from parbatch import Item, Job

job = Job("scratch", attempts=1, timeout=2, chunk_size=2)


@job.items
def items():
    for number, how in enumerate(("ok", "raise", "crash", "hang", "invalid", "ok", "exit")):
        yield Item(id=f"{number}-{how}", data={"how": how})


@job.render
def render(item, ctx):
    seen = sorted(path.name for path in ctx.scratch.parent.iterdir() if path.suffix == ".scratch")
    assert ctx.scratch is ctx.scratch
    (ctx.scratch / "profile").mkdir()
    (ctx.scratch / "profile" / "same.txt").write_text("x")
    (ctx.dir / f"{item.id}.txt").write_text(" ".join(seen))
    how = item.data["how"]
    if how == "raise":
        raise ValueError("no")
    if how == "crash":
        os.kill(os.getpid(), 9)
    if how == "exit":
        os._exit(3)
    if how == "hang":
        time.sleep(60)
    return {"seen": seen, "scratch": str(ctx.scratch)}


@job.validate
def check(item, ctx):
    assert (ctx.scratch / "profile" / "same.txt").exists()
    if item.data["how"] == "invalid":
        yield "no good"


@job.overview
def overview(run, ctx):
    (ctx.scratch / "same.txt").write_text("x")
    (ctx.dir / "overview.json").write_text("{}")
"""


def test_it_is_private_not_published_and_gone_after_the_attempt_however_that_ends(tmp_path: Path) -> None:
    write_job(tmp_path / "job.py", JOB)
    code, printed = finish("run", tmp_path / "job.py", "--out", tmp_path / "out", "--workers", "1", "--json")
    report = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert code == 1
    ended = {status: count for status, count in report["by_status"].items() if count}
    assert ended == {"ok": 2, "failed": 1, "crashed": 2, "timeout": 1, "invalid": 1}, printed
    assert sorted(contents(tmp_path / "out" / "items")) == ["0-ok.txt", "5-ok.txt"]
    # the last, after all that went wrong, has found no folders but its own
    assert (tmp_path / "out" / "items" / "5-ok.txt").read_text() == "5.1.scratch"
    assert [path for path in (tmp_path / "out").rglob("*") if "scratch" in path.name or path.name == "profile"] == []


@pytest.mark.parametrize("backend", ["inline", "loky"])
def test_a_whole_chunk_has_one_too(tmp_path: Path, backend: str) -> None:
    job = """
        from parbatch import Item, Job

        job = Job("chunks", chunk_size=3)


        @job.items
        def items():
            for number in range(6):
                yield Item(id=f"n{number}")


        @job.render_chunk
        def render(items, ctx):
            (ctx.scratch / "input.txt").write_text("x")
            (ctx.of(items[1]).scratch / "input.txt").write_text("y")
            return {item.id: (ctx.scratch / "input.txt").read_text() for item in items}
        """
    write_job(tmp_path / "job.py", job)
    code, printed = finish("run", tmp_path / "job.py", "--out", tmp_path / "out", "--backend", backend)
    assert code == 0, printed
    assert [path for path in (tmp_path / "out").rglob("*") if "scratch" in path.name] == []
