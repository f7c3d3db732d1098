"""The store of shared entries: what is written when, and what a change of an entry makes due again."""

from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch import Entry, Item, Job, NothingRunError
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.context_store import entries, leftovers
from parbatch.storage.folder import Folder
from tests.support import contents, loaded, typed, write_job

JOB = """
from parbatch import Entry, Item, Job

job = Job("answers", max_entries=2)
TEXTS = {"a": "alpha", "b": "beta", "c": "gamma"}


@job.context
def texts():
    for name, text in TEXTS.items():
        yield Entry(name, text, summary=f"the letter {name}", source="greek.txt")


@job.items
def questions():
    yield Item(id="one", requires=("a", "b"))
    yield Item(id="two", requires=("c",))
    yield Item(id="three")


@job.render
def answer(item, ctx):
    return [ctx.context[name].content for name in item.requires]
"""


def job_with(texts: dict[str, Any], items: list[Item], **options: Any) -> Job:
    job = Job("answers", **options)
    job.context(lambda: [Entry(name, text) for name, text in texts.items()])
    job.items(lambda: items)
    job.render(lambda item, ctx: [ctx.context[name].content for name in item.requires])
    return job


def run(out: Path, texts: dict[str, Any], items: list[Item], **options: Any) -> parbatch.RunResult:
    resume = (out / "run" / "checkpoint.sqlite").exists()
    job = job_with(texts, items)
    return parbatch.run(job, out=str(out), backend="inline", progress="none", resume=resume, **options)


def stored(out: Path) -> dict[str, int]:
    """The contents in the store, and when each was written."""
    return {
        path.read_text(): path.stat().st_mtime_ns
        for path in (out / "run" / "context").iterdir()
        if not path.name.endswith(".jsonl")
    }


ONE, TWO, THREE = Item(id="one", requires=("a", "b")), Item(id="two", requires=("c",)), Item(id="three")
TEXTS = {"a": "alpha", "b": "beta", "c": "gamma"}


def test_a_changed_entry_makes_exactly_the_items_due_that_require_it(here: Path) -> None:
    write_job(here / "job.py", JOB)
    assert typed("run", "job.py").exit_code == 0
    write_job(here / "job.py", JOB.replace('"b": "beta"', '"b": "BETA"'))
    before = contents(here)
    planned = typed("plan", "job.py", "--items").stdout.splitlines()
    assert planned[0] == "context changed: b\tone\tone"
    assert "          1 context changed: b" in planned
    assert contents(here) == before
    assert "1 context changed: b" in typed("run", "job.py", "--resume").stdout
    assert "1 ok" not in typed("plan", "job.py").stdout
    assert "0 of 3 items are due" in typed("plan", "job.py").stdout


def test_contents_are_written_once_and_removed_when_nothing_names_them(tmp_path: Path) -> None:
    run(tmp_path, TEXTS, [ONE, TWO, THREE])
    before = stored(tmp_path)
    assert {*before} == {"alpha", "beta", "gamma"}
    again = run(tmp_path, TEXTS | {"c": "delta", "d": "alpha"}, [ONE, TWO, THREE])
    assert again.rendered == 1
    after = stored(tmp_path)
    assert {*after} == {"alpha", "beta", "delta"}
    assert (after["alpha"], after["beta"]) == (before["alpha"], before["beta"])


def test_what_another_index_names_is_kept(tmp_path: Path) -> None:
    run(tmp_path, TEXTS, [ONE, TWO, THREE])
    index = tmp_path / "run" / "context" / "checkpoint.index.jsonl"
    index.with_name("another.index.jsonl").write_bytes(index.read_bytes())
    run(tmp_path, TEXTS | {"c": "delta"}, [ONE, TWO, THREE])
    assert {*stored(tmp_path)} == {"alpha", "beta", "gamma", "delta"}


def test_a_content_that_is_not_whole_is_written_again(tmp_path: Path) -> None:
    run(tmp_path, TEXTS, [ONE, TWO, THREE])
    (damaged,) = (path for path in (tmp_path / "run/context").iterdir() if path.read_text() == "gamma")
    damaged.write_text("ga")
    result = run(tmp_path, TEXTS, [ONE, Item(id="two", requires=("c", "a")), THREE])
    assert (result.success, result.rendered) == (3, 1)
    assert damaged.read_text() == "gamma"


