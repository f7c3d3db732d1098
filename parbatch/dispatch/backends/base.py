"""What a backend is: it fills slots with workers, hands them orders, and says what they say and when they die.

The engine starts one; the dispatcher calls it. A backend is a module that offers `start(settings, run_mark, slots)`,
which returns a `Backend`; it is found by name here. It knows neither the scheduler nor what becomes of outcomes.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from parbatch.errors import DataError, NothingRunError, SetupError
from parbatch.model.messages import Message, Order
from parbatch.model.units import counted
from parbatch.model.values import BACKENDS
from parbatch.worker.limits import allow_descriptors, descriptor_limit
from parbatch.worker.settings import WorkerSettings

# Files that this process has open for each worker: both pipes, the process itself, and loky's queues.
_FOR_WORKER = 10
# What else is opened now and then: pipes of a process that is being started, the checkpoint's journal, outputs.
_FOR_THE_REST = 20


@dataclass(frozen=True, slots=True)
class Died:
    """A slot's worker is no more; `returncode` as subprocess has it, negative for a signal.

    `fault` says what it did that it had to be ended for, where the backend has ended it by itself;
    `out_of_memory`, that the system has ended it, or another of its control group, for want of memory.
    """

    returncode: int | None
    fault: str = ""
    out_of_memory: bool = False


class Backend(Protocol):
    """Slots with workers in them, numbered from 0."""

    @property
    def ends_workers(self) -> bool:
        """Return whether `end` has an effect, so that a worker goes on no longer than it may."""

    def send(self, slot: int, order: Order) -> None:
        """Give a slot's worker an order. Start one where there is none; raise SetupError if none can be."""

    def wait(self, timeout: float | None) -> list[tuple[int, Message | Died]]:
        """Return what happened since the last call, waited for up to `timeout` seconds; nothing when woken or late."""

    def wake(self) -> None:
        """Make `wait` return; may be called from a signal handler or another thread."""

    def sizes(self) -> dict[int, int]:
        """Return the resident bytes of each slot's worker with its processes, where the backend can tell."""

    def dump_stacks(self, slot: int) -> None:
        """Have the worker write the stacks of its threads to the error log of the item in flight, and die of it.

        `end` has to follow: not every worker can.
        """

    def end(self, slot: int) -> None:
        """Kill a slot's worker and all that it started. `wait` then tells that it died."""

    def save_captured_output(self, slot: int, destination: str) -> tuple[str, ...]:
        """Save what a dead worker's item had printed. Return which of stdout and stderr there are."""

    def close(self, *, at_once: bool) -> None:
        """Let the workers end, or kill them `at_once`, and see to it that they and their processes do."""


def check_descriptors(workers: int) -> None:
    """Let this process open as many files as so many workers, or none, take. Raise SetupError where it may not."""
    needed = workers * _FOR_WORKER + _FOR_THE_REST
    allowed = allow_descriptors(needed)
    if allowed >= needed:
        return
    fewer = (allowed - _FOR_THE_REST) // _FOR_WORKER
    advice = f"Use --workers {fewer}, or raise" if fewer > 0 else "Raise"
    limit = descriptor_limit()
    what = f"{counted(workers, 'worker')} would take" if workers else "a run takes"
    raise SetupError(
        f"Too few files can be open: this process may have {limit} (ulimit -n), and {what} {limit - allowed + needed}."
        f" {advice} the limit with ulimit -n."
    )


def check_some_descriptors(name: str) -> None:
    """Raise NothingRunError where not even one worker of this backend can be had: before anything is begun."""
    try:
        check_descriptors(0 if name == "inline" else 1)
    except SetupError as error:
        raise NothingRunError(str(error)) from None


def start(name: str, settings: WorkerSettings, run_mark: str, slots: int) -> Backend:
    """Start a backend by its name. Raise DataError for a name that there is not."""
    if name not in BACKENDS:
        raise DataError(f"backend: {name!r} is not one of {', '.join(BACKENDS)}.")
    backend: Backend = import_module(BACKENDS[name]).start(settings, run_mark, slots)
    return backend
