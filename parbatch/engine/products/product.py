"""What is made of all outcomes once every chunk has finished: the overview, and what the results are merged into.

The job's functions for it are called by the same machinery as for any item, in a worker of its own.
"""

import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import msgspec

from parbatch.dispatch.backends.base import Backend
from parbatch.dispatch.chunk_size import ChunkSizer
from parbatch.dispatch.dispatcher import Dispatcher, Hooks
from parbatch.dispatch.scheduler import ChunkMode, Scheduler
from parbatch.dispatch.task_queue import StagedQueue
from parbatch.errors import PublishError
from parbatch.model.item import Task
from parbatch.model.messages import ChunkEnded, Ended
from parbatch.model.outcome import STREAMS, Output
from parbatch.model.problem import Evidence
from parbatch.model.result import ProductReport
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.publishing import OLD, Publication, Publisher
from parbatch.storage.tree import make_durable
from parbatch.storage.view import View
from parbatch.storage.withdrawals import EDITED, NO_LONGER_MADE, carry_out, mark
from parbatch.worker.capture import capture_file, write_log

_ENCODER = msgspec.json.Encoder()


class Making(NamedTuple):
    """What making a product takes besides the checkpoint.

    `view` has the outcomes, `backend` starts one of a slot; the `on_…` are told.
    """

    folder: Folder
    view: View
    backend: Callable[[], AbstractContextManager[Backend]]
    tmp: str
    memory_cap: int | None
    timeout: float | None
    on_dispatch: Callable[[Dispatcher], None]
    log_heading: str = ""
    on_end: Callable[[Ended], None] = lambda _: None


class _ProductSink:
    """Takes what the job's function left, and keeps what became of it."""

    def __init__(self, making: Making, take: Callable[[Path, Ended], None]) -> None:
        self._making = making
        self._take = take
        self.ended: Ended | None = None

    def publish(self, task: Task, ended: Ended) -> Ended:
        """See OutcomeSink."""
        staged = Path(task.staging(self._making.tmp))
        told = f"# {task.id}: {ended.status} after {ended.duration_s:.3f} s\n\n"
        for stream in STREAMS:
            log = self._making.folder.run / f"{task.id}.{stream}.txt"
            if stream in ended.logs:
                write_log(capture_file(str(staged), stream), log, self._making.log_heading + told)
            else:
                self._making.folder.tree.remove(log)
        if ended.status != "ok":
            return ended
        try:
            self._take(staged, ended)
        except PublishError as error:
            evidence = Evidence(type=type(error).__name__, message=str(error))
            return msgspec.structs.replace(ended, status="failed", evidence=evidence, outputs=())
        return ended

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:  # noqa: ARG002 -- one task
        """See OutcomeSink."""
        self.ended = ended

    def chunk_ended(self, slot: int, told: ChunkEnded, now: float) -> None:
        """See OutcomeSink."""

    def next_deadline(self) -> float | None:
        """See OutcomeSink."""
        return None

    def tick(self, now: float) -> None:
        """See OutcomeSink."""

    def flush(self) -> None:
        """See OutcomeSink."""


def call(making: Making, role: str, take: Callable[[Path, Ended], None]) -> Ended | None:
    """Call the job's function for a product with all outcomes. Returns how that ended; None for an interruption.

    `take` is given the folder with what the function left, and may raise PublishError.
    """
    outcomes = Path(making.tmp, "outcomes.jsonl")
    with making.folder.tree.create(outcomes) as lines:
        for outcome in making.view.outcomes():
            lines.write(_ENCODER.encode(outcome))
            lines.write(b"\n")
    data = msgspec.Raw(_ENCODER.encode({"counts": making.view.counts(), "outcomes": str(outcomes)}))
    task = Task(position=-1, id=role, name=role, group="", data=data)
    sink = _ProductSink(making, take)
    mode = ChunkMode(role, making.timeout)
    scheduler = Scheduler(StagedQueue(iter([task]), 1), 1, ChunkSizer(1, 1), mode=mode)
    with making.backend() as backend:
        hooks = Hooks(settled=lambda _, ended: making.on_end(ended))
        dispatch = Dispatcher(scheduler, backend, sink, tmp=making.tmp, memory_cap=making.memory_cap, hooks=hooks)
        making.on_dispatch(dispatch)
        dispatch.run()
    outcomes.unlink()
    return sink.ended


def put(checkpoint: Checkpoint, making: Making, staged: str, outputs: Iterable[Output]) -> Publication:
    """Publish a product's files in the output folder. Raises PublishError."""
    known_by_path = {
        output.path: output for product in (OVERVIEW, MERGE) for output in checkpoint.product_outputs(product)
    }
    publisher = Publisher(making.folder.tree, making.folder.root, making.tmp)
    with contextlib.closing(publisher):
        return publisher.publish(staged, tuple(outputs), lambda path, _: known_by_path.get(path))


def keep(checkpoint: Checkpoint, making: Making, product: str, publication: Publication) -> ProductReport:
    """Remember what was published. What somebody had edited, and what is made no longer, is withdrawn."""
    folder, run_id = making.folder, Path(making.tmp).name
    outputs = publication.outputs
    paths = {output.path for output in outputs}
    tmp = Path(making.tmp).relative_to(folder.root).as_posix()
    due = [(product, path, f"{tmp}/{publication.staged}{OLD}/{path}", EDITED) for path in publication.edited]
    due += [
        (product, old.path, old.path, NO_LONGER_MADE)
        for old in checkpoint.product_outputs(product)
        if old.path not in paths
    ]
    make_durable(folder.root)
    with checkpoint.transaction():
        mark(checkpoint, folder, run_id, due)
        checkpoint.set_product(product, outputs)
    carry_out(checkpoint, folder)
    return ProductReport(path=min(paths) if paths else None)


def why_not(ended: Ended | None) -> ProductReport:
    """Return the report of a product that was not made."""
    if ended is None:
        return ProductReport(error="interrupted before it was done")
    cause = f": {ended.evidence.type}: {ended.evidence.message}" if ended.evidence else ""
    traceback = ended.evidence.traceback if ended.evidence else None
    return ProductReport(error=f"{ended.status}{cause}".removeprefix("failed: "), traceback=traceback)
