"""What the charts show."""

import json
from pathlib import Path

import pytest

from parbatch.model.outcome import STATUSES
from parbatch.reports.html import figures as drawing
from parbatch.reports.html.figures import Histogram, figures
from tests.reports.making import checkpoint_of, made, made_of

DEATH = {"type": "SIGSEGV", "message": "", "returncode": -11}


def test_each_item_is_on_its_slots_row_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    with made(tmp_path, a="ok", b="failed", c="ok", d="ok", e="ok", f="pending") as material:
        shown = figures(material)
    assert [(s.slot, STATUSES[s.status], s.count, s.bad) for s in shown.segments] == [
        (0, "ok", 1, 0), (0, "ok", 1, 0), (1, "failed", 1, 1), (2, "ok", 1, 0), (3, "ok", 1, 0),
    ]  # fmt: skip
    assert [(s.start, s.end) for s in shown.segments[:2]] == [(0.0, 0.01), (0.04, 0.05)]
    assert (shown.slots, sum(shown.ok), sum(shown.bad)) == (4, 4, 1)
    assert max(size or 0 for size in shown.memory) == 40 * 1024**2
    assert shown.cap == 512 * 1024**2


def test_items_too_short_to_be_told_apart_melt_together_and_keep_the_worst_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_SEGMENTS", 100)
    with made_of(tmp_path, {f"i{n}": "failed" if n == 400 else "ok" for n in range(2_000)}) as material:
        shown = figures(material)
    assert len(shown.segments) <= 20
    assert sum(segment.count for segment in shown.segments) == 2_000
    (bad,) = [segment for segment in shown.segments if segment.bad]
    assert (STATUSES[bad.status], bad.slot, bad.bad) == ("failed", 0, 1)


def test_of_very_many_items_some_are_drawn_and_stand_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_DRAWN", 100)
    with made_of(tmp_path, {f"i{n}": "ok" for n in range(1_000)}) as material:
        shown = figures(material)
    assert shown.every == 10
    assert sum(shown.ok) == 1_000
    assert shown.durations is not None
    assert sum(shown.durations.ok) == 1_000


def test_items_of_an_earlier_run_are_in_the_durations_but_not_on_the_time_line(tmp_path: Path) -> None:
    with made(tmp_path, a="ok", b="ok") as material:
        checkpoint_of(material)._db.execute("UPDATE items SET ended_at = ended_at - 1000 WHERE id = 'a'")
        shown = figures(material)
    assert [segment.slot for segment in shown.segments] == [1]
    assert shown.durations is not None
    assert sum(shown.durations.ok) == 2


def test_a_death_is_marked_with_when_its_slot_rendered_again(tmp_path: Path) -> None:
    with made(tmp_path, a="crashed", b="memory", c="ok", d="ok", e="ok") as material:
        checkpoint_of(material)._db.execute("UPDATE attempts SET evidence = ? WHERE id = 'a'", (json.dumps(DEATH),))
        shown = figures(material)
    (mark,) = shown.marks  # the other raised MemoryError, and its worker lived on
    assert (mark.slot, mark.at, mark.text, mark.again) == (0, 0.01, "a crashed (SIGSEGV)", 0.04)


def test_durations_from_microseconds_to_hours_fit_one_histogram(tmp_path: Path) -> None:
    with made_of(tmp_path, {f"i{n}": "ok" for n in range(90)}) as material:
        checkpoint_of(material)._db.execute("UPDATE items SET duration_s = 0.0")
        checkpoint_of(material)._db.execute("UPDATE items SET duration_s = 20000.0 WHERE position = 7")
        durations = figures(material).durations
    assert durations is not None
    assert len(durations.ok) <= 48
    assert sum(durations.ok) == 90
    assert durations.edges[0] <= 1e-5
    assert durations.edges[-1] >= 20_000
    assert durations.below(0.5) < 1e-4


def test_quantiles_are_true_to_a_bin() -> None:
    histogram = Histogram([1.0, 2.0, 4.0, 8.0], [5, 4, 0], [0, 0, 1], longest=7.0)
    assert (histogram.below(0.5), histogram.below(0.9), histogram.below(1.0)) == (2.0, 4.0, 7.0)
