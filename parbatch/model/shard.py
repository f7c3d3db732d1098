"""Shards: fixed parts of a job's items, so that several processes or machines can work in one folder at once.

Used from the command line down to the layout of the folder. It is pure, and looks at no disk.
"""

import re
from hashlib import blake2b
from typing import NamedTuple

from parbatch.errors import DataError
from parbatch.model.file_names import folded

_TYPED = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
_NAME = re.compile(r"([1-9][0-9]{0,3})-of-([1-9][0-9]{0,3})")


class Shard(NamedTuple):
    """One of so many parts; numbers begin with 1."""

    number: int
    of: int

    def __str__(self) -> str:
        """Return the shard as a person types it."""
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """As it stands in the names of files and folders."""
        return f"{self.number}-of-{self.of}"

    @property
    def all(self) -> "tuple[Shard, ...]":
        """All shards of the same number of them, in order."""
        return tuple(Shard(number, self.of) for number in range(1, self.of + 1))

    def has(self, item_id: str) -> bool:
        """Tell whether an item belongs to it."""
        return shard_of(item_id, self.of) == self.number


def shard_of(item_id: str, count: int) -> int:
    """Return the number of the shard, of so many, that an item belongs to: by its id alone.

    Ids that are one file name where case makes no difference belong to the same shard, which keeps them apart.
    """
    digest = blake2b(folded(item_id).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count + 1


def parse_shard(given: object) -> Shard:
    """Return a shard from `2/5`. Raises DataError."""
    match = _TYPED.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise DataError(f"shard: {given!r} is no shard. Give its number and how many there are, such as 2/5.")
    shard = Shard(int(match[1]), int(match[2]))
    if shard.number > shard.of:
        last = Shard(shard.of, shard.of)
        raise DataError(f"shard: there is no {given}. With {shard.of} shards, give 1/{shard.of} to {last}.")
    return shard


def named_shard(name: str) -> Shard | None:
    """Return the shard of a folder's name such as `2-of-5`, or None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) > int(match[2]):
        return None
    return Shard(int(match[1]), int(match[2]))
