"""What the death of a worker means: the outcome of the attempt that it was at, or that no worker can start.

Called by the dispatcher, which publishes and records the outcome. This knows neither the scheduler nor what else was in
the chunk.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from parbatch.dispatch.backends.base import Backend, Died
from parbatch.errors import SetupError
from parbatch.model.item import Task
from parbatch.model.job_files import advice_on_hiding_files
from parbatch.model.messages import Chunk, Ended
from parbatch.model.outcome import STREAMS, Status
from parbatch.model.problem import Evidence
from parbatch.worker.capture import add_last_line
from parbatch.worker.evidence import OF_PIPE_LOST, of_death, with_cause, with_stack

_TYPES: dict[Status, str] = {"timeout": "TimeoutError", "memory": "MemoryError", "crashed": "WorkerBroken"}
_MOST_PRINTED = 2_000
# A worker that ends before its first item has a broken setup or machine; so many in a row, and the run is hopeless.
MOST_STARTUP_FAILURES = 3


@dataclass(frozen=True, slots=True)
class KillReason:
    """Why a worker is being ended.

    `attempt` is what it is ended for, or None where that is for no attempt's sake; `status` and `message` are what the
    outcome of the attempt says; `at` is when it was, or will be, on the dispatcher's clock.
    """

    attempt: Task | Chunk | None
    status: Status
    message: str
    at: float


def evidence_of(died: Died, reason: KillReason | None) -> Evidence:
    """Return why a worker is no more: by what it was ended for, or else by the way its process ended."""
    death = of_death(died.returncode)
    if reason is None:
        return death
    kind = _TYPES.get(reason.status, death.type)
    return Evidence(type=kind, message=reason.message, returncode=death.returncode, signal=death.signal)


def outcome_of(task: Task, slot: int, death: Evidence, reason: KillReason | None, backend: Backend, tmp: str) -> Ended:
    """Return the outcome of an attempt that its worker has died in, but for its duration and process."""
    destination = task.staging(tmp)
    if task.position < 0:
        death = replace(death, message=death.message.replace("the item", task.kind))
    printed = backend.save_captured_output(slot, destination)
    log = add_last_line(destination, death.message)
    return Ended(
        position=task.position,
        number=task.number,
        status=reason.status if reason is not None else "crashed",
        duration_s=0.0,
        evidence=with_cause(with_stack(death, log), log),
        logs=tuple(stream for stream in STREAMS if stream in printed or (log and stream == "stderr")),
        slot=slot,
        ended_at=time.time(),
    )


class StartupFailures:
    """Counts workers that die before their first item: so many in a row, and no worker can start.

    What they printed is read from the folder `tmp`.
    """

    def __init__(self, backend: Backend, tmp: str) -> None:
        self._backend = backend
        self._tmp = tmp
        self._in_a_row = 0

    def reset(self) -> None:
        """Note a worker that has started."""
        self._in_a_row = 0

    def count(self, slot: int, death: Evidence, reason: KillReason | None) -> None:
        """Note a worker that ended before its first item. Raise SetupError when there is no hope."""
        if reason is not None and reason.status == "pending":  # the run itself is at its end
            return
        self._in_a_row += 1
        printed = self._captured_errors(slot)
        if reason is not None and reason.status == "timeout":
            raise SetupError(f"No worker can start: {reason.message}\n{with_stack(death, printed).traceback}".rstrip())
        if self._in_a_row >= MOST_STARTUP_FAILURES:
            raise SetupError(self._explain(death, printed))

    def _captured_errors(self, slot: int) -> str:
        """Return what the worker had printed as errors."""
        if "stderr" not in self._backend.save_captured_output(slot, f"{self._tmp}/setup"):
            return ""
        return Path(f"{self._tmp}/setup.stderr").read_text(encoding="utf-8", errors="replace")

    def _explain(self, death: Evidence, printed: str) -> str:
        why = death.message.replace("in the middle of the item", "").strip()
        if why == OF_PIPE_LOST:  # there was no item that could have done so
            why = "they ended, or their pipe was closed, as when an import fails or setup closes what it did not open"
        advice = f" {hiding}" if (hiding := advice_on_hiding_files()) else ""
        tail = f" It printed:\n{printed[-_MOST_PRINTED:]}" if printed else ""
        return f"{self._in_a_row} workers in a row ended before their first item: {why}.{advice}{tail}"
