"""`--shard 2/5`: several runs in one folder, each with a part of the items, and all of them together at the end."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.model.item import Item
from parbatch.model.job import Job
from parbatch.model.shard import Shard, shard_of
from parbatch.storage.folder import Folder, is_own_name
from parbatch.storage.layout import part_folder, wanted_layout
from parbatch.storage.lock import hold
from parbatch.storage.parts import marks, unfinished
from tests.support import contents, typed, write_job

NAMES = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo"]
MANY = f"""
from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    for name in {NAMES}:
        yield Item(id=name, name=name.title(), group=name[0])


@job.render
def letter(item, ctx):
    print("rendering", item.id)
    if item.id == 'BAD':
        raise ValueError('no such city')
    (ctx.dir / f"{{item.id}}.txt").write_text(f"Dear {{item.name}}\\n")
    return item.id


@job.overview
def over(run, ctx):
    lines = (f"{{o.item.id}} {{o.status}} {{o.outputs}}" for o in run.outcomes())
    (ctx.dir / "overview.txt").write_text("\\n".join(lines))
"""
FAILING = MANY.replace("BAD", "cyd")
NAMED = MANY.replace('f"{item.id}.txt"', "name_of(item)")


@pytest.fixture
def out(here: Path) -> Path:
    write_job(here / "job.py", MANY)
    return here / "outputs/letters"


def run_all(count: int = 3, *options: str) -> list[int]:
    return [typed("run", "job.py", "--shard", str(shard), *options).exit_code for shard in Shard(1, count).all]


def report(out: Path, name: str = "report.json") -> Any:
    return json.loads((out / name).read_text())


def test_each_shard_renders_its_own_items_and_the_last_one_makes_the_overview_of_all(out: Path) -> None:
    typed("run", "job.py", "--out", "whole")
    for shard in Shard(1, 3).all:
        assert not (out / "overview.txt").exists()
        result = typed("run", "job.py", "--shard", str(shard))
        assert result.exit_code == 0, result.output
        mine = [name for name in NAMES if shard.has(name)]
        assert report(out, f"report-{shard.name}.json")["success"] == len(mine)
        assert report(out, f"report-{shard.name}.json")["shard"] == str(shard)
    assert "That was the last of 3 shards; all of them together:" in result.output
    assert "letters finished: 12 ok of 12 items" in result.output
    assert (out / "overview.txt").read_bytes() == Path("whole/overview.txt").read_bytes()
    assert contents(out / "items") == contents(Path("whole/items"))
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["items", "run", "overview.txt", "report.json", "report.html", "junit.xml"]
        + [
            f"{kind}-{n}-of-3.{end}"
            for n in (1, 2, 3)
            for kind, end in (("report", "json"), ("report", "html"), ("junit", "xml"))
        ]
    )
    whole = report(out)
    assert (whole["state"], whole["total"], whole["success"], whole["rendered"]) == ("finished", 12, 12, 12)
    assert (whole["exit_code"], whole["shard"], whole["overview"]) == (0, None, {"path": "overview.txt"})
    assert [*whole["after"]["by_group"]] == [name[0] for name in NAMES]


def test_from_python_it_is_the_same(out: Path) -> None:
    results = [parbatch.run("job.py", shard=f"{n}/2", backend="inline", progress="none") for n in (1, 2)]
    assert [result.shard for result in results] == ["1/2", "2/2"]
    assert sum(result.success for result in results) == 12
    assert results[0].overview is None
    assert results[1].overview is not None
    assert results[1].overview.path == "overview.txt"
    assert (out / "overview.txt").exists()


def test_a_job_without_items_is_an_error_in_shards_too(here: Path) -> None:
    write_job(here / "job.py", MANY.replace(str(NAMES), "()"))
    result = typed("run", "job.py", "--shard", "1/3")
    assert result.exit_code == 2
    assert "has no items" in result.stderr
    assert not (here / "outputs").exists()


@pytest.mark.parametrize("command", ["run", "retry", "plan", "status", "list", "report", "prune"])
@pytest.mark.parametrize("given", ["6/5", "0/5", "x"])
def test_what_is_no_shard_is_refused(out: Path, command: str, given: str) -> None:
    result = typed(command, "job.py", "--shard", given)
    assert result.exit_code == 2
    assert "shard: " in result.stderr
    assert not out.exists()


@pytest.mark.parametrize("command", ["run", "retry", "plan"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--shard", "1/4"], "is run in 3 shards, so there is no 1/4. Give --shard 1/3 to 3/3"),
        ([], "is run in 3 shards. Say which one with --shard 1/3 to 3/3"),
    ],
)
def test_other_shards_or_none_are_refused_where_there_are_shards(
    out: Path, command: str, options: list[str], words: str
) -> None:
    typed("run", "job.py", "--shard", "1/3")
    before = contents(out)
    result = typed(command, "job.py", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert contents(out) == before


@pytest.mark.parametrize("command", ["run", "retry", "plan", "status", "list", "report", "prune"])
def test_a_shard_of_a_folder_that_is_run_as_a_whole_is_refused(out: Path, command: str) -> None:
    typed("run", "job.py")
    before = contents(out)
    result = typed(command, "job.py", "--shard", "1/3")
    assert result.exit_code == 2
    assert "holds a run without shards. Leave out --shard" in result.stderr
    assert contents(out) == before


def test_two_shards_hold_different_locks_and_the_same_one_is_held_once(out: Path) -> None:
    with hold(part_folder(out, Shard(1, 3))):
        assert typed("run", "job.py", "--shard", "2/3").exit_code == 0
        result = typed("run", "job.py", "--shard", "1/3")
        assert result.exit_code == 3
        assert f"Another run holds shard 1/3 of {out} (pid {os.getpid()} on " in result.stderr


def test_first_runs_in_different_numbers_of_shards_are_kept_apart_also_when_they_begin_together(out: Path) -> None:
    with hold(part_folder(out, Shard(1, 2))):
        assert "is run in 2 shards" in typed("run", "job.py", "--shard", "1/3").stderr
        assert "is run in 2 shards" in typed("run", "job.py").stderr
    with hold(Folder(out)):
        assert "holds a run without shards" in typed("run", "job.py", "--shard", "1/3").stderr


def test_status_adds_the_shards_up_and_says_how_each_stands(out: Path) -> None:
    write_job(Path("job.py"), FAILING)
    run_all()
    other = next(number for number in (1, 2, 3) if number != shard_of("cyd", 3))
    (out / f"run/shards/{other}-of-3/checkpoint.sqlite").unlink()
    status = json.loads(typed("status", "job.py", "--json").stdout)
    begun = [name for name in NAMES if shard_of(name, 3) != other]
    assert (status["total"], status["errors"], status["state"]) == (len(begun), 1, "not begun")
    assert [one["state"] for one in status["shards"]].index("not begun") == other - 1
    assert status["counts"]["by_group"]["c"]["failed"] == 1
    lines = typed("status", "job.py").stdout.splitlines()
    assert "  shards    2 finished, 1 not begun of 3" in lines
    assert any(line.startswith("  1 failed: ValueError: no such city (job.py:") for line in lines)
    left = {other: f"--shard {other}/3", (bad := shard_of("cyd", 3)): f"--resume --shard {bad}/3"}
    assert lines[-1] == f"1 item is left, and 1 shard is not begun. To go on: parbatch run job.py {left[min(left)]}"
    one = json.loads(typed("status", "job.py", "--shard", f"{bad}/3", "--json").stdout)
    assert one["total"] == sum(shard_of(name, 3) == bad for name in NAMES)


@pytest.mark.usefixtures("out")
def test_list_and_show_know_the_items_of_all_shards() -> None:
    run_all()
    assert [line.split("\t")[3] for line in typed("list", "job.py").stdout.splitlines()] == NAMES
    mine = [line.split("\t")[3] for line in typed("list", "job.py", "--shard", "2/3").stdout.splitlines()]
    assert mine == [name for name in NAMES if shard_of(name, 3) == 2]
    for options in ([], ["--shard", f"{shard_of('eve', 3)}/3"]):
        shown = json.loads(typed("show", "Eve", "job.py", *options, "--json").stdout)
        assert shown["outputs"] == ["eve.txt"]
        assert shown["logs"]["stdout"]["path"] == f"run/shards/{shard_of('eve', 3)}-of-3/logs/eve.stdout.txt"
        assert shown["logs"]["stdout"]["lines"][-1] == "rendering eve"
    assert f"outputs/letters/run/shards/{shard_of('eve', 3)}-of-3/logs" in typed("show", "eve", "job.py").stdout


def test_plan_is_of_one_shard_and_tells_the_command(out: Path) -> None:
    result = typed("plan", "job.py", "--shard", "2/3")
    due = sum(shard_of(name, 3) == 2 for name in NAMES)
    assert f"letters: {due} of {due} items are due" in result.stdout
    assert "To do it: parbatch run job.py --shard 2/3" in result.stdout
    assert not out.exists()


def test_prune_removes_what_is_gone_from_all_shards(out: Path) -> None:
    run_all()
    write_job(Path("job.py"), MANY.replace("'ada', ", "").replace("'bob', ", ""))
    shown = typed("prune", "job.py", "--dry-run").stdout.splitlines()
    assert shown[:2] == ["would remove outputs/letters/items/ada.txt", "would remove outputs/letters/items/bob.txt"]
    assert (out / "items/ada.txt").exists()
    assert typed("prune", "job.py", "--shard", f"{shard_of('ada', 3)}/3").exit_code == 0
    assert not (out / "items/ada.txt").exists()
    assert typed("prune", "job.py").exit_code == 0
    assert sorted(path.stem for path in (out / "items").iterdir()) == NAMES[2:]


def test_prune_leaves_a_file_that_another_shard_has_published_since(out: Path) -> None:
    """As when an item got another id: the file is the new item's."""
    new = next(name for number in range(99) if shard_of(name := f"new-{number}", 3) != shard_of("ada", 3))
    job = NAMED + "\ndef name_of(item): return 'ada.txt' if item.id.startswith('new') else item.id + '.txt'\n"
    write_job(Path("job.py"), job)
    run_all()
    write_job(Path("job.py"), job.replace("'ada', ", f"{new!r}, "))
    refused = typed("run", "job.py", "--shard", f"{shard_of(new, 3)}/3", "--resume")
    assert refused.exit_code == 1
    assert f"ada.txt was published by item 'ada' of shard {shard_of('ada', 3)}/3 already" in refused.stdout
    assert (out / "items/ada.txt").read_text() == "Dear Ada\n"
    for moved in ("ada", new):
        assert typed("run", "job.py", "--shard", f"{shard_of(moved, 3)}/3", "--resume").exit_code == 0
    assert f"{new} ok ('ada.txt',)" in (out / "overview.txt").read_text()
    assert typed("prune", "job.py").exit_code == 0
    assert (out / "items/ada.txt").read_text() == f"Dear {new.title()}\n"


