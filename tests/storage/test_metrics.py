"""The items' own figures: what an item adds up, what the checkpoint keeps, and what the report says of them."""

import contextlib
import json
import math
import statistics
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch import Item
from parbatch.planning.changes import compare, fill
from parbatch.reports.results import counts
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.metrics import summaries
from parbatch.storage.outcome_writer import record
from parbatch.storage.reader import empty
from parbatch.worker.context import Context
from tests.support import ended, make_job, new_checkpoint, row, task, typed, write_job

COUNTING = """
from pathlib import Path
from parbatch import Item, Job

job = Job("letters", chunk_size=1)


@job.items
def texts():
    for number in range(6):
        yield Item(id=f"i{number}", group="even" if number % 2 == 0 else "odd")


@job.render
def letter(item, ctx):
    number = int(item.id[1:])
    if number == 5 and not Path("mended").exists():
        raise ValueError("not yet")
    if number != 1:
        ctx.metric("tokens", number)
        ctx.metric("tokens", 0.5)
    return number
"""


def context() -> Context:
    return Context(1, None, "", Path())


# --- what an item gives


def test_figures_that_an_item_gives_under_one_name_add_up() -> None:
    ctx = context()
    ctx.metric("tokens", 3)
    ctx.metric("tokens", Fraction(1, 2))  # type: ignore[arg-type]
    ctx.metric("pages", 0)
    assert ctx.metrics == {"tokens": 3.5, "pages": 0}


@pytest.mark.parametrize("number", ["3", None, True, 1j])
def test_what_is_no_number_is_no_figure(number: Any) -> None:
    with pytest.raises(TypeError, match=r"ctx\.metric\('tokens', …\) takes a number, not "):
        context().metric("tokens", number)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e301, 10**400])
def test_a_figure_that_can_not_be_summed_up_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r"ctx\.metric\('tokens', …\): the figure is "):
        context().metric("tokens", number)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "\0"])
def test_a_name_that_no_report_could_show_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name has to be printable text"):
        context().metric(name, 1)


# --- what they come to


@contextlib.contextmanager
def of(*items: tuple[str, Mapping[str, float]]) -> Iterator[Checkpoint]:
    """A checkpoint of ok items with these groups and figures."""
    with contextlib.closing(empty()) as checkpoint:
        fill(checkpoint, make_job([Item(id=f"i{n}", group=group) for n, (group, _) in enumerate(items)]))
        record(checkpoint, "r", 1, [(f"i{n}", ended(task(n), metrics=dict(m)), True) for n, (_, m) in enumerate(items)])
        yield checkpoint


def summed(checkpoint: Checkpoint) -> dict[str, Any]:
    return summaries([checkpoint], counts(checkpoint).by_group)


numbers = st.floats(-1e300, 1e300, allow_nan=False)


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.none() | numbers), min_size=1, max_size=40))
def test_every_figure_is_that_of_its_definition_in_all_and_by_group(items: list[tuple[str, float | None]]) -> None:
    with of(*((group, {} if number is None else {"m": number}) for group, number in items)) as checkpoint:
        found = summed(checkpoint)
    given = [number for _, number in items if number is not None]
    if not given:
        assert found == {}
        return
    metric = found["m"]
    for figures, which in [(metric, {"", "a", "b"}), *((metric.by_group[group], {group}) for group in metric.by_group)]:
        values = sorted(number for group, number in items if group in which and number is not None)
        assert figures.count == len(values)
        assert figures.missing == sum(group in which for group, _ in items) - len(values)
        assert figures.sum == math.fsum(values)
        assert figures.median == (statistics.median(values) if values else None)
        assert figures.max == max(values, default=None)
        enough = (value for value in values if sum(other <= value for other in values) >= 0.95 * len(values))
        assert figures.p95 == next(enough, None)
    assert list(metric.by_group) == list(dict.fromkeys(group for group, _ in items))


def test_each_metric_says_how_many_items_gave_none() -> None:
    with of(("a", {"pages": 2, "tokens": 1.5}), ("b", {"pages": 4}), ("b", {})) as checkpoint:
        found = summed(checkpoint)
    assert list(found) == ["pages", "tokens"]
    assert (found["pages"].count, found["pages"].missing, found["pages"].sum) == (2, 1, 6)
    assert (found["tokens"].count, found["tokens"].missing) == (1, 2)
    nothing = found["tokens"].by_group["b"]
    assert (nothing.count, nothing.sum, nothing.median, nothing.p95, nothing.max, nothing.missing) == (
        0, 0, None, None, None, 2,
    )  # fmt: skip


