"""The contents of shared entries as files in `run/context/`, named by their digests, and their index.

Called by planning, which fills it, and by whoever counts what is held. What is put in is whole or not at all.
"""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from parbatch.model.entry import Stored, Summary, digest_of_content, read_index
from parbatch.model.json_values import NOT_JSON
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.tree import is_safe_name, make_durable

_INDEX = ".index.jsonl"


COLUMNS = "id, digest, kind, layout, type, source, summary, tokens, size"


class Staging:
    """Contents on their way into a folder: written while a run is planned, put into place once the plan holds.

    Without a folder nothing is written, as for a plan that is only looked at.
    """

    def __init__(self, folder: Folder | None) -> None:
        self._folder = folder
        self._place = folder.tmp / f"context-{uuid.uuid4().hex}" if folder is not None else Path()
        self._has_taken = False

    def take(self, summary: Summary, stored: Stored) -> None:
        """Write a content, unless it is there already. What has its name is read, for it may be something else."""
        if self._folder is None or _is_there(self._folder, summary):
            return
        self._has_taken = True
        with self._folder.tree.folder(self._place, make=True) as place, place.create(summary.digest) as file:
            file.write(stored.data)

    def settle(self) -> None:
        """Put all that was taken into place, once it is on the disk."""
        if self._folder is None or not self._has_taken:
            return
        tree, target = self._folder.tree, self._folder.context
        make_durable(self._place)
        with tree.folder(self._place) as place, tree.folder(target, make=True) as contents:
            for name in place.names():
                place.rename(name, contents, name)
        make_durable(target)

    def drop(self) -> None:
        """Remove what was taken and is not in place."""
        if self._folder is not None and self._has_taken:
            self._folder.tree.remove_tree(self._place)


@contextlib.contextmanager
def staging(folder: Folder | None) -> Iterator[Staging]:
    """Return a staging that leaves nothing behind."""
    stage = Staging(folder)
    try:
        yield stage
    finally:
        stage.drop()


def _is_there(folder: Folder, summary: Summary) -> bool:
    place = folder.context / summary.digest
    if (state := folder.tree.state(place)) is None or state.st_size != summary.size:
        return False
    with folder.tree.open(place) as file:
        return digest_of_content(summary.kind, summary.layout, iter(lambda: file.read(1 << 20), b"")) == summary.digest


def entries(checkpoint: Checkpoint) -> Iterator[Summary]:
    """Return what is known of each entry without its content, in the order of the context function."""
    for row in checkpoint._db.execute(f"SELECT {COLUMNS} FROM entries ORDER BY place"):
        yield Summary(*row)


def size_of(checkpoint: Checkpoint, entry_ids: Iterable[str]) -> int:
    """Return the bytes of some entries in all."""
    listed = msgspec.json.encode(list(entry_ids)).decode()
    query = "SELECT COALESCE(SUM(size), 0) FROM entries WHERE id IN (SELECT value FROM json_each(?))"
    return int(checkpoint._db.execute(query, (listed,)).fetchone()[0])


def write_index(checkpoint: Checkpoint, folder: Folder) -> Path | None:
    """Write the index that workers read, and remove contents that this checkpoint named before and nobody names now.

    Returns its path, or None where the job has no entries.
    """
    index = _index_path(folder)
    named = _digests(folder, index)
    now = set()
    if checkpoint._db.execute("SELECT 1 FROM entries LIMIT 1").fetchone():
        folder.tree.make_folder(folder.context)
        with folder.tree.written_whole(index) as file:
            for summary in entries(checkpoint):
                now.add(summary.digest)
                file.write(msgspec.json.encode(summary) + b"\n")
    elif named:
        folder.tree.remove(index)
    for digest in unnamed(folder, named - now):
        folder.tree.remove(folder.context / digest)
    return index if now else None


def unnamed(folder: Folder, digests: Iterable[str]) -> list[str]:
    """Those of the digests that no index in the folder names: several checkpoints may share one store."""
    indexes = [name for name in folder.tree.names(folder.context) if name.endswith(_INDEX)]
    named = {digest for name in indexes for digest in _digests(folder, folder.context / name)}
    return sorted(set(digests) - named)


def leftovers(folder: Folder) -> list[Path]:
    """Files of the store that no index names, such as contents that a killed run had put into place."""
    files = [name for name in folder.tree.names(folder.context) if not name.endswith(_INDEX)]
    return [folder.context / name for name in unnamed(folder, files)]


def _index_path(folder: Folder) -> Path:
    name = folder.suffix.removeprefix("-") or "checkpoint"  # the parts of a root have one store
    return folder.context / f"{name}{_INDEX}"


def _digests(folder: Folder, index: Path) -> set[str]:
    """Return the contents that an index names; names that no content has are nobody's."""
    try:
        with folder.tree.open(index) as lines:
            return {summary.digest for summary in read_index(lines) if is_safe_name(summary.digest)}
    except (FileNotFoundError, *NOT_JSON):
        return set()
