"""Merged results, streamed into one file: a million need no more memory than a thousand.

The bytes are a function of the results and their order alone; a line an element or member, so that two versions can be
compared line by line.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import msgspec

from parbatch.errors import MergeError
from parbatch.storage.key_table import KeyTable

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
    with closing(KeyTable()) as keys:
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


def _members(results: Iterable[tuple[str, bytes]], keys: KeyTable) -> Iterator[bytes]:
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
    _check(keys)


def _check(keys: KeyTable) -> None:
    """Raise MergeError where two items gave the same key."""
    if (twice := keys.given_twice()) is not None:
        key, first, second = twice
        raise MergeError(
            f"the key {key!r} is given by {first} and by {second}; in one object there is room for one."
            ' Make the keys differ, or use merge="array" or "lines".'
        )
