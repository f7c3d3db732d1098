"""Outcomes as they happen: a run in a thread of its own, and two ways to take what comes of it, `stream` and `astream`.

    run's thread ── outcomes ──▶ queue ──▶ next(), for … in stream(…)
        ▲                          ├─────▶ await anext(), async for … in astream(…)
        └── hold back, cancel ◀────┘

The queue holds about MOST_WAITING outcomes: beyond that, nothing more is handed out until the reader has caught up.
"""

import asyncio
import contextlib
import os
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self, Unpack

from parbatch.engine.api import go_on_in_python, prepare, run_as_asked
from parbatch.engine.background import Flow, Notify, OnOutcome
from parbatch.engine.control import RunControl
from parbatch.model.job import Job
from parbatch.model.option_table import RunOptions
from parbatch.model.outcome import Outcome
from parbatch.model.result import RunResult


class Stream:
    """A run's outcomes, one by one, in the order in which the items settle; made by `parbatch.stream`.

    Leaving a `for` loop over it early, by `break` or an exception, cancels the run and waits for its end, as leaving a
    `with` block does; so does Ctrl-C while it waits for the next outcome.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __iter__(self) -> Iterator[Outcome]:
        try:
            yield from iter(self._next, None)
        finally:
            self.close()

    def __next__(self) -> Outcome:
        outcome = self._next()
        if outcome is None:
            raise StopIteration
        return outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._flow.cancel()

    def cancel(self) -> None:
        """End the run in order, without waiting for it; may be called from any thread.

        Nothing more is handed out, what is in flight may go on for the grace period, and its outcomes still come.
        """
        self._flow.cancel()

    def close(self) -> None:
        """Cancel the run if it goes on, wait for its end, and drop what was not read. An interruption ends it at once.

        What is finished is written down, and no process of the run is left.
        """
        try:
            self._flow.cancel()
            self._flow.join()
        except BaseException:
            self._flow.cancel(at_once=True)
            raise
        self._flow.drop()

    @property
    def result(self) -> RunResult:
        """What the run came to. Raises RuntimeError before its end, and when it came to no result."""
        return self._flow.result

    def _next(self) -> Outcome | None:
        self._flow.start()
        try:
            return self._flow.take(wait=True)
        except KeyboardInterrupt:
            self._flow.cancel()
            raise


class AsyncStream:
    """A `Stream` that does not block the event loop (asyncio); made by `parbatch.astream`.

    Leaving an `async for` loop over it early, by `break`, an exception or the cancellation of the task, cancels the
    run; `async with` waits for its end as well.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        try:
            while (outcome := await self._next()) is not None:
                yield outcome
        finally:
            await self.aclose()

    async def __anext__(self) -> Outcome:
        outcome = await self._next()
        if outcome is None:
            raise StopAsyncIteration
        return outcome

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._flow.cancel()

    async def cancel(self) -> None:
        """End the run in order and wait for that; the outcomes that were not read still come.

        Nothing more is handed out, and what is in flight may go on for the grace period. Cancelling the waiting task
        ends the run at once.
        """
        self._flow.cancel()
        cancelled: asyncio.CancelledError | None = None
        while not self._flow.ended:
            try:
                await _called_by(self._flow.when_ended)
            except asyncio.CancelledError as error:  # no process may be left, so it is waited for all the same
                self._flow.cancel(at_once=True)
                cancelled = error
        self._flow.join()  # of what is left, a few lines
        if cancelled is not None:
            raise cancelled

    async def aclose(self) -> None:
        """Cancel the run if it goes on, wait for its end, and drop what was not read."""
        await self.cancel()
        self._flow.drop()

    @property
    def result(self) -> RunResult:
        """What the run came to. Raises RuntimeError before its end, and when it came to no result."""
        return self._flow.result

    async def _next(self) -> Outcome | None:
        self._flow.start()
        await asyncio.sleep(0)  # other tasks have their turn, also when there is always another outcome
        while True:
            try:
                return self._flow.take(wait=False)
            except queue.Empty:
                await _called_by(self._flow.when_more)


async def _called_by(register: Callable[[Notify], None]) -> None:
    """Wait until what is registered is called, from whatever thread."""
    loop = asyncio.get_running_loop()
    called = loop.create_future()

    def settle() -> None:
        if not called.done():
            called.set_result(None)

    def notify() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle)

    register(notify)
    await called


def stream(
    job: Job | str | os.PathLike[str] | None = None, *, on_error: str = "continue", **options: Unpack[RunOptions]
) -> Stream:
    """Run a job, and yield each item's Outcome as it settles.

    An outcome is yielded once its files are published; it is committed to the checkpoint within a second. Its
    `attempts` are those of this run. `on_error="stop"` ends the run at the first item that is not ok: what is in flight
    finishes and is still yielded. After the end, `result` is the RunResult.

    The run begins with the first outcome asked for, in a thread of its own, so that only the reader is interrupted by
    Ctrl-C, which ends the run in order. It takes the options of `run`, shows no progress unless `progress=` says so,
    and raises as `run` does, from the loop. With `backend="inline"` items are rendered in that thread of this very
    process: what the reader prints meanwhile goes to the log of the item in flight, time-outs don't interrupt,
    and processes that items leave running are left alone.
    """
    return Stream(_flow(job, on_error, options))


def astream(
    job: Job | str | os.PathLike[str] | None = None, *, on_error: str = "continue", **options: Unpack[RunOptions]
) -> AsyncStream:
    """Run a job, and yield each item's Outcome as it settles, without blocking the event loop: `async for`.

    All else is as with `stream`.
    """
    return AsyncStream(_flow(job, on_error, options))


def _flow(job: Job | str | os.PathLike[str] | None, on_error: str, options: RunOptions) -> Flow:
    def go(control: RunControl, on_outcome: OnOutcome) -> RunResult:
        loaded, asked = prepare(job, {"progress": "none", **options}, on_error)
        go_on = None if asked.progress == "none" else go_on_in_python
        return run_as_asked(loaded, asked, go_on=go_on, control=control, on_outcome=on_outcome)

    return Flow(go)
