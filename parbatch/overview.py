"""The overview: one document from all outcomes, made by the same machinery as any item, in a worker of its own."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from parbatch.backends import Backend
from parbatch.capture import STREAMS, capture_file, write_log
from parbatch.checkpoint import Checkpoint
from parbatch.chunks import ChunkSizer
from parbatch.dispatch import Dispatch, Limits
from parbatch.folder import OWN_NAMES, Folder
from parbatch.model import OVERVIEW, Ended, Evidence, Task
from parbatch.naming import folded
from parbatch.publish import PublishError, is_intact, make_durable, publish, withdraw
from parbatch.result import OverviewReport
from parbatch.schedule import Schedule

_ENCODER = msgspec.json.Encoder()


class _OverviewSink:
    """Publishes the overview beside `items/` and keeps what became of it."""

    def __init__(self, folder: Folder, tmp: str, heading: str) -> None:
        self._folder = folder
        self._tmp = tmp
        self._heading = heading
        self.ended: Ended | None = None

    def publish(self, task: Task, ended: Ended) -> Ended:
        """See Sink."""
        for stream in STREAMS:
            log = self._folder.run / f"overview.{stream}.txt"
            if stream in ended.logs:
                told = f"# overview: {ended.status} after {ended.duration_s:.3f} s\n\n"
                write_log(capture_file(task.staging(self._tmp), stream), log, self._heading + told)
            else:
                log.unlink(missing_ok=True)
        try:
            _check_names(ended)
            publish(Path(task.staging(self._tmp)), ended.outputs, self._folder.root)
        except PublishError as error:
            evidence = Evidence(type="PublishError", message=str(error))
            return msgspec.structs.replace(ended, status="failed", evidence=evidence, outputs=())
        return ended

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:  # noqa: ARG002 -- one outcome
        """See Sink."""
        self.ended = ended

    def next_deadline(self) -> float | None:
        """See Sink."""
        return None

    def tick(self, now: float) -> None:
        """See Sink."""


def _check_names(ended: Ended) -> None:
    for output in ended.outputs:
        if folded(output.path.partition("/")[0]) in OWN_NAMES:
            raise PublishError(f"the overview can't be named {output.path}: parbatch uses that name itself")


def is_current(checkpoint: Checkpoint, folder: Folder) -> bool:
    """Whether the overview there is was made from the outcomes there are, and is whole."""
    outputs = checkpoint.overview_outputs()
    return checkpoint.overview_is_current and all(is_intact(output, folder.root) for output in outputs)


def make(
    checkpoint: Checkpoint,
    folder: Folder,
    backend: Backend,
    *,
    tmp: str,
    memory_cap: int | None,
    on_dispatch: Callable[[Dispatch], None],
    log_heading: str = "",
) -> OverviewReport:
    """Make the overview from the checkpoint. Its failure is a report, never an exception."""
    outcomes = Path(tmp, "outcomes.jsonl")
    with outcomes.open("wb") as lines:
        for outcome in checkpoint.outcomes():
            lines.write(_ENCODER.encode(outcome))
            lines.write(b"\n")
    data = msgspec.Raw(_ENCODER.encode({"counts": checkpoint.counts(), "outcomes": str(outcomes)}))
    task = Task(position=-1, id="overview", name="overview", group="", data=data)
    sink = _OverviewSink(folder, tmp, log_heading)
    schedule = Schedule(iter([task]), 1, 1, sizer=ChunkSizer(1, 1), role=OVERVIEW)
    dispatch = Dispatch(schedule, backend, sink, slots=1, tmp=tmp, limits=Limits(memory_cap))
    on_dispatch(dispatch)
    dispatch.run()
    outcomes.unlink()
    return _report(checkpoint, folder, sink.ended)


def _report(checkpoint: Checkpoint, folder: Folder, ended: Ended | None) -> OverviewReport:
    if ended is None:
        return OverviewReport(error="interrupted before it was done")
    if ended.status != "ok":
        cause = f": {ended.evidence.type}: {ended.evidence.message}" if ended.evidence else ""
        traceback = ended.evidence.traceback if ended.evidence else None
        return OverviewReport(error=f"{ended.status}{cause}".removeprefix("failed: "), traceback=traceback)
    paths = {output.path for output in ended.outputs}
    withdraw((old.path for old in checkpoint.overview_outputs() if old.path not in paths), folder.root)
    make_durable(folder.root)
    checkpoint.begin()
    checkpoint.set_overview(ended.outputs)
    checkpoint.overview_is("current")
    checkpoint.commit()
    return OverviewReport(path=min(paths) if paths else None)
