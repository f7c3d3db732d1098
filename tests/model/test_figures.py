"""Figures are values that a report is made of, and that a report is read back into."""

import msgspec

from parbatch.model.figures import ChunkFigures, MetricFigures, MetricSummary, Spread


def test_figures_are_the_same_after_they_were_written_and_read() -> None:
    spread = Spread(sum=6, median=2, p95=3, max=3)
    chunks = ChunkFigures(3, *[spread] * 6)
    north = MetricFigures(count=1, sum=1.5, median=1.5, p95=1.5, max=1.5, missing=0)
    metric = MetricSummary(2, 2.5, 1.0, 1.5, 1.5, 1, by_group={"north": north})
    for value in (chunks, metric):
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
