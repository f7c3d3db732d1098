"""What the charts of `report.html` show, in one pass over the items, ordered by slot and time in the database.

Everything is aggregated: the size of the figures depends on the chart's resolution, not on the number of items.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from parbatch.model.outcome import STATUSES
from parbatch.model.problem import Evidence
from parbatch.reports.html.text import shorten, visible
from parbatch.reports.report_data import Material

# With more items than this, the charts are drawn from every second, third … item.
MOST_DRAWN = 20_000
MOST_SLOTS = 128
MOST_MARKS = 1_000

_MOST_BINS = 120  # of time; fewer for few items, where each would hold one or none
_SEGMENTS = 12_000  # of all slots; a screen has no more pixels for one slot than a twelfth of it
_PER_DECADE = 24  # bins of durations: 10 % wide
_SHORTEST_S = 1e-5
_BAD_FIRST = {status: rank for rank, status in enumerate(("crashed", "memory", "timeout", "failed", "invalid", "ok"))}


class Segment(msgspec.Struct, array_like=True):
    """One item, or neighbours too short to be told apart: times in seconds from the start, the worst status."""

    slot: int
    start: float
    end: float
    status: int
    count: int
    bad: int


class Mark(msgspec.Struct, array_like=True):
    """A worker's death in the middle of an item, and when its slot rendered again (null: it did not)."""

    slot: int
    at: float
    text: str
    again: float | None = None


class Histogram(msgspec.Struct):
    """Items by duration: bin n goes from `edges[n]` to `edges[n + 1]` seconds."""

    edges: list[float]
    ok: list[int]
    bad: list[int]
    longest: float

    def below(self, share: float) -> float:
        """Return the duration that this share of the items stayed under, to the width of a bin."""
        wanted = share * (sum(self.ok) + sum(self.bad))
        so_far = 0
        for edge, ok, bad in zip(self.edges[1:], self.ok, self.bad, strict=True):
            so_far += ok + bad
            if so_far >= wanted:
                return min(edge, self.longest)
        return self.longest


class Figures(msgspec.Struct):
    """All charts. `every` says that each nth item was drawn; counts over time are of all items, estimated from these.

    `ok`, `bad` and `memory` (the largest in bytes, null where nothing was measured) have a value for each stretch of
    `step` seconds.
    """

    statuses: tuple[str, ...]
    span: float
    every: int
    slots: int
    segments: list[Segment]
    marks: list[Mark]
    step: float
    ok: list[int]
    bad: list[int]
    memory: list[int | None]
    cap: int | None
    durations: Histogram | None


@dataclass
class _Durations:
    counts: dict[int, list[int]] = field(default_factory=dict)
    longest: float = 0.0

    def take(self, duration: float, *, ok: bool, weight: int) -> None:
        place = math.floor(math.log10(max(duration, _SHORTEST_S)) * _PER_DECADE)
        self.counts.setdefault(place, [0, 0])[not ok] += weight
        self.longest = max(self.longest, duration)

    def histogram(self) -> Histogram | None:
        if not self.counts:
            return None
        first, last = min(self.counts), max(self.counts)
        width = -(-(last - first + 1) // 48)  # bins are merged until there are at most 48
        places = range(first, last + 1, width)
        ok, bad = (
            [sum(self.counts.get(n, (0, 0))[kind] for n in range(p, p + width)) for p in places] for kind in (0, 1)
        )
        edges = [float(f"{10 ** (place / _PER_DECADE):.3g}") for place in (*places, places[-1] + width)]
        return Histogram(edges, ok, bad, self.longest)


def figures(material: Material) -> Figures:
    """Return what the charts show of the run: its own items over time, and the durations of all."""
    result = material.result
    began = datetime.fromisoformat(result.started_at).timestamp()
    span = max(_ended(material) - began, 0.001)
    every = max(1, -(-result.total // MOST_DRAWN))
    bins = max(16, min(result.rendered // 5, _MOST_BINS))
    figures = Figures(
        STATUSES, span, every, 0, [], [], span / bins, [0] * bins, [0] * bins, [None] * bins,
        result.memory_cap_bytes, None,
    )  # fmt: skip
    slots = min(result.workers, MOST_SLOTS)
    line = _TimeLine(figures.segments, coarse=span * slots / _SEGMENTS)
    durations = _Durations()
    for slot, status, ended_at, duration, memory in material.view.drawn_items(every):
        durations.take(duration, ok=status == "ok", weight=every)
        end = ended_at - began
        if not 0 <= end <= span + 1:
            continue  # an earlier run's, or a later one's that was killed
        place = min(int(end / figures.step), bins - 1)
        (figures.ok if status == "ok" else figures.bad)[place] += every
        if memory:
            figures.memory[place] = max(memory, figures.memory[place] or 0)
        if slot < MOST_SLOTS:
            line.take(slot, max(end - duration, 0), end, status, every)
    figures.slots = 1 + max((segment.slot for segment in figures.segments), default=-1)
    figures.marks = list(_marks(material, began, figures.segments))
    figures.durations = durations.histogram()
    return figures


def _ended(material: Material) -> float:
    """When the run ended; when the last item did, of a run that could not say."""
    if material.result.finished_at is not None:
        return datetime.fromisoformat(material.result.finished_at).timestamp()
    return material.view.last_end() or 0.0


class _TimeLine:
    """Items as they come, slot by slot in the order of their ends; what is shorter than `coarse` melts together."""

    def __init__(self, segments: list[Segment], coarse: float) -> None:
        self._segments = segments
        self._coarse = coarse
        self._rank = [_BAD_FIRST.get(status, len(_BAD_FIRST)) for status in STATUSES]

    def take(self, slot: int, start: float, end: float, status: str, weight: int) -> None:
        number = STATUSES.index(status)
        bad = 0 if status == "ok" else weight
        last = self._segments[-1] if self._segments else None
        if last and last.slot == slot and end - last.start < self._coarse and start - last.end < self._coarse:
            last.end, last.count, last.bad = _rounded(end), last.count + weight, last.bad + bad
            last.status = min(last.status, number, key=self._rank.__getitem__)
        else:
            self._segments.append(Segment(slot, _rounded(start), _rounded(end), number, weight, bad))


def _marks(material: Material, began: float, segments: list[Segment]) -> Iterator[Mark]:
    places = [(segment.slot, segment.start) for segment in segments]
    rows = material.view.deaths(material.result.run_id, MOST_MARKS)
    for slot, ended_at, item_id, number, status, evidence in rows:
        why = msgspec.json.decode(evidence, type=Evidence)
        if why.returncode is None or slot >= MOST_SLOTS:
            continue  # the worker lived on
        at = _rounded(ended_at - began)
        place = bisect_left(places, (slot, at))
        again = segments[place].start if place < len(places) and places[place][0] == slot else None
        tries = f", attempt {number}" if number > 1 else ""
        yield Mark(slot, at, visible(shorten(f"{item_id} {status}{tries} ({why.type})", 120)), again)


def _rounded(seconds: float) -> float:
    return round(seconds, 4)


def as_json(value: Any) -> str:
    """JSON that no parser of HTML or JavaScript takes for anything else."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
