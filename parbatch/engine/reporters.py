"""The reporters: for people at a prompt, for programs, and for a function that takes each outcome on the way.

Made by `api`, which knows who has begun the run; see `reporter.Reporter` for what each method is told.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence

import msgspec

from parbatch.engine.control import RunControl
from parbatch.engine.reporter import Reporter
from parbatch.errors import DataError
from parbatch.model import terminal
from parbatch.model.item import Task
from parbatch.model.loading import LoadedJob
from parbatch.model.messages import Ended
from parbatch.model.options import Options
from parbatch.model.outcome import Outcome
from parbatch.model.result import RunResult
from parbatch.reports import progress as progressing
from parbatch.storage.layout import Part

OnOutcome = Callable[[Outcome], object]
GoOn = Callable[[RunResult], str]


class SilentReporter:
    """Says nothing but what has to be known anyway."""

    def __init__(self, options: Options) -> None:
        self._stream = sys.stderr if options.json else sys.stdout

    def reading(self, loaded: LoadedJob) -> contextlib.AbstractContextManager[LoadedJob]:
        """See Reporter."""
        return contextlib.nullcontext(loaded)

    def announce(self, part: Part, lines: Iterable[str]) -> None:
        """See Reporter."""

    def begin(self, part: Part, due: int) -> None:
        """See Reporter."""

    def settled(self, task: Task, ended: Ended) -> None:
        """See Reporter."""

    def waits_for(self, what: str, seconds: float) -> None:
        """See Reporter."""

    def say(self, text: str) -> None:
        """See Reporter."""

    def note(self, text: str) -> None:
        """See Reporter."""
        terminal.show(text, self._stream)

    def warn(self, text: str) -> None:
        """See Reporter."""
        terminal.show(f"parbatch: {text}", sys.stderr)

    def close(self) -> None:
        """See Reporter."""

    def finished(self, result: RunResult) -> None:
        """See Reporter."""

    def all_finished(self, result: RunResult, left: Sequence[str], parts: int) -> None:
        """See Reporter."""


class ConsoleReporter:
    """Says all to people: what is due, how it goes on, and a summary with the command that goes on.

    Without `go_on` it shows only how the run goes on. Raises DataError for a progress mode that there is not.
    """

    def __init__(self, options: Options, go_on: GoOn | None) -> None:
        self._mode = options.progress
        self._stream = sys.stderr if options.json else sys.stdout
        self._go_on = go_on
        self._progress: progressing.Progress | None = None
        self._emptiness = _Emptiness()

    def reading(self, loaded: LoadedJob) -> contextlib.AbstractContextManager[LoadedJob]:
        """See Reporter."""
        return progressing.reading_items(loaded, self._mode, self._stream)

    def announce(self, part: Part, lines: Iterable[str]) -> None:
        """See Reporter. Of several parts, each line begins with the part's name."""
        if self._go_on is not None:
            whose = f"{part.prefix.removesuffix('/')}: " if part.prefix else ""
            say = self._show if self._progress is None else self._progress.say
            for line in lines:
                say(f"{whose}{line}")

    def begin(self, part: Part, due: int) -> None:
        """See Reporter."""
        if self._progress is None:
            self._progress = progressing.start(self._mode, 0 if part.prefix else due, self._stream)
        if part.prefix:
            self._progress.begin(part.prefix.removesuffix("/"), due)
        self._emptiness.begin()

    def settled(self, task: Task, ended: Ended) -> None:
        """See Reporter."""
        self._emptiness.take(ended)
        if self._progress is not None:
            self._progress.settled(task, ended)

    def waits_for(self, what: str, seconds: float) -> None:
        """See Reporter."""
        if self._progress is not None:
            self._progress.waits_for(what, seconds)

    def say(self, text: str) -> None:
        """See Reporter."""
        if self._progress is not None:
            self._progress.say(text)

    def note(self, text: str) -> None:
        """See Reporter."""
        self._show(text)

    def warn(self, text: str) -> None:
        """See Reporter."""
        terminal.show(f"parbatch: {text}", sys.stderr)

    def close(self) -> None:
        """See Reporter."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def finished(self, result: RunResult) -> None:
        """See Reporter. With no progress above it, the summary is not set off by a blank line."""
        if self._go_on is None:
            return
        told = _summary(result, self._go_on(result))
        self._show(told.removeprefix("\n") if self._mode == "none" else told)
        if self._emptiness.is_complete:
            from parbatch.reports.console import CAME_TO_NOTHING  # noqa: PLC0415 -- as for the summary

            self._show("\n" + CAME_TO_NOTHING)

    def all_finished(self, result: RunResult, left: Sequence[str], parts: int) -> None:
        """See Reporter. The command that goes on is that of the first part that has work left."""
        if self._go_on is None:
            return
        more = f", and so with {', '.join(left[1:])}" if left[1:] else ""
        go_on = f"{self._go_on(msgspec.structs.replace(result, shard=left[0]))}{more}"
        self._show(f"\nThat was the last of {parts} shards; all of them together:")
        self._show(_summary(result, go_on))

    def _show(self, text: str) -> None:
        terminal.show(text, self._stream)


def _summary(result: RunResult, go_on: str) -> str:
    from parbatch.reports.console import summary  # noqa: PLC0415 -- needed at the end, and by those who read alone

    return summary(result, go_on)


class _Emptiness:
    """Tell whether the items of a part that are ok left neither a file nor a result: most likely a forgotten return."""

    def __init__(self) -> None:
        self._ok = self._empty = 0
        self._was_complete = False

    def begin(self) -> None:
        """Begin another part; what was found of those before stays."""
        self._was_complete = self.is_complete
        self._ok = self._empty = 0

    def take(self, ended: Ended) -> None:
        """Count a settled item."""
        if ended.status == "ok":
            self._ok += 1
            self._empty += not ended.outputs and bytes(ended.result) == b"null"

    @property
    def is_complete(self) -> bool:
        """Tell whether a part had items that are ok, and all of them were empty."""
        return self._was_complete or 0 < self._empty == self._ok


class OutcomeReporter:
    """Calls a function with each outcome, in the run's own thread, and has another reporter say the rest.

    What the function raises ends the run in order, and is kept in `error`; it is called no more. Raises DataError for
    what can't be called.
    """

    def __init__(self, inner: Reporter, on_outcome: OnOutcome, control: RunControl) -> None:
        if not callable(on_outcome):
            raise DataError(f"on_outcome: {on_outcome!r} is not a function. Give one that takes an outcome.")
        self._inner = inner
        self._on_outcome = on_outcome
        self._control = control
        self.error: BaseException | None = None

    def settled(self, task: Task, ended: Ended) -> None:
        """See Reporter."""
        self._inner.settled(task, ended)
        if self.error is not None or ended.status == "pending":
            return
        try:
            self._on_outcome(_outcome(task, ended))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- it is raised once the run has ended
            error.add_note("It was raised by on_outcome. What was finished is kept; resume=True goes on.")
            self.error = error
            self._control.cancel(f"on_outcome raised {progressing.cause(type(error).__name__, str(error))}")

    def reading(self, loaded: LoadedJob) -> contextlib.AbstractContextManager[LoadedJob]:
        """See Reporter."""
        return self._inner.reading(loaded)

    def announce(self, part: Part, lines: Iterable[str]) -> None:
        """See Reporter."""
        self._inner.announce(part, lines)

    def begin(self, part: Part, due: int) -> None:
        """See Reporter."""
        self._inner.begin(part, due)

    def waits_for(self, what: str, seconds: float) -> None:
        """See Reporter."""
        self._inner.waits_for(what, seconds)

    def say(self, text: str) -> None:
        """See Reporter."""
        self._inner.say(text)

    def note(self, text: str) -> None:
        """See Reporter."""
        self._inner.note(text)

    def warn(self, text: str) -> None:
        """See Reporter."""
        self._inner.warn(text)

    def close(self) -> None:
        """See Reporter."""
        self._inner.close()

    def finished(self, result: RunResult) -> None:
        """See Reporter."""
        self._inner.finished(result)

    def all_finished(self, result: RunResult, left: Sequence[str], parts: int) -> None:
        """See Reporter."""
        self._inner.all_finished(result, left, parts)


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
