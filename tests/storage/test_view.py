"""Several checkpoints as one: shards in the order of the source, phases one after another."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from parbatch.errors import CheckpointError
from parbatch.model.file_names import folded
from parbatch.model.job import Job
from parbatch.model.outcome import Output
from parbatch.model.shard import Shard
from parbatch.planning.changes import fill
from parbatch.reports.items import history_of
from parbatch.reports.report_data import Material
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part, part_folder, shard_of_folder
from parbatch.storage.opening import create, settle
from parbatch.storage.outcome_writer import record
from parbatch.storage.totals import Clash
from parbatch.storage.view import View, open_view
from tests.reports.making import result_of
from tests.support import contents, ended, make_job

IDS = [f"i{number}" for number in range(20)]


def filled(folder: Folder, job: Job) -> Checkpoint:
    folder.make()
    new = create(folder.checkpoint)
    fill(new, job, shard_of_folder(folder))
    return settle(new, folder.checkpoint)


def settled(checkpoint: Checkpoint, run_id: str, *, bad: str = "", slot: int = 0) -> None:
    """Every item ok, with a file of its own name, but for one that failed."""
    with checkpoint.transaction():
        done = [
            (one.id, ended(one, "failed" if one.id == bad else "ok", slot=slot), True) for one in checkpoint.tasks()
        ]
        record(checkpoint, run_id, 1, done)
        for item_id, how, _ in done:
            if how.status == "ok":
                published(checkpoint, item_id, f"{item_id}.txt")
        checkpoint.set_run(run_id, "finished")


def published(checkpoint: Checkpoint, item_id: str, path: str) -> None:
    checkpoint.set_outputs(item_id, [(folded(path), Output(path, 1, 1, "d"))])


@pytest.fixture
def root(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


@contextlib.contextmanager
def shards(root: Folder, ids: list[str] = IDS, bad: str = "") -> Iterator[View]:
    parts = [Part(str(shard), part_folder(root.root, shard)) for shard in Shard(1, 3).all]
    for part in parts:
        with contextlib.closing(filled(part.folder, make_job([{"id": item_id} for item_id in ids]))) as checkpoint:
            settled(checkpoint, f"run-{part.name}", bad=bad, slot=1)
    with open_view(parts, root) as view:
        yield view


def test_joined_shards_have_the_items_in_the_order_of_the_source_with_all_that_is_known_of_them(root: Folder) -> None:
    with shards(root, bad="i7") as joined:
        assert [outcome.item.id for outcome in joined.outcomes()] == IDS
        assert joined.counts()["ok"] == 19
        assert joined.last_run() == ("run-3/3", "finished")
        (failed,) = joined.failures()
        assert (failed.id, failed.message, failed.attempts) == ("i7", "i7 went wrong", 1)
        assert joined.known("i0").outcome.outputs == ("i0.txt",)
        assert joined.clashes() == []


def test_joining_leaves_the_parts_as_they_are(root: Folder) -> None:
    with shards(root):
        pass
    before = contents(root.root)
    with open_view([Part("1/3", part_folder(root.root, Shard(1, 3)))], root):
        pass
    assert contents(root.root) == before


def test_workers_of_different_shards_keep_apart_and_those_of_a_later_part_do_not(root: Folder) -> None:
    with shards(root) as joined:
        assert sorted({row.slot for row in joined.drawn_items(1)}) == [1, 3, 5]
    with phases(root) as joined:
        assert {row.slot for row in joined.drawn_items(1)} == {0}


def test_a_stem_leads_to_the_parts_own_log(root: Folder) -> None:
    with shards(root, ids=["con", *IDS], bad="i7") as joined:
        part = next(part_folder(root.root, shard) for shard in Shard(1, 3).all if shard.has("i7"))
        log = part.log("i7", "stderr")
        log.write_text("what it printed")
        history = history_of(joined, "i7")
        assert history.logs["stderr"].path == f"run/shards/{part.run.name}/logs/i7.stderr.txt"
        assert history.logs["stderr"].lines == ["what it printed"]
        material = Material(result_of(joined), joined, root)
        assert {row.id for row in material.items() if material.streams_of(row)} == {"i7"}
        assert material.result.failures[0].stderr_path == history.logs["stderr"].path
        (stem,) = (material.log_stem(row) for row in material.items() if row.id == "con")
        assert stem.startswith("../shards/")
        assert "/logs/_con~" in stem


def test_two_shards_that_read_different_sources_are_joined_all_the_same(root: Folder) -> None:
    """Positions then come twice: the items keep to the order in each shard."""
    parts = [Part(str(shard), part_folder(root.root, shard)) for shard in Shard(1, 2).all]
    for number, part in enumerate(parts):
        ids = [f"{number}-{item_id}" for item_id in IDS]
        shard = shard_of_folder(part.folder)
        assert shard is not None
        filled(part.folder, make_job([{"id": item_id} for item_id in ids if shard.has(item_id)])).close()
    with open_view(parts, root) as joined:
        found = [outcome.item.id for outcome in joined.outcomes()]
    for prefix in ("0", "1"):
        mine = [item_id for item_id in found if item_id.startswith(prefix)]
        assert mine == sorted(mine, key=lambda item_id: int(item_id[3:]))


def test_a_file_that_two_shards_published_is_a_clash_of_items_that_are_ok(root: Folder) -> None:
    first, second = Part("1/2", part_folder(root.root, Shard(1, 2))), Part("2/2", part_folder(root.root, Shard(2, 2)))
    for part in (first, second):
        with contextlib.closing(filled(part.folder, make_job([{"id": item_id} for item_id in IDS]))) as checkpoint:
            settled(checkpoint, f"run-{part.name}")
            mine = [one.id for one in checkpoint.tasks("1")]
            with checkpoint.transaction():
                published(checkpoint, mine[0], "Same.txt")
                published(checkpoint, mine[1], "stale.txt")
                if part is first:
                    checkpoint._db.execute("UPDATE items SET status = 'failed' WHERE id = ?", (mine[1],))
    with open_view([first, second], root) as joined:
        owners = [next(i for i in IDS if shard_of_folder(part.folder).has(i)) for part in (first, second)]  # type: ignore[union-attr]
        assert joined.clashes() == [Clash("Same.txt", *owners)]
        stale = [one for one in joined.outcomes() if "stale.txt" in (*one.outputs, *one.out_of_date)]
        assert [one.status for one in stale] == ["ok"], "it is that of the item that is ok"


@contextlib.contextmanager
def phases(root: Folder) -> Iterator[View]:
    parts = []
    for name in ("lego", "walls"):
        folder = Folder(root.root / name)
        with contextlib.closing(filled(folder, make_job([{"id": "a"}, {"id": "Con"}, {"id": "b"}]))) as checkpoint:
            settled(checkpoint, f"2026-{name}", bad="b")
        folder.log("b", "stdout").write_text(name)
        parts.append(Part(name, folder, f"{name}/"))
    with open_view(parts, root) as view:
        yield view


def test_phases_are_joined_one_after_another_under_their_prefixes(root: Folder) -> None:
    with phases(root) as joined:
        outcomes = list(joined.outcomes())
        assert [one.item.id for one in outcomes] == ["lego/a", "lego/Con", "lego/b", "walls/a", "walls/Con", "walls/b"]
        assert outcomes[3].outputs == ("../walls/items/a.txt",)
        assert (root.items / outcomes[3].outputs[0]).resolve().parent == root.root.resolve() / "walls/items"
        assert [one.stdout_path for one in joined.failures()] == [
            "lego/run/logs/b.stdout.txt",
            "walls/run/logs/b.stdout.txt",
        ]
        assert joined.known("walls/b").outcome.message == "b went wrong"
        assert [row.id for row in joined.items()] == [one.item.id for one in outcomes]


@pytest.mark.parametrize("most_open", [100, 1])
@pytest.mark.parametrize("others", [["x"], ["a", "x", "z"]])
def test_an_item_that_is_in_two_parts_is_named_as_damage_wherever_it_stands(
    root: Folder, monkeypatch: pytest.MonkeyPatch, others: list[str], most_open: int
) -> None:
    monkeypatch.setattr("parbatch.storage.view.MOST_OPEN", most_open)
    parts = [Part(name, Folder(root.root / name)) for name in ("a", "b")]
    for part, ids in zip(parts, (["x", "y"], others), strict=True):
        filled(part.folder, make_job([{"id": item_id} for item_id in ids])).close()
    with pytest.raises(CheckpointError, match="the same item is in two of a, b"), open_view(parts, root):
        raise AssertionError("it is not even opened")


def test_of_more_shards_than_are_kept_open_all_is_read_a_page_at_a_time(
    root: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parbatch.storage.view.MOST_OPEN", 2)
    monkeypatch.setattr("parbatch.storage.sources.PAGE", 3)
    with shards(root, bad="i7") as view:
        assert [outcome.item.id for outcome in view.outcomes()] == IDS
        assert [row.id for row in view.items()] == IDS
        assert [failure.id for failure in view.failures()] == ["i7"]
        assert view.counts()["ok"] == 19
        assert view.clashes() == []
