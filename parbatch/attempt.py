"""One attempt at one item: the job's code called, and whatever it does turned into a value.

This is the one place where failure becomes a value. It knows no pipe and no parent: the worker and the inline backend
both call it.
"""

import gc
import os
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec

from parbatch.baselines import obtain
from parbatch.capture import Capture
from parbatch.context import Context, Run, read_outcomes
from parbatch.docx import explain_forbidden, is_document
from parbatch.evidence import of_exception, status_of
from parbatch.job import Job
from parbatch.jsonvalues import encode
from parbatch.limits import PeakMeter, hold_memory, relieve_memory, resident_bytes
from parbatch.loading import JobRef
from parbatch.model import NO_DATA, OVERVIEW, Ended, Evidence, Output, Status, Task
from parbatch.processes import Children
from parbatch.publish import stage
from parbatch.units import format_size

# A few of the arenas, of a mebibyte each, that Python takes its memory in.
_RESERVE = 4 * 1024**2


class TimeUpError(BaseException):
    """The attempt has used up its time. Not an Exception: the job's own `except Exception` must not swallow it."""


class Settings(msgspec.Struct, frozen=True):
    """All that a worker has to know: the job, its folders, and the limits it holds itself."""

    job: JobRef
    base: str
    tmp: str
    capture_prefix: str
    memory_cap: int | None
    timeout: float | None = None
    accelerate: bool = True
    slot: int = 0
    job_file: str = ""
    identity: dict[str, str] = {}
    baseline_key: str = ""
    baseline_file: str = ""


class Attempts:
    """Makes attempts for one process: the job with its shared value, and what is measured from item to item."""

    def __init__(self, job: Job, settings: Settings, capture: Capture) -> None:
        self._job = job
        self._settings = settings
        self._base = Path(settings.base)
        self._tmp = settings.tmp
        self._capture = capture
        self._home = os.getcwd()
        self._peak = PeakMeter()
        self._since_collection = 0
        self._told_templates: set[str] = set()
        self._shared: Any = None
        self._baseline: Any = None
        self._cpu_s = 0.0
        self._pid = os.getpid()
        self._reserve_bytes = 0
        self._reserve = b""
        self._children: Children | None = None

    def set_up(self) -> None:
        """Run the job's setup, get its baseline, and remember what is there before the first item.

        Raises what the setup and the baseline raise.
        """
        if "setup" in self._job.functions:
            self._shared = self._job.functions["setup"]()
        if self._settings.baseline_file:
            place, key = Path(self._settings.baseline_file), self._settings.baseline_key
            self._baseline = obtain(place, key, self._job.functions["baseline"])
        self._capture.drop()
        self._children = Children()
        self._cpu_s = time.process_time()

    def make(self, task: Task, role: str) -> Ended:
        """Make one attempt. Returns its outcome, whatever the job's code does short of ending the process."""
        if len(self._reserve) < self._reserve_bytes:
            self._reserve = bytes(self._reserve_bytes)
        started, cpu_started = time.monotonic(), self._cpu_s
        place = task.staging(self._tmp)
        ctx = Context(task.number, self._shared, place, self._base)
        ctx.baseline = self._baseline
        status: Status = "ok"
        evidence: Evidence | None = None
        result = NO_DATA
        outputs: tuple[Output, ...] = ()
        try:
            result, outputs = self._call(task, role, ctx)
        except BaseException as error:
            self._reserve = b""  # where memory is full, the lines below need some
            self._leave_if_forked()
            if isinstance(error, KeyboardInterrupt) and error.args:  # parbatch's own, from the second signal
                raise
            status = "timeout" if isinstance(error, TimeUpError) else status_of(error)
            if isinstance(error, MemoryError):
                self._make_room(error)
            evidence = of_exception(error, skip=__file__, advice=_advice(error, task, self._settings.memory_cap))
            self._capture.note(evidence.traceback)
            del error
        if status != "ok" and ctx.has_files:
            shutil.rmtree(place, ignore_errors=True)
        self._clean_up()
        self._cpu_s = time.process_time()
        return Ended(
            position=task.position,
            number=task.number,
            status=status,
            duration_s=time.monotonic() - started,
            cpu_s=self._cpu_s - cpu_started,
            peak_memory_bytes=self._peak.read(),
            result=result,
            outputs=outputs,
            evidence=evidence,
            logs=self._capture.take(place),
            metrics=ctx.metrics,
            templates=self._new_templates(ctx.templates) if ctx.templates else (),
            slot=self._settings.slot,
            ended_at=time.time(),
        )

    def _call(self, task: Task, role: str, ctx: Context) -> tuple[msgspec.Raw, tuple[Output, ...]]:
        function = self._job.functions[role]
        value = function(_run_of(task) if role == OVERVIEW else task.item(), ctx)
        self._leave_if_forked()
        if is_document(value):
            from parbatch.docx import save  # noqa: PLC0415 -- jobs without documents never load python-docx

            save(value, ctx.dir / f"{task.file_stem}.docx")
            value = None
        result = NO_DATA if value is None else msgspec.Raw(encode(value, "the returned value"))
        if not ctx.has_files:
            return result, ()
        self._end_children()  # before the files are looked at: none of them must be written to any more
        return result, stage(ctx.dir)

    def _leave_if_forked(self) -> None:
        """End a process that the item forked and let return from its function: there is one worker, not two."""
        if os.getpid() != self._pid:
            os._exit(0)

    def _make_room(self, error: MemoryError) -> None:
        """Let go of what the item still holds through its frames; without room not even its failure can be told.

        The limit is lifted until the worker is small again; one that stays large is replaced.
        """
        relieve_memory()
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        cap = self._settings.memory_cap
        if cap is not None and self._reserve_bytes and resident_bytes() < cap / 2:
            hold_memory(cap)

    def hold_memory(self) -> None:
        """Hold this process under its cap from now on."""
        if self._settings.memory_cap is not None:
            self._reserve_bytes = _RESERVE
            hold_memory(self._settings.memory_cap)

    def _clean_up(self) -> None:
        """Leave the process as the next item should find it."""
        self._since_collection += 1
        if self._since_collection >= self._job.gc_every:
            gc.enable()
            gc.collect()
            self._since_collection = 0
        self._end_children()
        if _current_folder() != self._home:
            os.chdir(self._home)

    def _end_children(self) -> None:
        if self._children is not None:
            for process in self._children.end_others():
                self._capture.note(f"parbatch: ended a process that this item left running: {process}\n")

    def _new_templates(self, used: set[str]) -> tuple[str, ...]:
        new = used - self._told_templates
        self._told_templates |= new
        return tuple(sorted(new))


def _run_of(task: Task) -> Run:
    """The overview's view of the run, from the file that the parent wrote for it."""
    given = msgspec.json.decode(task.data)
    return Run(given["counts"], lambda: read_outcomes(Path(given["outcomes"])))


def _advice(error: BaseException, task: Task, memory_cap: int | None) -> str:
    """A sentence for people where the error alone does not name the cause."""
    if isinstance(error, MemoryError) and memory_cap is not None:
        return f"an allocation failed; the cap for a worker is {format_size(memory_cap)} (memory=, --memory)"
    if not isinstance(error, ValueError):
        return ""
    return explain_forbidden(error, {"name": task.name, "data": msgspec.json.decode(task.data)}) or ""


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
