"""Where the dispatcher hands the outcomes of attempts: the journal for items, something simpler for a product."""

from typing import Protocol

from parbatch.model.item import Task
from parbatch.model.messages import ChunkEnded, Ended


class OutcomeSink(Protocol):
    """What becomes of outcomes. For each attempt that ended: first `publish`, then, with the verdict, `record`."""

    def publish(self, task: Task, ended: Ended) -> Ended:
        """Move what the attempt left into place. Return the final outcome."""

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """Take the outcome of an attempt."""

    def chunk_ended(self, slot: int, told: ChunkEnded, now: float) -> None:
        """Take what a chunk came to, where its worker tells."""

    def next_deadline(self) -> float | None:
        """Return when `tick` has something to do."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def flush(self) -> None:
        """Write down all that was recorded, and wait until that is done."""
