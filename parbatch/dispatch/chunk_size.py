"""How many items a worker is handed at once, and how many chunks ahead.

Used by the scheduler and its queue. It learns from how long items take, and has no clock of its own.
"""

import math
from collections.abc import Iterator
from itertools import islice

from parbatch.model.item import Task

# A chunk of about a second keeps the cost of handing over far below one per cent, and bounds what waits
# behind a slow item.
TARGET_S = 1.0
MOST = 1_000
# A slot has a second chunk, so that its worker finds one when it has finished the first; and when chunks take less than
# the time in which the parent comes round to hand out the next, as many as last that long.
AHEAD, MOST_AHEAD = 2, 100
ROUND_S = 0.03
# Rows can carry much, such as a picture as text. A chunk is full at so many bytes of data, far below what a second's
# work costs to hand over, and a slot that has so many gets no further chunk before it has done one.
MOST_BYTES, MOST_BYTES_AHEAD = 1 << 19, 1 << 20
# While what waits between attempts comes to so much, nothing is begun that may have to wait as well.
MOST_BYTES_PUT_OFF = 32 << 20
_WEIGHT = 0.1  # of the newest duration in the running mean


class ChunkSizer:
    """Sizes of chunks: the fixed number of items, or, with None, as many as take about a second.

    `ahead` is how many chunks a slot has at once: 1 where each gets a worker of its own.
    """

    def __init__(self, fixed: int | None, slots: int, *, ahead: int = AHEAD) -> None:
        self._fixed = fixed
        self._slots = slots
        self._ahead = ahead
        self._mean_s: float | None = None

    def observe(self, duration_s: float) -> None:
        """Learn from an item that has ended."""
        mean = self._mean_s
        self._mean_s = duration_s if mean is None else mean + _WEIGHT * (duration_s - mean)

    def chunks_ahead(self) -> int:
        """Return how many chunks a slot may hold at once, away from the end."""
        if self._fixed is None or self._mean_s is None or self._ahead < AHEAD:
            return self._ahead
        return max(AHEAD, min(MOST_AHEAD, int(ROUND_S / max(self._mean_s * self._fixed, 1e-9))))

    def next(self, left: int) -> int:
        """Return the size of the next chunk when about `left` items are not handed out yet.

        Near the end `auto` shares what is left among the slots in ever smaller pieces, so that all end together.
        """
        if self._fixed is not None:
            return self._fixed
        if self._mean_s is None:
            return 1
        wanted = min(MOST, max(1, int(TARGET_S / max(self._mean_s, 1e-9))))
        return max(1, min(wanted, math.ceil(left / (2 * self._slots))))


def take(source: Iterator[Task], most: int, size: int = 0) -> tuple[list[Task], int]:
    """Take up to `most` tasks, until they, with `size` bytes that are there already, come to MOST_BYTES.

    Return them and their size with what was there. The first is always taken where there is nothing yet.
    """
    tasks: list[Task] = []
    for task in islice(source, most) if size < MOST_BYTES else ():
        tasks.append(task)
        size += task.size
        if size >= MOST_BYTES:
            break
    return tasks, size


def within(tasks: list[Task], most: int) -> tuple[list[Task], list[Task]]:
    """Split tasks where they require more than `most` distinct entries. The first is always before that."""
    held: set[str] = set()
    for number, task in enumerate(tasks):
        if task.requires:
            held.update(task.requires)
            if number and len(held) > most:
                return tasks[:number], tasks[number:]
    return tasks, []
