"""What people see while a run goes on: a bar on a terminal, else a line for each item that has settled."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO

import msgspec

from parbatch.model.item import Task
from parbatch.model.loading import LoadedJob
from parbatch.model.messages import Ended
from parbatch.model.terminal import Screen, is_terminal, show
from parbatch.model.text import in_one_line, printable, shortened
from parbatch.model.units import format_duration
from parbatch.model.values import check_mode

_MOST_TOLD = 10  # causes that are named while a run goes on
_MOST_CAUSE = 240  # characters of a message
_MOST_READ = 20_000  # characters of one that are looked at; evidence has fewer

# A pipe or file gets a line for each of so many items, and from then on one line in so many seconds.
MOST_LINES, EVERY_S = 1_000, 10.0
# What is waited for is told of in a line once that takes so many seconds.
WAIT_S = 30.0
# Reading items is told of once it takes so many seconds, and then every EVERY_S.
READING_S = 1.0


class Progress(Protocol):
    """Is told of every settled item."""

    def begin(self, phase: str, due: int) -> None:
        """Take note that a phase begins, with so many more items."""

    def settled(self, task: Task, ended: Ended) -> None:
        """Take note of an item that has its status."""

    def waits_for(self, what: str, seconds: float) -> None:
        """Say what takes its time, and has taken so many seconds; nothing does if it has no name."""

    def say(self, text: str) -> None:
        """Show a line without spoiling what is on the screen."""

    def close(self) -> None:
        """Leave the screen as the next line expects it."""


class _Causes:
    """The causes that were named already: the first failure of each shows a broken environment at once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def new(self, ended: Ended) -> str:
        """Return the cause of a failure, as a line ends with it, if it is one of the first; else nothing."""
        evidence = ended.evidence
        alike = ended.fingerprint or f"{ended.status} {evidence.type if evidence else ''}"
        if alike in self._told or len(self._told) >= _MOST_TOLD:
            return ""
        self._told.add(alike)
        return _why(ended) or "."


def _why(ended: Ended) -> str:
    return f": {cause(ended.evidence.type, ended.evidence.message)}" if ended.evidence else ""


class Bar:
    """A tqdm bar with the time left and the counts of ok and failed items."""

    def __init__(self, total: int, stream: TextIO | None) -> None:
        from tqdm import tqdm  # noqa: PLC0415 -- a run without a bar starts without it

        self._bar = tqdm(
            total=total, file=Screen(stream), unit="item", dynamic_ncols=True, mininterval=0.1, smoothing=0.1
        )
        self._ok = self._not_ok = 0
        self._causes = _Causes()
        self._phase = self._waits = ""
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
            if why := self._causes.new(ended):
                self.say(f"{self._phase}{printable(task.name)} {ended.status}{why}")
        self._show()
        self._bar.update()

    def waits_for(self, what: str, seconds: float) -> None:
        """See Progress."""
        waits = f", waiting for {printable(what)} ({seconds:.0f} s)" if what else ""
        if waits != self._waits:
            self._waits = waits
            self._show()
            self._bar.refresh()

    def _show(self) -> None:
        self._bar.set_postfix_str(f"{self._ok} ok, {self._not_ok} failed{self._waits}", refresh=False)

    def say(self, text: str) -> None:
        """See Progress."""
        self._bar.write(text, file=self._bar.fp)

    def close(self) -> None:
        """See Progress."""
        self._bar.close()


class Lines:
    """`[17/592] Cherokee Nation ok (0.6 s)`, with the cause of a failure; of many items a line in ten seconds."""

    def __init__(self, total: int, stream: TextIO | None, now: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._stream = stream
        self._now = now
        self._count = self._not_ok = self._shown = 0
        self._next = 0.0
        self._phase = self._waits = ""
        self._next_wait = WAIT_S
        self._causes = _Causes()

    def begin(self, phase: str, due: int) -> None:
        """See Progress."""
        self._phase = f"{phase}/"
        self._total += due

    def waits_for(self, what: str, seconds: float) -> None:
        """See Progress. A line after half a minute, and then each time that it has taken twice as long."""
        if what != self._waits:
            self._waits, self._next_wait = what, WAIT_S
        if what and seconds >= self._next_wait:
            self._next_wait = 2 * seconds
            self.say(f"{self._place()} waiting for {printable(what)} ({format_duration(seconds)})")

    def settled(self, task: Task, ended: Ended) -> None:
        """See Progress."""
        self._count += 1
        self._not_ok += ended.status != "ok"
        new = "" if ended.status == "ok" else self._causes.new(ended)
        if self._count <= MOST_LINES or new:
            duration = format_duration(ended.duration_s)
            self.say(f"{self._place()} {self._phase}{printable(task.name)} {ended.status} ({duration}){_why(ended)}")
        if self._count == MOST_LINES < self._total:
            self._next = self._now() + EVERY_S
            self.say(f"From here on a line every {EVERY_S:.0f} s, and one for each new cause of failures.")
        elif self._count > MOST_LINES and self._now() >= self._next:
            self._sum_up()

    def _place(self) -> str:
        self._shown = self._count
        return f"[{self._count}/{self._total}]"

    def _sum_up(self) -> None:
        self._next = self._now() + EVERY_S
        phase = f"{self._phase.removesuffix('/')}: " if self._phase else ""
        self.say(f"{self._place()} {phase}{self._count - self._not_ok} ok, {self._not_ok} failed")

    def say(self, text: str) -> None:
        """See Progress."""
        show(text, self._stream)

    def close(self) -> None:
        """See Progress."""
        if self._shown < self._count:
            self._sum_up()


class Silent:
    """Nothing at all."""

    def begin(self, phase: str, due: int) -> None:
        """See Progress."""

    def settled(self, task: Task, ended: Ended) -> None:
        """See Progress."""

    def waits_for(self, what: str, seconds: float) -> None:
        """See Progress."""

    def say(self, text: str) -> None:
        """See Progress."""

    def close(self) -> None:
        """See Progress."""


def start(mode: str, total: int, stream: TextIO | None) -> Progress:
    """Return the progress display of a mode; `auto` is a bar where standard error is a terminal. Raises DataError."""
    mode = _chosen(mode)
    if mode == "bar":
        return Bar(total, sys.stderr)
    return Lines(total, stream) if mode == "lines" else Silent()


def _chosen(mode: str) -> str:
    check_mode(mode)
    if mode == "auto":
        return "bar" if is_terminal(sys.stderr) else "lines"
    return mode


@contextlib.contextmanager
def reading_items(loaded: LoadedJob, mode: str, stream: TextIO | None) -> Iterator[LoadedJob]:
    """Say how many items were read so far, where that takes a while; for as long as the job that is given is read."""
    mode = _chosen(mode)
    if mode == "none":
        yield loaded
        return
    job, count = loaded.job.counted()
    told = sys.stderr if mode == "bar" else stream
    over = threading.Event()

    def tell() -> None:
        seconds = READING_S
        while not over.wait(seconds):
            show(f"Reading items: {count.items:,} so far.", told)
            seconds = EVERY_S

    telling = threading.Thread(target=tell, name="parbatch-reading")
    telling.start()
    try:
        yield msgspec.structs.replace(loaded, job=job)
    finally:
        over.set()
        telling.join()


def cause(kind: str, message: str) -> str:
    """Return a failure in a line: its type, and its message if it has one; of a long one the middle is left out."""
    told = shortened(in_one_line(message[:_MOST_READ]), _MOST_CAUSE)
    return printable(f"{kind[:200]}: {told}" if told else kind[:200])