def test_a_metric_is_named_as_its_items_name_it() -> None:
    name = "\"tokens\" $.x[0] — 'ä'"
    with of(("", {name: 1})) as checkpoint:
        assert list(summed(checkpoint)) == [name]


# --- what the checkpoint keeps


def test_an_item_without_figures_has_nothing_in_its_column(here: Path) -> None:
    with contextlib.closing(new_checkpoint(Folder(here), "ada", "bob")) as checkpoint:
        figures = {"tokens": 2.5}
        done = [
            ("ada", ended(task(0), metrics=figures), True),
            ("bob", ended(task(1)), True),
        ]
        record(checkpoint, "r", 1, done)
        assert json.loads(row(checkpoint, "ada")["metrics"]) == figures
        assert row(checkpoint, "bob")["metrics"] is None


def test_an_item_that_fails_later_no_longer_counts() -> None:
    with of(("", {"m": 1}), ("", {"m": 2})) as checkpoint:
        record(checkpoint, "s", 1, [("i0", ended(task(0), "failed", metrics={"m": 7}), True)])
        assert summed(checkpoint)["m"].sum == 2
        assert row(checkpoint, "i0")["metrics"] is None


def test_figures_stay_with_their_items_when_the_source_changes() -> None:
    with of(("", {"m": 1}), ("", {"m": 2}), ("", {"m": 4})) as checkpoint:
        compare(checkpoint, make_job([Item(id="i2"), Item(id="i0", data={"other": 1}), Item(id="i1")]))
        assert row(checkpoint, "i2")["metrics"] == '{"m":4}'
        assert row(checkpoint, "i0")["metrics"] is None
        assert summed(checkpoint)["m"].sum == 6


def test_figures_cover_what_earlier_runs_have_done(here: Path) -> None:
    write_job(here / "job.py", COUNTING)
    assert typed("run", "job.py", "--max-failures", "1", "--limit", "2").exit_code == 0
    assert typed("run", "job.py", "--resume").exit_code == 1
    first = report(here)["metrics"]["tokens"]
    assert (first["count"], first["sum"], first["missing"]) == (4, 0.5 + 2.5 + 3.5 + 4.5, 1)
    (here / "mended").touch()
    assert typed("run", "job.py", "--resume", "--retry-failed").exit_code == 0
    in_pieces = report(here)
    assert typed("run", "job.py", "--fresh").exit_code == 0
    assert report(here)["metrics"] == in_pieces["metrics"]
    assert in_pieces["metrics"]["tokens"]["by_group"]["odd"] == {
        "count": 2, "sum": 9.0, "median": 4.5, "p95": 5.5, "max": 5.5, "missing": 1,
    }  # fmt: skip
    written = report(here)
    (here / "outputs/letters/report.json").unlink()
    assert typed("report", "job.py").exit_code == 0
    assert report(here)["metrics"] == written["metrics"]


def report(here: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((here / "outputs/letters/report.json").read_text())
    return made


# --- what people are shown


def test_the_summary_has_a_line_and_show_an_items_own(here: Path) -> None:
    write_job(here / "job.py", COUNTING)
    (here / "mended").touch()
    assert "\n  metrics   tokens 16.5 in all\n" in typed("run", "job.py").output
    assert "\n  metrics\n      tokens: 3.5\n" in typed("show", "i3", "job.py").output
    assert json.loads(typed("show", "i3", "job.py", "--json").output)["metrics"] == {"tokens": 3.5}
    assert "metrics" not in typed("show", "i1", "job.py").output
    assert json.loads(typed("show", "i1", "job.py", "--json").output)["metrics"] == {}


def test_the_page_has_a_row_for_each_metric_and_group(here: Path) -> None:
    write_job(here / "job.py", COUNTING.replace('"tokens"', '"<b>tokens"'))
    typed("run", "job.py")
    page = (here / "outputs/letters/report.html").read_text()
    assert "<summary>1 metric</summary>" in page
    assert "&lt;b&gt;tokens" in page
    assert "<b>tokens" not in page
    odd = page[page.index(">odd", page.index("&lt;b&gt;tokens")) :].partition("</tr>")[0]
    assert odd.count('<td class="n">3.5</td>') == 4  # sum, median, p95, max of the one that gave it
    assert odd.endswith('<td class="n">1</td>')
