"""How a run speaks: what it tells while it goes on and at its end.

Called by the engine, which prints nothing itself. A reporter decides where words go and which are left out; it never
changes what a run does. Those that there are: `reporters`.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from parbatch.model.item import Task
from parbatch.model.loading import LoadedJob
from parbatch.model.messages import Ended
from parbatch.model.result import RunResult
from parbatch.storage.layout import Part


class Reporter(Protocol):
    """Is told what a run does, part by part."""

    def reading(self, loaded: LoadedJob) -> AbstractContextManager[LoadedJob]:
        """Tell how many items were read so far, as long as the job that is given is read."""

    def announce(self, part: Part, lines: Iterable[str]) -> None:
        """Say what is going to be done in a part; the lines are made when they are asked for."""

    def begin(self, part: Part, due: int) -> None:
        """Say that so many items of a part are rendered now."""

    def settled(self, task: Task, ended: Ended) -> None:
        """Take note of an item that has its status."""

    def waits_for(self, what: str, seconds: float) -> None:
        """Say what takes its time, and has taken so many seconds; nothing does if it has no name."""

    def say(self, text: str) -> None:
        """Say something about the run that goes on."""

    def note(self, text: str) -> None:
        """Say something that is to be known even where nothing else is said."""

    def warn(self, text: str) -> None:
        """Say what has gone wrong beside the run."""

    def close(self) -> None:
        """Say that nothing is rendered any more."""

    def finished(self, result: RunResult) -> None:
        """Say what the run has come to."""

    def all_finished(self, result: RunResult, left: Sequence[str], parts: int) -> None:
        """Say what all parts have come to of which this run was the last; those `left` have work left."""
