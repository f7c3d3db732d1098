"""Working through a chunk: item by item, or, where the job has functions for that, all of it at once.

render, validate ──▶ Ended                       each item by itself, the usual case
render, validate ──▶ Rendered ─┐
├─ validate_chunk ──▶ Ended, Ended …
render_chunk, validate ────────┘   (without it, each ends as soon as it has its result)
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from parbatch.model.item import Task
from parbatch.model.job import Job
from parbatch.model.messages import Chunk, ChunkEnded, Ended, Rendered
from parbatch.model.outcome import Outcome
from parbatch.model.problem import Evidence, Problem
from parbatch.model.roles import RENDER, RENDER_CHUNK, VALIDATE_CHUNK
from parbatch.worker.attempt import Attempts, Draft
from parbatch.worker.problems import problems_by_id

# What has to end in the time of one attempt where several items are worked on at once.
WHOLE = "the chunk"

NO_RESULT = Evidence(
    type="NoResult", message="@job.render_chunk gave no result for it; return {id: result} with every id"
)


def works_on_whole_chunks(job: Job) -> bool:
    """Whether the job has code that sees more than one item at once."""
    return RENDER_CHUNK in job.functions or VALIDATE_CHUNK in job.functions


def work_through(
    attempts: Attempts, chunk: Chunk, told_to_stop: Callable[[], bool]
) -> Iterator[Rendered | Ended | ChunkEnded]:
    """Make the attempts of a chunk, and say how each ended. When told to stop, what is not begun is left.

    What its items require is held until after the last of them, whatever happens in between.
    """
    attempts.take_up(chunk)
    left = len(chunk.tasks)
    try:
        for said in _attempts_of(attempts, chunk, told_to_stop):
            left -= isinstance(said, Ended)
            if not left and (told := attempts.give_back()) is not None:
                yield told
            yield said
    finally:
        attempts.give_back()


def _attempts_of(attempts: Attempts, chunk: Chunk, told_to_stop: Callable[[], bool]) -> Iterator[Rendered | Ended]:
    functions = attempts.job.functions
    if chunk.role != RENDER or not works_on_whole_chunks(attempts.job):
        for task in chunk.tasks:
            yield attempts.make(task, chunk.role)
            if told_to_stop():
                return
        return
    at_once = RENDER_CHUNK in functions
    drafts = _amid_chunk(attempts, chunk.tasks) if at_once else _one_by_one(attempts, chunk.tasks)
    if VALIDATE_CHUNK not in functions:
        yield from map(attempts.end, drafts)
        return
    rendered = []
    for draft in drafts:
        rendered.append(draft)
        if at_once:
            continue
        is_last = told_to_stop()
        yield Rendered(draft.task.position, is_last)
        if is_last:
            break
    _validate_chunk(attempts, rendered)
    yield from map(attempts.end, rendered)


def _one_by_one(attempts: Attempts, tasks: Iterable[Task]) -> Iterator[Draft]:
    for task in tasks:
        draft = attempts.begin(task)
        attempts.render(draft)
        attempts.put_down(draft)
        yield draft


def _amid_chunk(attempts: Attempts, tasks: Iterable[Task]) -> Iterator[Draft]:
    """Render a chunk at once, and see that nothing of its function is left when that is broken off."""
    attempts.upkeep.is_amid_chunk = True
    try:
        yield from _render_chunk(attempts, tasks)
    finally:
        if attempts.upkeep.is_amid_chunk:
            attempts.upkeep.is_amid_chunk = False
            attempts.upkeep.clean_up()


def _render_chunk(attempts: Attempts, tasks: Iterable[Task]) -> Iterator[Draft]:
    """Call the job's function for all items at once; each comes as soon as it has a result."""
    drafts = _begin(attempts, tasks)
    waiting = {draft.task.id: draft for draft in drafts}
    clock = _SharedClock(len(drafts))
    given: Iterator[tuple[Any, Any]] = iter(())

    def call() -> None:
        nonlocal given
        items = [draft.task.item() for draft in drafts]
        given = results_of(attempts.job.functions[RENDER_CHUNK](items, attempts.surroundings(drafts)))

    going_on = attempts.attempt(drafts, call)
    clock.share()
    while going_on and waiting:
        clock.mark()
        found: list[tuple[Draft, Any]] = []

        def take(found: list[tuple[Draft, Any]] = found) -> None:
            for item_id, value in given:
                if item_id not in waiting:
                    raise ValueError(_not_asked_for(item_id, drafts))
                found.append((waiting[item_id], value))
                return

        going_on = attempts.attempt([*waiting.values()], take) and bool(found)
        for draft, value in found:
            del waiting[draft.task.id]
            _take_result(attempts, draft, value)
            if not waiting:  # what the function still does is part of the last item: nothing that it raises is lost
                attempts.upkeep.is_amid_chunk = False
                attempts.attempt((draft,), lambda: _see_to_the_end(given, drafts))
            clock.set(draft)
            attempts.put_down(draft)
            yield draft
    given = iter(())  # a function that is broken off comes to its end here, and what it prints is its items'
    attempts.upkeep.is_amid_chunk = False
    for left, draft in enumerate(waiting.values(), start=1 - len(waiting)):
        if draft.status == "ok":
            draft.fail("failed", NO_RESULT)
        clock.set(draft)
        attempts.put_down(draft, shared=left < 0)
        yield draft


