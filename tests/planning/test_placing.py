"""`--limit N` reads the source no further than needed, but for a little, and says that there may be more."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parbatch.model.shard import Shard
from parbatch.planning import placing
from parbatch.planning.placing import PlacedRows, Row, Wanted
from tests.support import typed, write_job

ENDLESS = """
from itertools import count

from parbatch import Item, Job

job = Job("endless")


@job.items
def items():
    for n in count():
        yield Item(id=f"i{n}", group="even" if n % 2 == 0 else "odd")


@job.render
def render(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(item.id)
"""
MORE = "The source was not read to its end, and may have more."


@pytest.fixture
def endless(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(placing, "AHEAD_ITEMS", 5)
    write_job(here / "job.py", ENDLESS)
    return here / "outputs/endless"


def made(out: Path) -> list[str]:
    return sorted(path.stem for path in (out / "items").iterdir())


def test_an_endless_source_is_begun_with_a_limit_and_gone_on_with_by_another(endless: Path) -> None:
    first = typed("run", "job.py", "--limit", "3")
    assert first.exit_code == 0, first.output
    assert made(endless) == ["i0", "i1", "i2"]
    assert f"5 items are left. {MORE} To go on: " in first.stdout
    assert json.loads((endless / "report.json").read_text())["unread"] is True
    again = typed("run", "job.py", "--limit", "8", "--resume")
    assert again.exit_code == 0, again.output
    assert made(endless) == sorted(f"i{n}" for n in range(11))
    assert "pending 5 → 0" in again.stdout


@pytest.mark.usefixtures("endless")
def test_what_was_not_read_is_work_left_for_a_plain_run_and_for_status() -> None:
    typed("run", "job.py", "--limit", "3")
    typed("run", "job.py", "--resume", "--limit", "5")
    refused = typed("run", "job.py", "--limit", "1")
    assert refused.exit_code == 2
    assert "the source not read to its end" in refused.stderr
    standing = json.loads(typed("status", "job.py", "--json").stdout)
    assert (standing["unread"], standing["total"]) == (True, 8), "enough was known, and no more was read"
    assert "Nothing" not in typed("status", "job.py").stdout
    assert MORE in typed("status", "job.py").stdout


def test_what_takes_on_known_items_reads_no_further_either(endless: Path) -> None:
    typed("run", "job.py", "--limit", "3")
    for command in (("plan", "job.py", "--limit", "2"), ("render", "i1", "job.py", "--backend", "inline")):
        assert typed(*command).exit_code == 0
    (endless / "items/i1.txt").unlink()
    assert typed("retry", "job.py", "--only", "i1").exit_code == 0
    assert "i1" in made(endless)


def test_a_limit_with_a_selection_reads_until_so_many_match(endless: Path) -> None:
    assert typed("run", "job.py", "--limit", "2", "--group", "odd").exit_code == 0
    assert made(endless) == ["i1", "i3"]


def test_an_ordinary_source_is_read_whole_and_what_is_left_is_counted(here: Path) -> None:
    write_job(here / "job.py", ENDLESS.replace("count()", "range(30)"))
    told = typed("run", "job.py", "--limit", "3")
    assert "3 ok, 27 pending of 30 items" in told.stdout
    assert MORE not in told.stdout


def test_a_source_that_fails_beyond_what_is_needed_fails_only_who_needs_it(here: Path) -> None:
    broken = "        assert n < 4, 'the table ends here'\n        yield"
    write_job(here / "job.py", ENDLESS.replace("        yield", broken))
    told = typed("run", "job.py", "--limit", "3")
    assert (told.exit_code, MORE in told.stdout) == (0, True)
    whole = typed("run", "job.py", "--resume")
    assert (whole.exit_code, "the table ends here" in whole.stderr) == (2, True)


# --- the rows alone


def rows(read: list[int], **changed: Any) -> Iterator[Row]:
    for number in itertools.count():
        read.append(number)
        yield (f"i{number}", "", "", "{}", None, changed.get(f"priority_{number}", 0))


def test_reading_ends_a_little_after_enough_new_ones_were_found() -> None:
    read: list[int] = []
    placed = PlacedRows(rows(read), None, Wanted(2, lambda *_: True), known=4)
    assert [row[0] for row in placed][:6] == list(range(6))
    assert placed.unread
    assert len(read) <= 6 + placing.AHEAD_ITEMS


def test_items_of_other_shards_do_not_count() -> None:
    read: list[int] = []
    shard = Shard(1, 3)
    placed = PlacedRows(rows(read), shard, Wanted(3, lambda *_: True))
    own = [row[1] for row in placed]
    assert len(own) >= 3
    assert all(map(shard.has, own))


def test_where_there_are_priorities_all_is_read() -> None:
    few = itertools.islice(rows([], priority_2=7), 20_000)
    placed = PlacedRows(few, None, Wanted(1, lambda *_: True))
    assert sum(1 for _ in placed) == 20_000
    assert not placed.unread
