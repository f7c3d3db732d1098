"""A zip file from parts that are compressed already, every byte of it a function of their names and contents.

`zipfile` can't be handed compressed data, and writes the time of day. The layout here is its own: version
2.0, deflate, a local header before each member, the directory after all of them (APPNOTE.TXT 4.3), owner's
read and write permission, and 1980-01-01 00:00, the earliest time that the format knows, for every member.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parbatch.docx.deflate import Deflated

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")

_VERSION = 20  # 2.0: deflate
_UNIX = 3 << 8
_UTF8_NAME = 0x800
_DEFLATE = 8
_MIDNIGHT, _EARLIEST = 0, 1 << 5 | 1  # 1980-01-01 in the format of MS-DOS
_OWNER = 0o600 << 16

#: Beyond these a file needs zip64, which no document does: Word itself stops at 512 MB.
_MOST_MEMBERS, _MOST_BYTES = 0xFFFF, 0xFFFFFFFF


def zipped(members: Sequence[tuple[str, Deflated]], start: int = 0) -> bytes:
    """Return the bytes of a zip file with these members, in this order.

    `start` is where in its stream the file begins, as offsets in it count from the stream's start. Raises
    ValueError if it gets too large for a zip file without extensions (4 GiB, 65,535 members).
    """
    pieces: list[bytes] = []
    directory: list[bytes] = []
    offset = start
    for name, (data, crc, size) in members:
        try:
            filename, flags = name.encode("ascii"), 0
        except UnicodeEncodeError:
            filename, flags = name.encode("utf-8"), _UTF8_NAME
        _check(offset + len(data) + size)
        common = (_VERSION, flags, _DEFLATE, _MIDNIGHT, _EARLIEST, crc, len(data), size, len(filename), 0)
        pieces += (_LOCAL.pack(b"PK\x03\x04", *common), filename, data)
        directory += (
            _CENTRAL.pack(b"PK\x01\x02", _VERSION | _UNIX, *common, 0, 0, 0, _OWNER, offset),
            filename,
        )
        offset += _LOCAL.size + len(filename) + len(data)
    central = b"".join(directory)
    count = len(members)
    _check(offset + len(central), count)
    pieces += (central, _END.pack(b"PK\x05\x06", 0, 0, count, count, len(central), offset, 0))
    return b"".join(pieces)


def _check(size: int, count: int = 0) -> None:
    if size > _MOST_BYTES or count > _MOST_MEMBERS:
        raise ValueError("the document is too large for a .docx file: split it, or make its pictures smaller")
