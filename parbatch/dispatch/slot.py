"""A slot and the chunks that it has: which tasks have not ended, and which of them its worker is at.

Used by the scheduler alone. It knows neither the queue nor the process in the slot.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from parbatch.model.item import Task
from parbatch.model.messages import Chunk, Ended


@dataclass(slots=True)
class AssignedChunk:
    """A chunk that a slot has: `left` are its tasks that have not ended, the first `rendered` of them waiting for the
    validation of the chunk.

    `size` is the bytes of all its tasks; `is_alone` says that its task is a suspect; `works_on_chunk`, that the job's
    code works on all items at once; `had_company`, that several tasks were in flight together when one ended.
    """

    chunk: Chunk
    left: deque[Task]
    size: int
    is_alone: bool
    works_on_chunk: bool
    is_begun: bool = False
    rendered: int = 0
    had_company: bool = False

    @property
    def is_at_all(self) -> bool:
        """Return whether the worker is at all that is left."""
        return self.works_on_chunk or self.rendered == len(self.left)

    def in_flight(self) -> list[Task]:
        """Return the tasks that the worker is at."""
        if not self.is_begun:
            return []
        return list(self.left) if self.is_at_all else [self.left[self.rendered]]

    def find(self, position: int) -> Task | None:
        """Return the task in flight that is at this position, if one is."""
        if not self.is_begun:
            return None
        if self.rendered < len(self.left) and self.left[self.rendered].position == position:  # nearly always
            return self.left[self.rendered]
        return next((task for task in self.left if task.position == position), None) if self.is_at_all else None

    def remove(self, ended: Ended) -> Task:
        """Take out the task whose attempt has ended."""
        if self.is_begun and not self.works_on_chunk and self.rendered < len(self.left):  # nearly always: one by one
            task = self.left[self.rendered]
            if task.position == ended.position and task.number == ended.number:
                del self.left[self.rendered]
                return task
        return self._remove_any(ended)

    def _remove_any(self, ended: Ended) -> Task:
        task = self.find(ended.position)
        if task is None or task.number != ended.number:
            raise AssertionError(f"the end of {ended.position} is reported, and it is not in flight")
        if self.is_at_all:
            self.had_company = self.had_company or len(self.left) > 1
            self.left.remove(task)
            self.rendered -= self.rendered > 0
        else:
            del self.left[self.rendered]
        return task

    def cut(self) -> list[Task]:
        """Take out what is not rendered: it will not be in this chunk."""
        rest = list(self.left)[self.rendered :]
        self.left = deque(islice(self.left, self.rendered))
        return rest


@dataclass(slots=True)
class Slot:
    """The chunks that a slot has, the first of which its worker is at, and since when the attempt in flight goes on."""

    chunks: deque[AssignedChunk] = field(default_factory=deque)
    since: float = 0.0

    @property
    def size(self) -> int:
        """Return the bytes of all that it has."""
        return sum(assigned.size for assigned in self.chunks)

    @property
    def has_suspect(self) -> bool:
        """Return whether it has a suspect, beside which it must get nothing else."""
        return any(assigned.is_alone for assigned in self.chunks)

    @property
    def current(self) -> AssignedChunk | None:
        """Return the chunk that its worker is at, if it has begun one."""
        return self.chunks[0] if self.chunks and self.chunks[0].is_begun else None

    def in_flight(self) -> list[Task]:
        """Return the tasks that its worker is at."""
        return self.chunks[0].in_flight() if self.chunks else []

    def find(self, position: int) -> Task | None:
        """Return the task in flight that is at this position, if one is."""
        return self.chunks[0].find(position) if self.chunks else None

    def attempt(self) -> Task | Chunk | None:
        """Return what its worker is at: a task, a chunk if it is at all that is left of it, or None."""
        current = self.current
        if current is None:
            return None
        return current.chunk if current.is_at_all else current.left[current.rendered]

    def clear(self) -> tuple[list[Task], list[Task]]:
        """Take away all that it has. Return the suspects among its tasks, and the others."""
        suspects = [task for assigned in self.chunks if assigned.is_alone for task in assigned.left]
        others = [task for assigned in self.chunks if not assigned.is_alone for task in assigned.left]
        self.chunks.clear()
        return suspects, others