def test_a_file_that_another_shard_has_published_is_not_published_over(out: Path) -> None:
    other = next(name for name in NAMES if shard_of(name, 2) != shard_of("ada", 2))
    same = f"\ndef name_of(item): return ('same' if item.id in ('ada', {other!r}) else item.id) + '.txt'\n"
    write_job(Path("job.py"), NAMED + same)
    assert run_all(2) == [0, 1]
    first, second = sorted(("ada", other), key=lambda name: shard_of(name, 2))
    assert (out / "items/same.txt").read_text() == f"Dear {first.title()}\n"
    assert f"same.txt was published by item {first!r} of shard 1/2 already" in typed("show", second, "job.py").stdout


def test_ids_that_differ_only_in_case_have_files_of_their_own(here: Path) -> None:
    job = Job("cases")
    job.items(lambda: [Item(id=name) for name in ("Ada", "ada", "ADA", "bob")])
    job.render(lambda _, ctx: ctx.document())
    for shard in Shard(1, 3).all:
        parbatch.run(job, shard=str(shard), out=here / "out", backend="inline", progress="none")
    parbatch.run(job, out=here / "whole", backend="inline", progress="none")
    assert len({path.name.casefold() for path in (here / "out/items").iterdir()}) == 4
    assert [*contents(here / "out/items")] == [*contents(here / "whole/items")]


