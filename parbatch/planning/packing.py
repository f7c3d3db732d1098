"""The order in which items go into chunks, so that chunk-mates share what they require.

Pure, and greedy: each chunk is filled with the item that adds the fewest entries to those it holds already. A chunk
begins with the item that was closest to the one before, so that neighbouring chunks are alike as well, and an order
made for one size of chunk is nearly as good for another.
"""

from collections import deque
from collections.abc import Iterable, Sequence


def pack(needs: Sequence[Sequence[int]], size: int, most: int) -> list[int]:
    """Return the indices of `needs` in the order of packing; each need is the distinct numbers of the entries required.

    Cut in this order into chunks of at most `size` items and at most `most` distinct entries, it needs few entries in
    all. Time grows with the items times the items that share an entry: give it some thousands of items at once.
    """
    packer = _Packer(needs)
    order: list[int] = []
    item = packer.any_left()
    while item is not None:
        packer.begin()
        count = 0
        while item is not None and count < size and packer.fits(item, most, first=not count):
            packer.take(item)
            order.append(item)
            count += 1
            item = packer.closest()
            if item is None:
                item = packer.any_left()
    return order


class _Packer:
    """The items not yet in a chunk, by how many entries each lacks of those that the open chunk holds."""

    def __init__(self, needs: Sequence[Sequence[int]]) -> None:
        self._needs = needs
        self._users: dict[int, list[int]] = {}
        for item, need in enumerate(needs):
            for entry in need:
                self._users.setdefault(entry, []).append(item)
        self._lacks = [len(need) for need in needs]
        self._taken = bytearray(len(needs))
        self._seed = 0
        self._touched: set[int] = set()
        self._held: set[int] = set()
        # First in, first out: what came close first is closest to how the chunk began.
        self._by_lack: dict[int, deque[int]] = {}

    def begin(self) -> None:
        """Open the next chunk, which holds nothing."""
        for item in self._touched:
            self._lacks[item] = len(self._needs[item])
        self._touched.clear()
        self._held.clear()
        self._by_lack.clear()

    def fits(self, item: int, most: int, *, first: bool) -> bool:
        """Whether the chunk may hold what the item requires as well; the first item has its way."""
        return first or len(self._held) + self._lacks[item] <= most

    def take(self, item: int) -> None:
        """Put an item into the open chunk."""
        self._taken[item] = 1
        for entry in self._needs[item]:
            if entry not in self._held:
                self._held.add(entry)
                self._hold(entry)

    def _hold(self, entry: int) -> None:
        users = self._users[entry] = [user for user in self._users[entry] if not self._taken[user]]
        self._touched.update(users)
        for user in users:
            self._lacks[user] -= 1
            self._by_lack.setdefault(self._lacks[user], deque()).append(user)

    def closest(self) -> int | None:
        """Return the item that lacks least of those that share an entry with the open chunk."""
        for lack in sorted(self._by_lack):
            waiting = self._by_lack[lack]
            while waiting and (self._taken[waiting[0]] or self._lacks[waiting[0]] != lack):
                waiting.popleft()
            if waiting:
                return waiting[0]
        return None

    def any_left(self) -> int | None:
        """Return the first item that is in no chunk yet."""
        while self._seed < len(self._needs) and self._taken[self._seed]:
            self._seed += 1
        return self._seed if self._seed < len(self._needs) else None


def ranks(needs: Sequence[Sequence[int]], most: int) -> dict[int, int]:
    """Return a number for each entry, close ones for those that are required together: their order in packed items."""
    found: dict[int, int] = {}
    for item in pack(needs, len(needs), most):
        for entry in needs[item]:
            found.setdefault(entry, len(found))
    return found


def loads(needs: Iterable[Sequence[int]], size: int, most: int) -> int:
    """How many entries are acquired in all when items are cut into chunks as they come: what packing makes small."""
    total, count = 0, 0
    held: set[int] = set()
    for need in needs:
        if count == size or (count and len(held.union(need)) > most):
            total += len(held)
            held, count = set(), 0
        held.update(need)
        count += 1
    return total + len(held)
