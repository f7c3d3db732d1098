"""What people see while a run goes on: a bar on a terminal, else a line for each item that has settled."""

import sys
from typing import Protocol, TextIO

from tqdm import tqdm

from parbatch.errors import DataError
from parbatch.model import Ended, Task
from parbatch.terminal import Screen, is_terminal, printable, show
from parbatch.units import format_duration

_MOST_TOLD = 10

MODES = ("auto", "bar", "lines", "none")


class Progress(Protocol):
    """Is told of every settled item."""

    def begin(self, phase: str, due: int) -> None:
        """A phase begins, with so many more items."""

    def settled(self, task: Task, ended: Ended) -> None:
        """An item has its status."""

    def say(self, text: str) -> None:
        """Show a line without spoiling what is on the screen."""

    def close(self) -> None:
        """Leave the screen as the next line expects it."""


class Bar:
    """A tqdm bar with the time left and the counts of ok and failed items."""

    def __init__(self, total: int, stream: TextIO | None) -> None:
        self._bar = tqdm(
            total=total, file=Screen(stream), unit="item", dynamic_ncols=True, mininterval=0.1, smoothing=0.1
        )
        self._ok = self._not_ok = 0
        self._told: set[tuple[str, str, str]] = set()
        self._phase = ""
        self._show()

    def begin(self, phase: str, due: int) -> None:
        """See Progress."""
        self._phase = f"{phase}/"
        self._bar.total = (self._bar.total or 0) + due
        self._bar.set_description_str(phase)

    def settled(self, task: Task, ended: Ended) -> None:
        """See Progress."""
        if ended.status == "ok":
            self._ok += 1
        else:
            self._not_ok += 1
            self._tell_once(task, ended)
        self._show()
        self._bar.update()

    def _tell_once(self, task: Task, ended: Ended) -> None:
        """Show the first failure of each kind above the bar: a broken environment is seen at once."""
        evidence = ended.evidence
        kind = (ended.status, evidence.type if evidence else "", evidence.place if evidence else "")
        if kind not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(kind)
            why = f": {cause(evidence.type, evidence.message)}" if evidence else ""
            self.say(f"{self._phase}{printable(task.name)} {ended.status}{why}")

    def _show(self) -> None:
        self._bar.set_postfix_str(f"{self._ok} ok, {self._not_ok} failed", refresh=False)

    def say(self, text: str) -> None:
        """See Progress."""
        self._bar.write(text, file=self._bar.fp)

    def close(self) -> None:
        """See Progress."""
        self._bar.close()


class Lines:
    """`[17/592] Cherokee Nation ok (0.6 s)`, and below a failure its cause."""

    def __init__(self, total: int, stream: TextIO | None) -> None:
        self._total = total
        self._stream = stream
        self._count = 0
        self._phase = ""

    def begin(self, phase: str, due: int) -> None:
        """See Progress."""
        self._phase = f"{phase}/"
        self._total += due

    def settled(self, task: Task, ended: Ended) -> None:
        """See Progress."""
        self._count += 1
        why = "" if ended.evidence is None else f": {cause(ended.evidence.type, ended.evidence.message)}"
        self.say(
            f"[{self._count}/{self._total}] {self._phase}{printable(task.name)} {ended.status}"
            f" ({format_duration(ended.duration_s)}){why}"
        )

    def say(self, text: str) -> None:
        """See Progress."""
        show(text, self._stream)

    def close(self) -> None:
        """See Progress."""


class Silent:
    """Nothing at all."""

    def begin(self, phase: str, due: int) -> None:
        """See Progress."""

    def settled(self, task: Task, ended: Ended) -> None:
        """See Progress."""

    def say(self, text: str) -> None:
        """See Progress."""

    def close(self) -> None:
        """See Progress."""


def start(mode: str, total: int, stream: TextIO | None) -> Progress:
    """The progress display of a mode; `auto` is a bar where standard error is a terminal. Raises DataError."""
    check_mode(mode)
    if mode == "auto":
        mode = "bar" if is_terminal(sys.stderr) else "lines"
    if mode == "bar":
        return Bar(total, sys.stderr)
    return Lines(total, stream) if mode == "lines" else Silent()


def check_mode(mode: str) -> None:
    """Raises DataError for a mode that there is not."""
    if mode not in MODES:
        raise DataError(f"progress: {mode!r} is not one of {', '.join(MODES)}.")


def cause(kind: str, message: str) -> str:
    """A failure in a line: its type, and the first line of its message if it has one."""
    first = message.strip().partition("\n")[0][:200]
    return printable(f"{kind[:200]}: {first}" if first else kind[:200])
