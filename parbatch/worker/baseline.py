"""A value that every item compares with or starts from: computed once, kept under its key, read by all workers.

Workers of several runs may share the folder, shards of one job do: the file's lock sees to it that one computes while
the others wait. The system lets go of the lock of a process that ends, however it ends. Called by `job_session` before
the first item; it must not know what the value is for.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from parbatch.errors import SetupError
from parbatch.model.file_names import folded, marked_stem, stem
from parbatch.model.json_values import NOT_JSON, encode
from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import Directory, UnsafePathError

_MOST = 1 << 32  # bytes of a baseline: it has to fit into the memory of each worker


class _Kept(msgspec.Struct, frozen=True):
    """A baseline's file; the digest is that of the value's text, and tells a file that was damaged."""

    key: str
    digest: str
    value: msgspec.Raw


def baseline_file(folder: Path, key: str) -> Path:
    """Return where the baseline of a key is kept: never outside the folder, and never the same file for two keys."""
    name = stem(key) if folded(key) == key else marked_stem(key)  # a disk may not tell A from a
    return folder / f"{name}.json"


def obtain(path: Path, key: str, compute: Callable[[], Any]) -> Any:
    """Return the baseline in a file: read where it is there and whole, else computed by this process and kept.

    A process that comes while another computes waits for it. Raises what `compute` raises, NotJSONError for a value
    that JSON can't hold, OSError where the file can't be written, and SetupError where there is no plain file.
    """
    try:
        return msgspec.json.decode(_read(path) or _computed(path, key, compute))
    except UnsafePathError as error:
        raise SetupError(f"The baseline is kept in a file, and {in_words(error)}. Remove it.") from None


def _computed(path: Path, key: str, compute: Callable[[], Any]) -> bytes:
    from filelock import FileLock  # noqa: PLC0415 -- workers of jobs without a baseline never load it

    path.parent.mkdir(parents=True, exist_ok=True)
    with Directory.at(str(path.parent)) as folder:
        folder.check_plain(f"{path.name}.lock")
        with FileLock(f"{path}.lock"):
            return _read(path) or _keep(folder, path.name, key, compute)


def _read(path: Path) -> bytes | None:
    """Return the value's text; None if it is not there and whole."""
    try:
        with Directory.at(str(path.parent)) as folder:
            kept = msgspec.json.decode(folder.read(path.name, _MOST), type=_Kept)
    except (FileNotFoundError, *NOT_JSON):
        return None
    text = bytes(kept.value)
    return text if kept.digest == _digest(text) else None


def _keep(folder: Directory, name: str, key: str, compute: Callable[[], Any]) -> bytes:
    try:
        text = encode(compute(), "the baseline")
    except Exception as error:
        error.add_note(f"This was raised while the baseline {key!r} was computed.")
        raise
    with folder.written_whole(name) as file:
        file.write(msgspec.json.encode(_Kept(key, _digest(text), msgspec.Raw(text))))
    return text


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
