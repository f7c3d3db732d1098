"""Shared entries in a worker: those of a chunk are open from before its first item until after its last.

    run/context/<digest> ── open ──▶ SharedEntries, for a chunk ── mmap ──▶ Required, for one item ──▶ ctx.context[…]

Files are mapped, not read: their pages lie in the system's cache, once for all workers. What an item gets is its own:
the mapping ends with it, text and JSON are decoded for it, and nothing of it stays behind for the next. Acquired by
`chunk`, given out by `attempt`; it must not know how entries are made.
"""

import contextlib
import gc
import mmap
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from parbatch.model.entry import Summary, decoded, matches, read_index
from parbatch.model.lookup import close_to
from parbatch.storage.tree import Directory, open_plain
from parbatch.worker.capture import lift


class EntryError(LookupError):
    """An entry that an item asks for, and can't have: the message says why, and what to do."""


class RequiredEntry:
    """An entry that the item requires: what its summary says, and its `content`, read when it is first asked for.

    Text and JSON are as they were; bytes are a memoryview and arrays NumPy arrays, both of the file itself: they can't
    be written to, and are not to be kept when the item has ended. Raises EntryError where the file can't be read.
    """

    def __init__(self, summary: Summary, file: int | OSError) -> None:
        self.id = summary.id
        self.type = summary.type
        self.source = summary.source
        self.summary = summary.summary
        self.tokens = summary.tokens
        self.size = summary.size
        self._about = summary
        self._file = file
        self._mapped: mmap.mmap | None = None
        self._view = memoryview(b"")

    def __repr__(self) -> str:
        return f"<entry {self.id!r}, {self.type}, {self.size} bytes>"

    @cached_property
    def content(self) -> Any:
        """The content; the same object each time while the item lasts."""
        if isinstance(self._file, OSError):
            raise EntryError(
                f"entry {self.id!r} can't be read: {self._file}. Was the folder changed? --resume writes it anew."
            )
        if self.size:  # an empty file can't be mapped
            self._mapped = mmap.mmap(self._file, self.size, access=mmap.ACCESS_READ)
            self._view = memoryview(self._mapped)
        return decoded(self._about, self._view)

    def close(self) -> str | None:
        """Close what the item was given. Returns what to tell a person where a view was kept."""
        self.__dict__.pop("content", None)
        if self._mapped is None or self._unmapped():
            return None
        gc.collect()  # it may be held by nothing but a circle of references, such as a traceback
        if self._unmapped():
            return None
        return (
            f"parbatch: a view of entry {self.id!r} was kept beyond the end of this item; its memory is given back when"
            " the view goes. Copy what is needed later.\n"
        )

    def _unmapped(self) -> bool:
        assert self._mapped is not None
        try:
            self._view.release()
            self._mapped.close()
        except BufferError:  # somebody has another view of it, such as an array
            return False
        return True


class Required(Mapping[str, RequiredEntry]):
    """`ctx.context`: the entries that this item requires, by id, and the summaries of all.

    Asking for an entry that is not required, or that there is not, raises EntryError.
    """

    def __init__(self, entries: "SharedEntries", required: Sequence[str]) -> None:
        self._entries = entries
        self._required = tuple(required)
        self._given: dict[str, RequiredEntry] = {}

    def __getitem__(self, entry_id: str) -> RequiredEntry:
        given = self._given.get(entry_id)
        if given is None:
            if entry_id not in self._required:
                raise EntryError(self._why_not(entry_id))
            given = self._given[entry_id] = self._entries.entry(entry_id)
        return given

    def __iter__(self) -> Iterator[str]:
        return iter(self._required)

    def __len__(self) -> int:
        return len(self._required)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._required

    def summaries(self) -> Iterator[Summary]:
        """Yield what is known of every entry of the job, without contents."""
        return iter(self._entries.index.values())

    def search(self, text: str) -> list[Summary]:
        """Return the entries whose id, type, source or summary contains a text; upper and lower case are the same."""
        return [summary for summary in self.summaries() if matches(summary, text)]

    def close(self) -> list[str]:
        """End what the item was given. Returns notes for its log."""
        return [note for given in self._given.values() if (note := given.close())]

    def _why_not(self, entry_id: str) -> str:
        index = self._entries.index
        if entry_id in index:
            listed = ", ".join(self._required[:10]) or "none"
            return (
                f"entry {entry_id!r} was not required by this item, which requires {listed}."
                " Add it to the item's requires=."
            )
        if not index:
            return f"there is no entry {entry_id!r}: the job has no entries (@job.context)."
        return f"there is no entry {entry_id!r}.{close_to(entry_id, {known.casefold(): known for known in index})}"


class SharedEntries:
    """The entries that a worker has open for a chunk. `index` is the path of the run's index; empty: there is none."""

    def __init__(self, index: str = "") -> None:
        self._path = index
        self._files: dict[str, int | OSError] = {}
        self.tokens = 0
        self.size = 0
        self.acquire_s = 0.0

    def __len__(self) -> int:
        return len(self._files)

    @cached_property
    def index(self) -> dict[str, Summary]:
        """The summaries by id, read when they are first needed."""
        if not self._path:
            return {}
        with open_plain(self._path) as lines:
            return {summary.id: summary for summary in read_index(lines)}

    def acquire(self, entry_ids: Iterable[str]) -> None:
        """Open the files of entries. One that can't be is an error for the items that ask for it, and for no other."""
        began = time.monotonic()
        for entry_id in entry_ids:
            if entry_id not in self._files and entry_id in self.index:
                about = self.index[entry_id]
                self._files[entry_id] = _open(Path(self._path).parent, about)
                self.tokens += about.tokens or 0
                self.size += about.size
        self.acquire_s = time.monotonic() - began

    def release(self) -> None:
        """Let go of all of them."""
        files, self._files = self._files, {}
        self.tokens = self.size = 0
        for file in files.values():
            if isinstance(file, int):
                with contextlib.suppress(OSError):  # an item has closed what is not its own
                    os.close(file)

    def required(self, entry_ids: Iterable[str]) -> Required:
        """Return the entries that an item requires, or all items of a chunk, each once."""
        return Required(self, tuple(dict.fromkeys(entry_ids)))

    def entry(self, entry_id: str) -> RequiredEntry:
        """Return an entry that is open, for one item."""
        if entry_id not in self._files:  # as in an attempt that is made outside a chunk
            self.acquire((entry_id,))
        if entry_id not in self.index:
            raise EntryError(f"there is no entry {entry_id!r}: it was there when the run was planned.")
        return RequiredEntry(self.index[entry_id], self._files[entry_id])


def _open(store: Path, about: Summary) -> int | OSError:
    try:
        with Directory.at(str(store)) as contents, contents.open(about.digest) as file:
            found = os.fstat(file.fileno()).st_size
            if found != about.size:
                return OSError(f"{store / about.digest} has {found} bytes, and should have {about.size}")
            descriptor = os.dup(file.fileno())
    except OSError as error:
        return error
    with contextlib.suppress(OSError):  # as where so high a number can't be had
        return lift(descriptor)
    return descriptor


NOTHING_REQUIRED = Required(SharedEntries(), ())
