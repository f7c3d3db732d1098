"""Shared entries: what is read from disk, how workers' private memory grows, how many entries chunks load.

Their rows follow those of the design's table, which has none for them.
"""

import sys
import tempfile

from benchmarks.measuring import Row, script


def measure() -> list[Row]:
    """All rows, measured now: one run, whose figures are counts and bytes, not times."""
    print("2,000 items over 500 entries of 200 KB", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        size, read, grown, share, packed, as_they_come = map(float, script("shared_entries", folder).split()[:6])
    return [
        Row(
            row=13,
            measure="entry loads of 2,000 items over 500 entries, in source order against packed (chunks of 100)",
            value=as_they_come / packed,
            unit="x fewer",
            must=5,
            aim=5,
            smaller_is_better=False,
            note=f"{as_they_come:,.0f} and {packed:,.0f}",
        ),
        Row(
            row=14,
            measure="growth of a worker's private memory against the largest chunk's entries",
            value=grown / share,
            unit="x",
            must=1,
            aim=1,
            note=f"{grown / 1e6:.1f} and {share / 1e6:.1f} MB",
        ),
        Row(
            row=15,
            measure="bytes of entries read from disk by two workers, against their size",
            value=read / size,
            unit="x",
            must=1.1,
            aim=1.1,
            note=f"{read / 1e6:.1f} and {size / 1e6:.1f} MB",
        ),
    ]
