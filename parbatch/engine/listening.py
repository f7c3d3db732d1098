"""Who listens while a run goes on: is told of each item that has settled, may hold the run back, and may end it."""

from collections.abc import Callable

import msgspec

from parbatch.engine.control import Interrupts
from parbatch.errors import DataError
from parbatch.model.item import Task
from parbatch.model.messages import Ended
from parbatch.model.outcome import Outcome
from parbatch.reports.progress import cause

OnOutcome = Callable[[Outcome], object]


class Listener:
    """A function that is told of outcomes, in the run's own thread, and what can end the run early.

    While `hold_back` gives true, nothing more is handed out; what is in flight goes on, and limits are kept. It is
    asked again after `interrupts.wake`. Raises DataError for what can't be called.
    """

    def __init__(self, on_outcome: OnOutcome | None = None, hold_back: Callable[[], bool] = lambda: False) -> None:
        if on_outcome is not None and not callable(on_outcome):
            raise DataError(f"on_outcome: {on_outcome!r} is not a function. Give one that takes an outcome.")
        self.interrupts = Interrupts()
        self.hold_back = hold_back
        self.error: BaseException | None = None
        self._on_outcome = on_outcome

    def settled(self, task: Task, ended: Ended) -> None:
        """Tell of an item that has its status. What the function raises ends the run in order; it is called no more."""
        if self._on_outcome is None or self.error is not None or ended.status == "pending":
            return
        try:
            self._on_outcome(_outcome(task, ended))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- it is raised once the run has ended
            error.add_note("It was raised by on_outcome. What was finished is kept; resume=True goes on.")
            self.error = error
            self.interrupts.cancel(f"on_outcome raised {cause(type(error).__name__, str(error))}")


def _outcome(task: Task, ended: Ended) -> Outcome:
    return Outcome(
        item=task.item(),
        status=ended.status,
        attempts=task.number,
        duration_s=ended.duration_s,
        result=msgspec.json.decode(ended.result) if ended.status == "ok" else None,
        outputs=tuple(sorted(output.path for output in ended.outputs)),
        type=ended.evidence.type if ended.evidence else "",
        message=ended.evidence.message if ended.evidence else "",
    )
