"""The table of items in `report.html`: JSON rows, compressed, until the room for them is used up."""

import base64
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from parbatch.model.outcome import STATUSES
from parbatch.reports.html.text import shorten, visible
from parbatch.reports.report_data import Material
from parbatch.storage.view import ItemRow

MOST_NAME = 200
MOST_OUTPUTS = 5
_BATCH = 500  # items looked at before the room is measured
_LOGS = {"stdout": 1, "stderr": 2}


class Table(msgspec.Struct):
    """`rows` are base64 of zlib-compressed JSON; `listed` says how many there are of the items."""

    rows: str
    listed: int


def table(material: Material, room: int) -> Table:
    """As many items as there is room for (characters), those that are not ok first."""
    packer = zlib.compressobj()
    packed = bytearray(packer.compress(b"["))
    listed = 0
    rows = _in_order(material)
    while cells := [_cells(row, material) for row in islice(rows, _BATCH)]:
        packed += packer.compress((b"," if listed else b"") + msgspec.json.encode(cells)[1:-1])
        packed += packer.flush(zlib.Z_SYNC_FLUSH)
        listed += len(cells)
        if len(packed) * 4 / 3 > room:
            break
    packed += packer.compress(b"]") + packer.flush()
    return Table(base64.b64encode(packed).decode(), listed)


def _in_order(material: Material) -> Iterator[ItemRow]:
    yield from material.not_ok()
    if material.lists_all:
        yield from (row for row in material.items() if row.status in {"ok", "pending"})


def _cells(row: ItemRow, material: Material) -> list[Any]:
    """Id, name (0: id), group, status, attempts, seconds, bytes, outputs, how many more, logs, their stem (0: id).

    What is text is safe to show. An output is a path, or a pair of what to show and the path, where these differ.
    """
    shown_id = _shown(row.id)
    streams = material.streams_of(row)
    return [
        shown_id,
        0 if row.name == row.id else _shown(row.name),
        _shown(row.group),
        STATUSES.index(row.status),
        row.attempts,
        row.duration_s and float(f"{row.duration_s:.3g}"),
        row.peak_memory_bytes and round(row.peak_memory_bytes, -5),
        [path if (seen := _shown(path)) == path else [seen, path] for path in row.outputs[:MOST_OUTPUTS]],
        max(0, len(row.outputs) - MOST_OUTPUTS),
        sum(map(_LOGS.__getitem__, streams)),
        0 if not streams or (stem := material.log_stem(row)) == shown_id else stem,
    ]


def _shown(text: str) -> str:
    if len(text) <= MOST_NAME and text.isascii() and text.isprintable():
        return text
    return visible(shorten(text, MOST_NAME))
