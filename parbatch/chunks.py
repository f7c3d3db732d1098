"""How many items a worker is handed at once."""

import math

# A chunk of about a second keeps the cost of handing over far below one per cent, and bounds what waits
# behind a slow item.
TARGET_S = 1.0
MOST = 1_000
# A slot has a second chunk, so that its worker finds one when it has finished the first; and when chunks take less than
# the time in which the parent comes round to hand out the next, as many as last that long.
AHEAD, MOST_AHEAD = 2, 100
ROUND_S = 0.03
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
        """How many chunks a slot may hold at once, away from the end."""
        if self._fixed is None or self._mean_s is None or self._ahead < AHEAD:
            return self._ahead
        return max(AHEAD, min(MOST_AHEAD, int(ROUND_S / max(self._mean_s * self._fixed, 1e-9))))

    def next(self, left: int) -> int:
        """The size of the next chunk when about `left` items are not handed out yet.

        Near the end `auto` shares what is left among the slots in ever smaller pieces, so that all end together.
        """
        if self._fixed is not None:
            return self._fixed
        if self._mean_s is None:
            return 1
        wanted = min(MOST, max(1, int(TARGET_S / max(self._mean_s, 1e-9))))
        return max(1, min(wanted, math.ceil(left / (2 * self._slots))))
