"""`ctx`: folders that are made when they are asked for, and what a chunk's items have in common."""

from pathlib import Path

import pytest

from parbatch.model.item import SCRATCH
from parbatch.model.outcome import Outcome
from parbatch.worker.context import ChunkContext, Context, Previous
from tests.support import task


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """The context of an attempt."""
    return Context(1, "shared", str(tmp_path / "a-1"), tmp_path)


def test_folders_are_made_when_they_are_asked_for_and_empty(ctx: Context, tmp_path: Path) -> None:
    """An attempt that was lost with its worker may have left something there."""
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-1/half.txt").touch()
    assert (ctx.has_files, ctx.folders) == (False, ())
    assert list(ctx.dir.iterdir()) == []
    assert (ctx.has_files, ctx.folders) == (True, (str(tmp_path / "a-1"),))
    assert ctx.dir is ctx.dir


def test_scratch_is_apart_from_what_is_published_and_can_be_dropped(ctx: Context, tmp_path: Path) -> None:
    (ctx.scratch / "notes.txt").touch()
    assert not ctx.has_files
    assert ctx.scratch == tmp_path / f"a-1{SCRATCH}"
    ctx.drop_scratch()
    assert list(tmp_path.iterdir()) == []


def test_without_shared_entries_the_context_is_empty(ctx: Context) -> None:
    assert (len(ctx.context), list(ctx.context.summaries())) == (0, [])
    with pytest.raises(LookupError, match=r"the job has no entries \(@job.context\)"):
        ctx.context["law"]


def test_that_of_a_chunk_has_those_of_its_items(ctx: Context, tmp_path: Path) -> None:
    chunk = ChunkContext({"a": ctx}, "shared", tmp_path)
    assert chunk.of("a") is chunk.of(task(0, item_id="a").item()) is ctx
    assert chunk.scratch == ctx.scratch
    chunk.templates.add("letter.docx")
    assert ctx.templates == {"letter.docx"}, "each item depends on a template that the chunk uses"
    with pytest.raises(KeyError, match="item 'b' is not in this chunk"):
        chunk.of("b")


def test_an_earlier_phase_gives_its_outcomes_that_are_ok_as_often_as_they_are_asked_for(tmp_path: Path) -> None:
    items = [task(number).item() for number in range(3)]
    outcomes = [Outcome(item=item, status="failed" if item is items[1] else "ok") for item in items]
    previous = Previous({"ok": 2, "failed": 1}, lambda: iter(outcomes), tmp_path)
    for _ in range(2):
        assert [outcome.item for outcome in previous] == [items[0], items[2]]
    assert list(previous.outcomes()) == outcomes
