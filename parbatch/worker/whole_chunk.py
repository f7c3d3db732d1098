"""The job's functions that see a whole chunk: `render_chunk` and `validate_chunk`, called for its attempts.

Called by `chunk`, for jobs that have such functions. It must not know what becomes of an attempt that has ended.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parbatch.model.outcome import Outcome, Status
from parbatch.model.problem import Evidence, Problem
from parbatch.model.roles import RENDER_CHUNK, VALIDATE_CHUNK
from parbatch.worker.attempt import Attempt, Beginning, call_job
from parbatch.worker.chunk import WHOLE, ChunkSession
from parbatch.worker.problems import problems_by_id

NO_RESULT = Evidence(
    type="NoResult", message="@job.render_chunk gave no result for it; return {id: result} with every id"
)
_CHECK = f"@job.{VALIDATE_CHUNK}"


class ChunkRendering:
    """The attempts of a chunk that one function renders; each is done as soon as the function has given its result."""

    def __init__(self, chunk_session: ChunkSession) -> None:
        self._chunk_session = chunk_session
        session = chunk_session.session
        self._function = session.job.functions[RENDER_CHUNK]
        self._housekeeping = session.housekeeping
        self._attempts = [Attempt(session, task) for task in chunk_session.chunk.tasks]
        if len(self._attempts) > 1:
            for attempt in self._attempts:
                attempt.bounded = WHOLE
        self._waiting = {attempt.task.id: attempt for attempt in self._attempts}
        self._clock = SharedClock(len(self._attempts))
        self._results: Iterator[tuple[Any, Any]] = iter(())
        self._found: list[tuple[Attempt, Any]] = []

    def attempts(self) -> Iterator[Attempt]:
        """Render the chunk, and yield each attempt when it is finished.

        Nothing of the function is left when that is broken off.
        """
        self._housekeeping.is_amid_chunk = True
        try:
            going_on = call_job(self._attempts, self._begin)
            self._clock.share()
            while going_on and self._waiting:
                self._clock.mark()
                going_on = call_job([*self._waiting.values()], self._find_next) and bool(self._found)
                while self._found:
                    yield self._finish(*self._found.pop())
            yield from self._finish_waiting()
        finally:
            self._drop_function()
            if self._housekeeping.is_amid_chunk:
                self._housekeeping.is_amid_chunk = False
                self._housekeeping.clean_up()

    def _begin(self) -> None:
        items = [attempt.task.item() for attempt in self._attempts]
        self._results = results_of(self._function(items, self._chunk_session.context(self._attempts)))

    def _find_next(self) -> None:
        """Have the function go on until it has given the next result."""
        for item_id, value in self._results:
            if item_id not in self._waiting:
                raise ValueError(self._unexpected(item_id))
            self._found.append((self._waiting[item_id], value))
            return

    def _finish(self, attempt: Attempt, value: Any) -> Attempt:
        """Finish the attempt that the function has given a value for."""
        del self._waiting[attempt.task.id]
        call_job((attempt,), lambda: _accept(attempt, value))
        if not self._waiting:  # what the function still does is part of the last item: nothing that it raises is lost
            self._housekeeping.is_amid_chunk = False
            call_job((attempt,), self._run_to_end)
        attempt.finish(self._clock.beginning())
        return attempt

    def _run_to_end(self) -> None:
        for item_id, _ in self._results:
            raise ValueError(self._unexpected(item_id))

    def _finish_waiting(self) -> Iterator[Attempt]:
        """Finish the attempts that have no result when the function gives no more."""
        self._drop_function()  # one that is broken off comes to its end here, and what it prints is its items'
        self._housekeeping.is_amid_chunk = False
        for left, attempt in enumerate(self._waiting.values(), start=1 - len(self._waiting)):
            if attempt.status == "ok":
                attempt.fail("failed", NO_RESULT)
            attempt.finish(self._clock.beginning(), shared=left < 0)
            yield attempt

    def _drop_function(self) -> None:
        self._results = iter(())

    def _unexpected(self, item_id: Any) -> str:
        twice = any(attempt.task.id == item_id for attempt in self._attempts)
        why = "a second time" if twice else "which is not in this chunk"
        return f"@job.{RENDER_CHUNK} gave a result for {item_id!r}, {why}"


class SharedClock:
    """Seconds and CPU of what is done for all items of a chunk, shared among them, and of what is done for each."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._began = self._mark = _now()
        self._share = Beginning(0.0, 0.0)

    def share(self) -> None:
        """Share out the time since this clock was made."""
        now = _now()
        self._share = Beginning(
            (now.wall_s - self._began.wall_s) / self._items, (now.cpu_s - self._began.cpu_s) / self._items
        )
        self._mark = now

    def mark(self) -> None:
        """Begin with what is done for one item."""
        self._mark = _now()

    def beginning(self) -> Beginning:
        """Return when the item would have begun that used its share and what was used since the mark."""
        return Beginning(self._mark.wall_s - self._share.wall_s, self._mark.cpu_s - self._share.cpu_s)


