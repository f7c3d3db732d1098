"""Fresh tasks, stage by stage, as the scheduler takes them.

The engine makes a queue of what is due; the scheduler takes tasks from it, and begins a stage once all tasks of the one
before have settled. A queue knows neither chunks nor workers, nor what became of the tasks that it has given.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from parbatch.dispatch.chunk_size import MOST_BYTES, take
from parbatch.model.item import Task

# Gives the tasks of a stage, and how many they are. Called when the stage begins: what it gives may depend on how the
# tasks before have ended, as the items after the samples do.
Stage = Callable[[], tuple[Iterator[Task], int]]


class TaskQueue(Protocol):
    """Where the scheduler takes fresh tasks from."""

    @property
    def left(self) -> int:
        """Return how many tasks of this stage are left to take."""

    @property
    def has_next_stage(self) -> bool:
        """Return whether further tasks follow once all of this stage have settled."""

    def take(self, most: int, size: int = 0) -> tuple[list[Task], int]:
        """Take up to `most` tasks of this stage, as `chunk_size.take` does where there are `size` bytes already."""

    def next_stage(self) -> bool:
        """Begin the next stage. Return whether there was one."""


class StagedQueue:
    """The `total` tasks that an iterator gives, read no further than they are taken, and those of `later` stages."""

    def __init__(self, tasks: Iterator[Task], total: int, *later: Stage) -> None:
        self._tasks = tasks
        self._later = list(later)
        self.left = total

    @property
    def has_next_stage(self) -> bool:
        """Return whether a later stage has not begun."""
        return bool(self._later)

    def take(self, most: int, size: int = 0) -> tuple[list[Task], int]:
        """Take tasks. One that gives less than it promised has nothing left."""
        tasks, size = take(self._tasks, most, size)
        has_ended = len(tasks) < most and size < MOST_BYTES
        self.left = 0 if has_ended else self.left - len(tasks)
        return tasks, size

    def next_stage(self) -> bool:
        """Begin the next of the later stages. Return whether there was one."""
        if not self._later:
            return False
        self._tasks, self.left = self._later.pop(0)()
        return True
