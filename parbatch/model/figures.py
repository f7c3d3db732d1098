"""Figures over many items or chunks: metrics and what chunks came to.

Part of a run's result; computed by `storage.metrics` and `storage.chunk_log`.
"""

import msgspec


class MetricFigures(msgspec.Struct, frozen=True):
    """A metric over the ok items that gave it (`count`); `missing` is how many ok items gave none.

    `median` is the middle value, or the mean of the two in the middle; `p95` the smallest value given that at least
    95 % of the values do not exceed: the nearest rank, definition 1 in Hyndman and Fan, "Sample quantiles in
    statistical packages", The American Statistician 50 (1996). With no values, `median`, `p95` and `max` are None.
    """

    count: int
    sum: float
    median: float | None
    p95: float | None
    max: float | None
    missing: int


class Spread(msgspec.Struct, frozen=True):
    """A figure over the chunks of a run; median and 95th percentile are figures that a chunk had (nearest rank)."""

    sum: float
    median: float
    p95: float
    max: float


class ChunkFigures(msgspec.Struct, frozen=True):
    """What the chunks of a run came to that were done to their end: `bytes` and `tokens` are those of their entries;
    acquiring the entries took `acquire_s`, a chunk in all `duration_s`, both in seconds.
    """

    count: int
    items: Spread
    entries: Spread
    tokens: Spread
    bytes: Spread
    acquire_s: Spread
    duration_s: Spread


class MetricSummary(MetricFigures, frozen=True):
    """A metric over all ok items, those kept from earlier runs too, and by group, for groups that have ok items."""

    by_group: dict[str, MetricFigures] = {}
