"""Whether an item is tried again after an attempt that did not end ok, and how.

The engine makes the policy of a run out of its options; the scheduler asks it. It keeps no state, and knows neither
chunks nor slots.
"""

from dataclasses import dataclass
from typing import Literal

from parbatch.model.item import Task
from parbatch.model.outcome import Status

# What ends everything that a worker has in flight at once, so that each item alone has to show whose fault it is.
_ENDS_ALL = frozenset({"crashed", "timeout", "memory"})
# A suspect is tried at least so often: in the second attempt it is alone in its chunk.
_SUSPECT_ATTEMPTS = 2

Verdict = Literal["settled", "again", "alone"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an item is tried, and how long it waits between two attempts.

    `attempts` is how often. `backoff` is how many seconds an item waits before its second attempt, twice that before
    its third, and so on; with None it does not wait.
    """

    attempts: int = 1
    backoff: float | None = None

    def judge(self, task: Task, status: Status, *, had_company: bool, works_on_chunks: bool) -> Verdict:
        """Return what becomes of an item after an attempt that was not ok.

        It is `settled`, or tried `again`, or, being a suspect, tried again `alone` in its chunk. `had_company` says
        that other items were in flight with it; `works_on_chunks`, that the job's code works on whole chunks, so that
        another attempt would have company again.
        """
        if had_company and status in _ENDS_ALL:  # however often it was tried, it has not shown whose fault it is
            return "alone"
        is_suspect = status == "crashed"
        attempts = max(self.attempts, _SUSPECT_ATTEMPTS) if is_suspect else self.attempts
        if task.number >= attempts:
            return "settled"
        # An item that failed in whole chunks, perhaps for another one's sake, has its last attempt alone.
        is_last = works_on_chunks and had_company and task.number + 1 == attempts
        return "alone" if is_suspect or is_last else "again"

    def delay(self, number: int) -> float:
        """Return how many seconds an item waits before its attempt of this number."""
        return 0.0 if self.backoff is None else self.backoff * 2.0 ** (number - 2)
