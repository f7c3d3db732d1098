"""A value that every item compares with or starts from: computed once, kept under its key, read by all workers.

Workers of several runs may share the folder, shards of one job do: the file's lock sees to it that one computes while
the others wait. The system lets go of the lock of a process that ends, however it ends.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from parbatch.files import written_whole
from parbatch.jsonvalues import encode
from parbatch.naming import folded, marked_stem, stem


class _Kept(msgspec.Struct, frozen=True):
    """A baseline's file; the digest is that of the value's text, and tells a file that was damaged."""

    key: str
    digest: str
    value: msgspec.Raw


def baseline_file(folder: Path, key: str) -> Path:
    """Where the baseline of a key is kept: never outside the folder, and never the same file for two keys."""
    name = stem(key) if folded(key) == key else marked_stem(key)  # a disk may not tell A from a
    return folder / f"{name}.json"


def obtain(path: Path, key: str, compute: Callable[[], Any]) -> Any:
    """The baseline in a file: read where it is there and whole, else computed by this process and kept.

    A process that comes while another computes waits for it. Raises what `compute` raises, NotJSONError for a value
    that JSON can't hold, and OSError where the file can't be written.
    """
    found = _read(path)
    if found is None:
        from filelock import FileLock  # noqa: PLC0415 -- workers of jobs without a baseline never load it

        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            found = _read(path) or _keep(path, key, compute)
    return msgspec.json.decode(found)


def _read(path: Path) -> bytes | None:
    """The value's text, if it is there and whole."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    text = bytes(kept.value)
    return text if kept.digest == _digest(text) else None


def _keep(path: Path, key: str, compute: Callable[[], Any]) -> bytes:
    try:
        text = encode(compute(), "the baseline")
    except Exception as error:
        error.add_note(f"This was raised while the baseline {key!r} was computed.")
        raise
    with written_whole(path) as file:
        file.write(msgspec.json.encode(_Kept(key, _digest(text), msgspec.Raw(text))))
    return text


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
