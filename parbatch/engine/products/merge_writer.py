"""Merged results, streamed into one file: a million need no more memory than a thousand.

The bytes are a function of the results and their order alone; a line an element or member, so that two versions can be
compared line by line.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import msgspec

from parbatch.errors import MergeError

_KINDS = {b"[": "an array", b'"': "text", b"t": "true", b"f": "false"}


def merge(results: Iterable[tuple[str, bytes]], how: str, file: BinaryIO) -> int:
    """Write the results to `file` and return how many elements, lines or members these are.

    `results` are pairs of an item's id and its result, JSON text in UTF-8 on one line, in their order; `how` is one of
    `merging.HOW`. An item without a result (JSON's null) is left out.

    Raises MergeError, for "object", where a result is no object and where two items give the same key.
    """
    if how == "lines":
        return _write(_texts(results), file, b"", b"", b"\n", b"\n")
    if how == "array":
        return _write((b"  " + text for text in _texts(results)), file, b"[", b"\n", b",\n", b"\n]\n")
    with closing(_Keys()) as keys:
        return _write(_members(results, keys), file, b"{", b"\n", b",\n", b"\n}\n")


def _write(pieces: Iterable[bytes], file: BinaryIO, opening: bytes, first: bytes, between: bytes, end: bytes) -> int:
    """Write all pieces; without any, what is opened is closed on the same line."""
    file.write(opening)
    count = 0
    for count, piece in enumerate(pieces, start=1):
        file.write(between if count > 1 else first)
        file.write(piece)
    file.write(end if count else end.lstrip(b"\n"))
    return count


def _texts(results: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    return (text for _, text in results if text != b"null")


def _members(results: Iterable[tuple[str, bytes]], keys: "_Keys") -> Iterator[bytes]:
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    encode = msgspec.json.Encoder().encode
    for item_id, text in results:
        if text == b"null":
            continue
        if not text.startswith(b"{"):
            raise MergeError(
                f"the result of {item_id} is {_KINDS.get(text[:1], 'a number')}, not an object."
                ' Return a dict from render, or use merge="array" or "lines".'
            )
        members = decode(text)
        keys.take(members, item_id)
        for key, value in members.items():
            yield b"  %b: %b" % (encode(key), value)
    keys.check()


class _Keys:
    """All keys and who gave them, in a temporary file that SQLite removes.

    Sorted once at the end: that takes half the time of looking every key up.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE keys (number INTEGER PRIMARY KEY, key TEXT NOT NULL, item TEXT NOT NULL); BEGIN"
        )

    def take(self, keys: Iterable[str], item_id: str) -> None:
        """Remember an item's keys."""
        self._db.executemany("INSERT INTO keys (key, item) VALUES (?, ?)", [(key, item_id) for key in keys])

    def check(self) -> None:
        """Raise MergeError where two items gave the same key: of several such, for the one that came first."""
        twice = self._db.execute(
            "SELECT key, MIN(number) AS first FROM keys GROUP BY key HAVING COUNT(*) > 1 ORDER BY first LIMIT 1"
        ).fetchone()
        if twice is not None:
            (first,), (second,) = self._db.execute(
                "SELECT item FROM keys WHERE key = ? ORDER BY number LIMIT 2", twice[:1]
            )
            raise MergeError(
                f"the key {twice[0]!r} is given by {first} and by {second}; in one object there is room for one."
                ' Make the keys differ, or use merge="array" or "lines".'
            )

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
