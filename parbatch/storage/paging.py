"""Rows a page at a time, so that a million items need no more memory than a thousand. It knows no table."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

# Rows fetched at once where all items are walked through, and the bytes of their data at which a page is full.
PAGE, PAGE_BYTES = 2_000, 1 << 20
_MOST_AT_ONCE = 256


def page(cursor: sqlite3.Cursor, *wide: int) -> list[Any]:
    """Fetch rows until they are all there, or the texts in the `wide` columns come to about PAGE_BYTES."""
    rows: list[Any] = []
    size, at_once = 0, 1
    with contextlib.closing(cursor):
        while size < PAGE_BYTES and (more := cursor.fetchmany(at_once)):
            rows += more
            for column in wide:
                size += sum([len(row[column] or "") for row in more])
            at_once = min(2 * at_once, _MOST_AT_ONCE)
    return rows


def pages(cursor: sqlite3.Cursor, *wide: int) -> Iterator[list[Any]]:
    """Yield all rows of a cursor a page at a time; texts in the `wide` columns make a page full before its rows do."""
    while rows := cursor.fetchmany(1 if wide else PAGE):
        size, at_once = 0, 1
        for column in wide:
            size += len(rows[0][column] or "")
        while wide and size < PAGE_BYTES and len(rows) < PAGE and (more := cursor.fetchmany(at_once)):
            rows += more
            for column in wide:
                size += sum([len(row[column] or "") for row in more])
            at_once = min(2 * at_once, _MOST_AT_ONCE)
        yield rows
