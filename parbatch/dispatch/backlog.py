"""Tasks that have been handed out before and wait to be handed out again.

Used by the scheduler alone. It knows neither slots nor why a task is to be tried again.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

from parbatch.dispatch.chunk_size import MOST_BYTES_PUT_OFF, take
from parbatch.model.item import Task


class Backlog:
    """Tasks that any chunk may take, suspects that each need a chunk of their own, and tasks that wait for a time."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._later: list[tuple[float, int, Task]] = []  # a heap: when each is due, and a number that keeps their order
        self._put_off = 0
        self._bytes_put_off = 0

    def __len__(self) -> int:
        return len(self._ready) + len(self._suspects) + len(self._later)

    @property
    def ready(self) -> int:
        """Return how many tasks any chunk may take now."""
        return len(self._ready)

    @property
    def has_suspects(self) -> bool:
        """Return whether a task waits for a chunk of its own."""
        return bool(self._suspects)

    @property
    def next_due(self) -> float | None:
        """Return when the next of the tasks that wait for a time is due."""
        return self._later[0][0] if self._later else None

    @property
    def is_heavy(self) -> bool:
        """Return whether what waits for a time comes to so many bytes that nothing else is to be begun."""
        return self._bytes_put_off >= MOST_BYTES_PUT_OFF

    def give_back(self, tasks: Sequence[Task]) -> None:
        """Put tasks in front of all others that are ready, in this order."""
        self._ready.extendleft(reversed(tasks))

    def give_back_suspects(self, tasks: Sequence[Task]) -> None:
        """Put suspects that were not tried in front of the others, in this order."""
        self._suspects.extendleft(reversed(tasks))

    def add(self, tasks: Iterable[Task]) -> None:
        """Put tasks behind all others that are ready."""
        self._ready.extend(tasks)

    def add_suspect(self, task: Task) -> None:
        """Put a suspect behind the others."""
        self._suspects.append(task)

    def put_off(self, task: Task, until: float) -> None:
        """Keep a task until a time, on the dispatcher's clock."""
        self._put_off += 1
        self._bytes_put_off += task.size
        heapq.heappush(self._later, (until, self._put_off, task))

    def release(self, now: float) -> None:
        """Make ready what is due by now."""
        while self._later and self._later[0][0] <= now:
            task = heapq.heappop(self._later)[2]
            self._bytes_put_off -= task.size
            self._ready.append(task)

    def take(self, most: int) -> tuple[list[Task], int]:
        """Take up to `most` of the tasks that are ready, as `chunk_size.take` does."""
        return take(iter(self._ready.popleft, None), min(most, len(self._ready)))

    def take_suspect(self) -> Task:
        """Take the first suspect."""
        return self._suspects.popleft()