def _now() -> Beginning:
    return Beginning(time.monotonic(), time.process_time())


def _accept(attempt: Attempt, value: Any) -> None:
    """Take what the job's function gave for an item, its result or its outcome, and validate it."""
    if not isinstance(value, Outcome):
        attempt.accept(value)
    elif value.status == "ok":
        attempt.accept(value.result)
    else:
        attempt.fail(*_failure_in(value))
    attempt.validate()


def _failure_in(outcome: Outcome) -> tuple[Status, Evidence]:
    if outcome.status not in {"failed", "invalid"}:
        raise ValueError(f"an outcome's status can be ok, failed or invalid here, not {outcome.status!r}")
    kind = outcome.type or outcome.status.title()
    problems = (Problem(kind, outcome.message),) if outcome.status == "invalid" else ()
    return outcome.status, Evidence(type=kind, message=outcome.message, problems=problems)


def validate_chunk(chunk_session: ChunkSession, attempts: Iterable[Attempt]) -> None:
    """Have the job's function look at the items of a chunk that are ok so far."""
    good = [attempt for attempt in attempts if attempt.status == "ok"]
    if not good:
        return
    timeout = chunk_session.session.settings.timeout
    began_s = time.monotonic()
    raised = not call_job(good, lambda: _judge(chunk_session, good))
    now = time.monotonic()
    for left, attempt in enumerate(good, start=1 - len(good)):
        if timeout is not None:
            attempt.bounded = WHOLE if len(good) > 1 else attempt.bounded
            attempt.hold_to_time(began_s + timeout, now)
        attempt.keep_printed(shared=raised and left < 0)


def _judge(chunk_session: ChunkSession, attempts: list[Attempt]) -> None:
    """Call the job's function, and then only tell its verdict: where it raises, that is how all of them end."""
    by_id = {attempt.task.id: attempt for attempt in attempts}
    session = chunk_session.session
    check = session.job.functions[VALIDATE_CHUNK]
    found: dict[str, list[Problem]] = {}
    items = [attempt.task.item() for attempt in attempts]
    for item_id, problems in problems_by_id(check(items, chunk_session.context(attempts)), _CHECK):
        if item_id not in by_id:
            raise ValueError(f"{_CHECK} found problems in {item_id!r}, which is not in this chunk")
        found.setdefault(item_id, []).extend(problems)
    session.housekeeping.leave_if_forked()
    for item_id, of_item in found.items():
        by_id[item_id].judge(of_item, check)
        by_id[item_id].keep_printed()


def results_of(given: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of id and result, or outcome, from what a render_chunk function returned or yields.

    That is `{id: result}`, an Outcome, or an iterable of these and of pairs. Raises TypeError for anything else.
    """
    if given is None:
        return
    if isinstance(given, Mapping):
        yield from given.items()
    elif isinstance(given, Outcome):
        yield given.item.id, given
    elif isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        yield given[0], given[1]
    elif isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        for one in given:
            if not isinstance(one, (Mapping, Outcome, tuple)):
                raise TypeError(_not_results(one))
            yield from results_of(one)
    else:
        raise TypeError(_not_results(given))


def _not_results(given: Any) -> str:
    return f"@job.{RENDER_CHUNK} gave {type(given).__name__}; return or yield {{id: result}}, (id, result) or outcomes"
