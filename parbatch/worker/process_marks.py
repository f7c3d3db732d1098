"""The marks by which the processes of a run are known, whoever started them and however they were cut loose.

Variables of the environment are inherited by all that is started in the usual way, but not by what gets an environment
of its own. So there is a second mark in a place that nothing resets: the limit for real-time scheduling, which is
inherited over fork, exec, new sessions and the end of parents. As a limit it means nothing: any of its values is more
than a hundred thousand years.

Called by a worker, by what it is started with, and by whoever looks for a run's processes, such as the guardian, for
which this module stays light.
"""

import os

TYPE_CHECKING = False  # see Marks
if TYPE_CHECKING:
    from collections.abc import Mapping

if os.name == "posix":
    import resource

RUN_MARK = "PARBATCH_RUN"
SLOT_MARK = "PARBATCH_SLOT"

_LIMIT: int | None = getattr(resource, "RLIMIT_RTTIME", None) if os.name == "posix" else None
_LOWEST = 1 << 62
_SLOTS = 1 << 16


class Marks:
    """A run, and one slot of it or all.

    A plain class: the guardian starts without what makes classes of other kinds, and without all of typing.
    """

    def __init__(self, run: str, slot: int | None = None) -> None:
        self.run = run
        self.slot = slot

    @property
    def environment(self) -> dict[str, str]:
        """The marks for the environment of a worker."""
        return {RUN_MARK: self.run, SLOT_MARK: str(self.slot)}

    def are_in(self, environment: "Mapping[str, str]") -> bool:
        """Tell whether a process with this environment is one of these."""
        return environment.get(RUN_MARK) == self.run and self.slot in {None, _number(environment.get(SLOT_MARK))}

    def are_limit(self, soft: int) -> bool:
        """Tell whether a process with this limit for real-time scheduling is one of these."""
        lowest = _LOWEST + _digest(self.run) * _SLOTS
        return lowest <= soft < lowest + _SLOTS if self.slot is None else soft == lowest + self.slot % _SLOTS


def mark_this_process() -> None:
    """Set the second mark to what the first one says, for this process and all that it starts from now on."""
    slot = _number(os.environ.get(SLOT_MARK))
    if _LIMIT is not None and RUN_MARK in os.environ and slot is not None:
        soft = _LOWEST + _digest(os.environ[RUN_MARK]) * _SLOTS + slot % _SLOTS
        _, hard = resource.getrlimit(_LIMIT)
        if hard < 0 or soft < hard:
            resource.setrlimit(_LIMIT, (soft, hard))


def unmark_this_process() -> None:
    """Take the second mark off."""
    if _LIMIT is not None:
        _, hard = resource.getrlimit(_LIMIT)
        resource.setrlimit(_LIMIT, (hard, hard))


def without_marks(environment: "Mapping[str, str]") -> dict[str, str]:
    """Return an environment without the first mark."""
    return {name: value for name, value in environment.items() if name not in {RUN_MARK, SLOT_MARK}}


def _digest(run: str) -> int:
    import hashlib  # noqa: PLC0415 -- a guardian that has nothing to do needs no digest

    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=5).digest(), "big")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
