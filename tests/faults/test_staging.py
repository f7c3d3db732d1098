"""An item's own folder that is gone, or another one, when the item ends: it fails, and nothing else is taken for it."""

from pathlib import Path

from tests.faults.outside import finish, rows, small_disk
from tests.support import write_job

JOB = """
import os
import shutil
from pathlib import Path

from parbatch import Item, Job

job = Job("letters", chunk_size=1)
job.items(lambda: [Item(id=what) for what in WAYS])
THEIRS = Path(__file__).parent / "theirs"


def removes_it(ctx):
    shutil.rmtree(ctx.dir)


def links_elsewhere(ctx):
    shutil.rmtree(ctx.dir)
    ctx.dir.symlink_to(THEIRS)


def makes_another(ctx):
    ctx.dir.rename(ctx.dir.with_name("aside"))
    ctx.dir.mkdir()
    (ctx.dir / "other.txt").write_text("other")


def leaves_it(ctx):
    (ctx.dir / "fine.txt").write_text("fine")


WAYS = {f.__name__: f for f in (removes_it, links_elsewhere, makes_another, leaves_it)}


@job.render
def render(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(item.id)
    WAYS[item.id](ctx)
"""


def test_an_own_folder_that_was_removed_or_replaced_fails_the_item_alone(here: Path) -> None:
    write_job(here / "job.py", JOB)
    (here / "theirs").mkdir()
    (here / "theirs" / "mine.txt").write_text("mine")
    code, printed = finish("run", "job.py", "--out", "out", "--workers", 1, "--progress", "none")
    assert code == 1, printed
    assert dict(rows(here / "out", "SELECT id, status FROM items")) == {
        "removes_it": "failed",
        "links_elsewhere": "failed",
        "makes_another": "failed",
        "leaves_it": "ok",
    }
    assert sorted(path.name for path in (here / "out/items").iterdir()) == ["fine.txt", "leaves_it.txt"]
    assert (here / "theirs" / "mine.txt").read_text() == "mine"
    assert "ctx.dir" in printed


def test_items_on_another_disk_than_the_rest_are_refused_before_anything_is_rendered(here: Path) -> None:
    write_job(here / "job.py", JOB)
    (here / "out").mkdir()
    with small_disk(here / "out/items", "1m"):
        code, printed = finish("run", "job.py", "--out", "out", "--workers", 1, "--progress", "none")
        assert code == 2, printed
        assert "out/items: it is on another disk, or mount, than run/tmp" in printed
        assert not [*(here / "out/items").iterdir()]
    code, printed = finish("run", "job.py", "--out", "out", "--workers", 1, "--progress", "none")
    assert code == 1, printed
