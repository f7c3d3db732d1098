"""Items that are not ok, read from a checkpoint: as a list, or read each time where they are too many to be held.

Called by whoever builds a result or a status. It knows nothing of how failures are grouped or shown.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

from parbatch.model.result import Failure
from parbatch.storage.view import View, view_of

# So many failures are held in memory; more are read from the checkpoint each time that they are walked through.
MOST_HELD = 10_000


class LaterFailures(Sequence[Failure]):
    """Failures that are too many to be held: read from the checkpoint each time that somebody walks through them.

    They are what the folder has then. A copy, or what is pickled, is a list.
    """

    def __init__(self, view: View, count: int) -> None:
        self._view = view
        self._folder = view.root
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Failure]:
        if self._view.is_open:
            yield from self._view.failures()
            return
        with view_of(self._folder) as view:
            yield from view.failures()

    @overload
    def __getitem__(self, index: int) -> Failure: ...
    @overload
    def __getitem__(self, index: slice) -> list[Failure]: ...
    def __getitem__(self, index: int | slice) -> Failure | list[Failure]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            return list(islice(self, start, stop, step)) if step > 0 else list(self)[index]
        place = index + self._count if index < 0 else index
        if 0 <= place < self._count:
            return next(islice(self, place, None))
        raise IndexError(index)

    def __reduce__(self) -> tuple[type[list[Failure]], tuple[list[Failure]]]:
        return list, (list(self),)


def held_failures(view: View) -> Sequence[Failure]:
    """Return every item that was tried and is not ok, in item order: a list, or where they are many, one read later."""
    found = list(islice(view.failures(), MOST_HELD + 1))
    if len(found) <= MOST_HELD:
        return found
    counts = view.counts()
    return LaterFailures(view, sum(counts.values()) - counts["ok"] - counts["pending"])