def _begin(attempts: Attempts, tasks: Iterable[Task]) -> list[Draft]:
    drafts = [attempts.begin(task) for task in tasks]
    for draft in drafts if len(drafts) > 1 else ():
        draft.kind = WHOLE
    return drafts


class _SharedClock:
    """Seconds and CPU of what is done for all items of a chunk, shared among them, and of what is done for each."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._began = self._mark = time.monotonic()
        self._cpu_began = self._cpu_mark = time.process_time()
        self._share_s = self._cpu_share_s = 0.0

    def share(self) -> None:
        """Share out the time since the beginning."""
        self._share_s = (time.monotonic() - self._began) / self._items
        self._cpu_share_s = (time.process_time() - self._cpu_began) / self._items
        self.mark()

    def mark(self) -> None:
        """What is done from now on is done for one item."""
        self._mark, self._cpu_mark = time.monotonic(), time.process_time()

    def set(self, draft: Draft) -> None:
        """Set an attempt's beginning so that its end shows its own time and its share."""
        draft.began = self._mark - self._share_s
        draft.cpu_began = self._cpu_mark - self._cpu_share_s


def _see_to_the_end(given: Iterator[tuple[Any, Any]], drafts: Iterable[Draft]) -> None:
    for item_id, _ in given:
        raise ValueError(_not_asked_for(item_id, drafts))


def _take_result(attempts: Attempts, draft: Draft, value: Any) -> None:
    """What the job's function gave for an item: its result, or its outcome."""

    def take() -> None:
        if not isinstance(value, Outcome):
            attempts.accept(draft, value)
        elif value.status == "ok":
            attempts.accept(draft, value.result)
        else:
            draft.fail(*_as_told(value))
        attempts.validate(draft)

    attempts.attempt((draft,), take)


def _as_told(outcome: Outcome) -> tuple[Any, Evidence]:
    if outcome.status not in {"failed", "invalid"}:
        raise ValueError(f"an outcome's status can be ok, failed or invalid here, not {outcome.status!r}")
    kind = outcome.type or outcome.status.title()
    problems = (Problem(kind, outcome.message),) if outcome.status == "invalid" else ()
    return outcome.status, Evidence(type=kind, message=outcome.message, problems=problems)


def _validate_chunk(attempts: Attempts, drafts: list[Draft]) -> None:
    """Have the job's function look at the items of a chunk that are ok so far."""
    good = {draft.task.id: draft for draft in drafts if draft.status == "ok"}
    if not good:
        return
    check = attempts.job.functions[VALIDATE_CHUNK]

    def call() -> None:
        items = [draft.task.item() for draft in good.values()]
        found: dict[str, list[Problem]] = {}
        for item_id, problems in problems_by_id(check(items, attempts.surroundings([*good.values()])), _CHECK):
            if item_id not in good:
                raise ValueError(f"{_CHECK} found problems in {item_id!r}, which is not in this chunk")
            found.setdefault(item_id, []).extend(problems)
        attempts.upkeep.leave_if_forked()
        for item_id, told in found.items():
            attempts.judge(good[item_id], told, check)
            attempts.keep_printed(good[item_id])

    began = time.monotonic()
    raised = not attempts.attempt(good.values(), call)
    now = time.monotonic()
    for left, draft in enumerate(good.values(), start=1 - len(good)):
        if attempts.timeout is not None:
            draft.kind = WHOLE if len(good) > 1 else draft.kind
            attempts.hold_to_time(draft, now, began + attempts.timeout)
        attempts.keep_printed(draft, shared=raised and left < 0)


_CHECK = f"@job.{VALIDATE_CHUNK}"


def results_of(given: Any) -> Iterator[tuple[Any, Any]]:
    """Pairs of id and result, or outcome, from what a render_chunk function returned or yields.

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


def _not_asked_for(item_id: Any, drafts: Iterable[Draft]) -> str:
    twice = any(draft.task.id == item_id for draft in drafts)
    why = "a second time" if twice else "which is not in this chunk"
    return f"@job.{RENDER_CHUNK} gave a result for {item_id!r}, {why}"