def test_render_finds_the_shard_of_its_item(out: Path) -> None:
    run_all()
    (out / "items/kim.txt").unlink()
    result = typed("render", "kim", "job.py", "--backend", "inline")
    assert result.exit_code == 0, result.output
    assert (out / "items/kim.txt").exists()
    assert not (out / "run/checkpoint.sqlite").exists()
    assert parbatch.render("job.py", "kim", backend="inline").outputs == ("kim.txt",)


def test_a_change_of_the_source_leaves_what_is_done_in_each_shard(out: Path) -> None:
    run_all()
    write_job(Path("job.py"), MANY.replace("'ada', ", "'zoe', 'ada', "))
    assert run_all(3, "--resume") == [0, 0, 0]
    assert sum(report(out, f"report-{n}-of-3.json")["rendered"] for n in (1, 2, 3)) == 1
    assert (out / "overview.txt").read_text().splitlines()[:2] == ["zoe ok ('zoe.txt',)", "ada ok ('ada.txt',)"]


def test_the_names_of_the_reports_of_shards_are_no_names_for_an_overview(out: Path) -> None:
    assert is_own_name("Report-2-of-5.JSON")
    assert is_own_name("junit-2-of-5.xml")
    assert not is_own_name("report-2-of-5.docx")
    write_job(Path("job.py"), MANY.replace("overview.txt", "report-2-of-5.json"))
    assert run_all(1) == [1]
    assert "parbatch uses that name itself" in report(out)["overview"]["error"]


def test_a_mark_changes_with_the_outcomes_of_its_shard_alone(out: Path) -> None:
    run_all()
    layout = wanted_layout(out, shard=Shard(1, 3))
    layout = dataclasses.replace(layout, chosen=None)
    before = marks(layout)
    assert [*before] == ["1/3", "2/3", "3/3"]
    assert unfinished(layout) == {}
    shard = shard_of("ada", 3)
    typed("render", "ada", "job.py", "--backend", "inline")
    after = marks(layout)
    assert {name for name in after if after[name] != before[name]} == {f"{shard}/3"}
    assert len(layout.begun()) == 3