def test_what_a_killed_run_left_in_the_store_is_pruned(here: Path) -> None:
    write_job(here / "job.py", JOB)
    typed("run", "job.py")
    folder = Folder(here / "outputs" / "answers")
    stray = folder.context / ("0" * 32)
    stray.write_text("of no index")
    assert leftovers(folder) == [stray]
    assert typed("prune", "job.py").exit_code == 0
    assert not stray.exists()
    assert typed("plan", "job.py").stdout.startswith("answers: 0 of 3 items are due")
    assert len(stored(folder.root)) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ('requires=("c",)', 'requires=("cc",)'),
            ["Item 'two'", "the entry 'cc', and there is none", "Close to it: c."],
        ),
        (("yield Entry(name", "if name != 'c': yield Entry(name"), ["Item 'two'", "'c'", "not there any more"]),
        (('requires=("a", "b")', 'requires=("a", "b", "c")'), ["Item 'one'", "requires 3 entries", "at most 2"]),
        (("yield Entry(name", "yield Entry('a'"), ["Entry 2", "'a' was given before"]),
        (("for name, text", "1 / 0\n    for name, text"), ["after 0 entries", "job.py:", "ZeroDivisionError"]),
        (("@job.context", ""), ["Item 'one'", "'a'", "@job.context"]),
        (("    for name, text in TEXTS.items():\n        yield", "    return"), ["context function", "NameError"]),
        (('requires=("c",)', "priority='high'"), ["Item 'two'", "priority is 'high'"]),
    ],
)
def test_what_can_not_be_is_an_error_of_plan_and_run_and_leaves_all_as_it_was(
    here: Path, change: tuple[str, str], words: list[str]
) -> None:
    write_job(here / "job.py", JOB)
    typed("run", "job.py")
    write_job(here / "job.py", JOB.replace(*change))
    before = contents(here)
    for command in (("plan", "job.py"), ("run", "job.py", "--resume")):
        result = typed(*command)
        assert result.exit_code == 2, result.output
        for word in words:
            assert word in result.stderr
    assert contents(here) == before


def test_a_first_run_that_comes_to_nothing_leaves_no_contents(tmp_path: Path) -> None:
    with pytest.raises(NothingRunError):
        run(tmp_path / "out", TEXTS, [ONE, Item(id="four", requires=("d",))])
    assert not (tmp_path / "out").exists()


def test_more_than_a_few_changed_entries_are_one_reason(tmp_path: Path) -> None:
    texts = {f"t{number}": str(number) for number in range(9)}
    items = [Item(id=f"i{number}", requires=(f"t{number}",)) for number in range(9)]
    run(tmp_path, texts, items)
    job = job_with({name: text + "!" for name, text in texts.items()}, items)
    from parbatch.model.options import read_options
    from parbatch.planning.prepare import preview

    held = loaded(job, tmp_path)
    scratch, plan = preview(Folder(tmp_path), held, read_options(held, {"out": str(tmp_path), "resume": True}))
    scratch.close()
    assert plan.reasons == {"context changed: 9 entries": 9}


def test_the_index_is_listed_and_searched_in_the_checkpoint(here: Path) -> None:
    write_job(here / "job.py", JOB)
    typed("run", "job.py")
    checkpoint = Checkpoint(Folder(here / "outputs/answers").checkpoint)
    assert [entry.id for entry in entries(checkpoint)] == ["a", "b", "c"]
    checkpoint.close()


def test_a_changed_priority_alone_makes_nothing_due(tmp_path: Path) -> None:
    run(tmp_path, TEXTS, [ONE, TWO])
    result = run(tmp_path, TEXTS, [ONE, Item(id="two", requires=("c",), priority=5)])
    assert (result.rendered, result.kept) == (0, 2)


def test_items_go_by_priority_and_within_it_as_they_are_packed(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    items = [Item(id=f"i{number}", requires=("abc"[number % 3],), priority=number // 6) for number in range(12)]
    job = job_with(TEXTS, items, chunk_size=2)

    def note(item: Item, _: Any) -> None:
        with seen.open("a") as lines:
            lines.write(f"{item.id}\n")

    job.functions["render"] = note
    parbatch.run(job, out=str(tmp_path / "out"), backend="inline", progress="none")
    assert seen.read_text().split() == ["i6", "i9", "i7", "i10", "i8", "i11", "i0", "i3", "i1", "i4", "i2", "i5"]


def test_what_chunks_came_to_is_in_the_report(tmp_path: Path) -> None:
    items = [Item(id=f"i{number}", requires=("abc"[number % 3],)) for number in range(12)]
    job = job_with(TEXTS, items, chunk_size=2)
    result = parbatch.run(job, out=str(tmp_path), backend="inline", progress="none")
    chunks = result.as_dict()["chunks"]
    assert (chunks["count"], chunks["items"]["sum"], chunks["entries"]["sum"]) == (6, 12, 6)
    assert chunks["bytes"] == {"sum": 28, "median": 5, "p95": 5, "max": 5}
    assert chunks["duration_s"]["max"] >= chunks["duration_s"]["median"] > 0
    assert "<dt>Chunks</dt><dd>6, with 1 entries each" in (tmp_path / "report.html").read_text()


def test_a_job_without_entries_says_nothing_of_chunks(here: Path) -> None:
    write_job(here / "job.py")
    assert '"chunks":null' in typed("run", "job.py", "--json").stdout.replace(" ", "")
    assert not (here / "outputs/letters/run/context").exists()
