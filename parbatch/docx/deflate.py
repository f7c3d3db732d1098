"""Compressed parts: by the fastest deflate installed, and not twice for the same content.

What comes out depends on the content and on the library alone, never on what is remembered here. A library
may take another path on another processor: the same bytes on two machines need zlib on both
(`PARBATCH_DEFLATE=zlib`).
"""

from __future__ import annotations

import os
import zlib
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Deflated(NamedTuple):
    """A part as a zip file holds it: raw deflate data, checksum and length of the content."""

    data: bytes
    crc: int
    size: int


class Library(NamedTuple):
    """A deflate library: its name with version, raw deflate of the whole content, and crc-32."""

    name: str
    deflate: Callable[[bytes], bytes]
    crc32: Callable[[bytes], int]


def _isal() -> Library:
    from isal import __version__, igzip_lib, isal_zlib  # noqa: PLC0415 - optional

    # Level 2 of 3: on documents 12 % larger than zlib's level 6 in a fifteenth of its time; 3 takes four
    # times as long.
    return Library(
        f"isal {__version__}",
        lambda content: igzip_lib.compress(content, 2, igzip_lib.COMP_DEFLATE),
        isal_zlib.crc32,
    )


def _zlib_ng() -> Library:
    from zlib_ng import __version__, zlib_ng  # noqa: PLC0415 - optional

    # Level 2: on documents as small as isal's, in a sixth of the time of zlib's level 6.
    return Library(
        f"zlib-ng {__version__}", lambda content: zlib_ng.compress(content, 2, -zlib.MAX_WBITS), zlib_ng.crc32
    )


def _zlib() -> Library:
    # Level 6 is what python-docx's files are written with.
    return Library(
        f"zlib {zlib.ZLIB_RUNTIME_VERSION}",
        lambda content: zlib.compress(content, 6, wbits=-zlib.MAX_WBITS),
        zlib.crc32,
    )


_LIBRARIES = {"isal": _isal, "zlib-ng": _zlib_ng, "zlib": _zlib}


@cache
def library() -> Library:
    """Return the first installed of isal, zlib-ng and zlib, or the one that PARBATCH_DEFLATE names.

    Raises ValueError for an unknown name and ImportError for one that is not installed.
    """
    wanted = os.environ.get("PARBATCH_DEFLATE")
    if wanted:
        if wanted not in _LIBRARIES:
            raise ValueError(f"PARBATCH_DEFLATE={wanted!r}: give one of {', '.join(_LIBRARIES)}, or unset it")
        return _LIBRARIES[wanted]()
    for load in (_isal, _zlib_ng):
        try:
            return load()
        except ImportError:
            continue
    return _zlib()


def deflated(content: bytes) -> Deflated:
    """Compress `content`."""
    used = library()
    return Deflated(used.deflate(content), used.crc32(content), len(content))


class DeflateCache:
    """Compressed contents, by content, the least recently used forgotten first."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes of content and of compressed data together."""
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[bytes, Deflated] = OrderedDict()

    def get(self, content: bytes) -> Deflated:
        """Return `content` compressed; the same result whether it was remembered or not."""
        found = self._entries.get(content)
        if found is not None:
            self._entries.move_to_end(content)
            return found
        made = deflated(content)
        weight = len(content) + len(made.data)
        if weight * 4 <= self._limit:
            self._entries[content] = made
            self._held += weight
            while self._held > self._limit:
                dropped, entry = self._entries.popitem(last=False)
                self._held -= len(dropped) + len(entry.data)
        return made

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._held = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes the cache holds."""
        return self._held
