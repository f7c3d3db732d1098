"""Working through a chunk, from the acquiring of what its items require to the end of the last of them.

Called by a worker and by the inline backend, which pass on what is yielded. It must not know to whom.

    make_attempt ──────────────────▶ Ended              each item by itself, the usual case
    render, validate ──▶ Rendered ─┐
                                   ├─ validate_chunk ──▶ Ended, Ended …
    render_chunk, validate ────────┘   (without it, each ends as soon as it has its result)
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from parbatch.model.job import Job
from parbatch.model.messages import Chunk, ChunkEnded, Ended, Rendered
from parbatch.model.roles import RENDER, RENDER_CHUNK, VALIDATE_CHUNK
from parbatch.worker.attempt import Attempt, make_attempt
from parbatch.worker.context import ChunkContext
from parbatch.worker.job_session import JobSession

if TYPE_CHECKING:
    from parbatch.worker.entries import Required

# What has to end in the time of one attempt where several items are worked on at once.
WHOLE = "the chunk"


def works_on_whole_chunks(job: Job) -> bool:
    """Tell whether the job has code that sees more than one item at once."""
    return RENDER_CHUNK in job.functions or VALIDATE_CHUNK in job.functions


class ChunkSession:
    """A chunk that is being worked on: it holds the shared entries that its items require, from its making to `end`."""

    def __init__(self, session: JobSession, chunk: Chunk) -> None:
        self.session = session
        self.chunk = chunk
        self._began_s = time.monotonic()
        self._required: list[Required] = []  # of the contexts that were made for all of the chunk
        self._has_ended = False
        if session.entries is not None:
            session.entries.acquire(entry for task in chunk.tasks for entry in task.requires)

    def context(self, attempts: Sequence[Attempt]) -> ChunkContext:
        """Make `ctx` for one of the job's functions that work on a whole chunk."""
        session = self.session
        ctx = ChunkContext({attempt.task.id: attempt.ctx for attempt in attempts}, session.shared, session.base)
        if session.entries is not None:
            ctx.context = session.entries.required(entry for attempt in attempts for entry in attempt.task.requires)
            self._required.append(ctx.context)
        ctx.baseline = session.baseline
        return ctx

    def end(self) -> ChunkEnded | None:
        """Release what the chunk holds, also where it is broken off. Returns what it came to, the first time."""
        if self._has_ended:
            return None
        self._has_ended = True
        chunk, entries = self.chunk, self.session.entries
        count, tokens, size, acquire_s = 0, 0, 0, 0.0
        if entries is not None:
            count, tokens, size, acquire_s = len(entries), entries.tokens, entries.size, entries.acquire_s
            for required in self._required:
                required.close()
            entries.release()
        if chunk.role != RENDER or (entries is None and RENDER_CHUNK not in self.session.job.functions):
            return None
        return ChunkEnded(
            chunk=chunk.number,
            items=len(chunk.tasks),
            entries=count,
            tokens=tokens,
            size=size,
            acquire_s=acquire_s,
            duration_s=time.monotonic() - self._began_s,
            ended_at=time.time(),
        )


def work_through(
    session: JobSession, chunk: Chunk, told_to_stop: Callable[[], bool]
) -> Iterator[Rendered | Ended | ChunkEnded]:
    """Make the attempts of a chunk, and yield how each ended. When told to stop, what is not begun is left.

    What its items require is held until after the last of them, whatever happens in between.
    """
    chunk_session = ChunkSession(session, chunk)
    left = len(chunk.tasks)
    try:
        for message in _attempts_of(chunk_session, told_to_stop):
            left -= isinstance(message, Ended)
            if not left and (chunk_ended := chunk_session.end()) is not None:
                yield chunk_ended
            yield message
    finally:
        chunk_session.end()


def _attempts_of(chunk_session: ChunkSession, told_to_stop: Callable[[], bool]) -> Iterator[Rendered | Ended]:
    session, chunk = chunk_session.session, chunk_session.chunk
    if chunk.role == RENDER and works_on_whole_chunks(session.job):
        yield from _whole_chunk(chunk_session, told_to_stop)
        return
    for task in chunk.tasks:
        yield make_attempt(session, task, chunk.role)
        if told_to_stop():
            return


def _whole_chunk(chunk_session: ChunkSession, told_to_stop: Callable[[], bool]) -> Iterator[Rendered | Ended]:
    from parbatch.worker.whole_chunk import ChunkRendering, validate_chunk  # noqa: PLC0415 -- most jobs need neither

    functions = chunk_session.session.job.functions
    at_once = RENDER_CHUNK in functions
    attempts = ChunkRendering(chunk_session).attempts() if at_once else _one_by_one(chunk_session)
    if VALIDATE_CHUNK not in functions:
        for attempt in attempts:
            yield attempt.end()
        return
    rendered = []
    for attempt in attempts:
        rendered.append(attempt)
        if at_once:
            continue
        is_last = told_to_stop()
        yield Rendered(attempt.task.position, is_last)
        if is_last:
            break
    validate_chunk(chunk_session, rendered)
    for attempt in rendered:
        yield attempt.end()


def _one_by_one(chunk_session: ChunkSession) -> Iterator[Attempt]:
    for task in chunk_session.chunk.tasks:
        attempt = Attempt(chunk_session.session, task)
        attempt.render()
        attempt.finish()
        yield attempt
