"""One attempt at one item: the job's code called, and whatever it does turned into a value.

This is the one place where failure becomes a value. It knows no pipe and no parent: the worker and the inline backend
both call it.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parbatch.docx import ON, is_saved_as_document
from parbatch.docx.on_import import accelerate_if_loaded, acceleration
from parbatch.model.item import Task
from parbatch.model.job import Job
from parbatch.model.json_values import encode
from parbatch.model.merge_entries import ENTRIES, entries
from parbatch.model.messages import Chunk, ChunkEnded, Ended
from parbatch.model.outcome import Outcome, Output, Status
from parbatch.model.problem import NO_DATA, Evidence, Feedback, Problem
from parbatch.model.roles import MERGE, OVERVIEW, RENDER, RENDER_CHUNK, TEARDOWN, VALIDATE
from parbatch.model.units import format_duration, format_size
from parbatch.storage.staged import stage
from parbatch.worker.baseline import obtain
from parbatch.worker.capture import Capture
from parbatch.worker.context import NO_FEEDBACK, ChunkContext, Context, Run, read_outcomes
from parbatch.worker.evidence import of_exception, of_problems, status_of
from parbatch.worker.housekeeping import Upkeep
from parbatch.worker.limits import PeakMeter
from parbatch.worker.problems import problems_of
from parbatch.worker.settings import Settings
from parbatch.worker.teardown import TEARDOWN_S, record_of, tear_down

if TYPE_CHECKING:
    from parbatch.worker.entries import Holding, Required

# Files whose frames are at the top of a traceback when setup or the baseline raises.
SETTING_UP = (__file__, obtain.__code__.co_filename)
# What such attempts left in their folder is published, or kept for a look.
_LEAVES_FILES = frozenset({"ok", "invalid"})


class TimeUpError(BaseException):
    """The attempt has used up its time. Not an Exception: the job's own `except Exception` must not swallow it."""


class Draft(msgspec.Struct):
    """An attempt that is being made: what is known of its outcome so far.

    `deadline` is when its time is up, `kind` says whose time that is.
    """

    task: Task
    ctx: Context
    began: float
    cpu_began: float
    status: Status = "ok"
    evidence: Evidence | None = None
    result: msgspec.Raw = NO_DATA
    outputs: tuple[Output, ...] = ()
    warnings: tuple[Problem, ...] = ()
    logs: tuple[str, ...] = ()
    duration_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    deadline: float | None = None
    kind: str = "the attempt"

    def fail(self, status: Status, evidence: Evidence) -> None:
        """Say that it did not end ok, and why."""
        self.status, self.evidence, self.outputs = status, evidence, ()


class Attempts:
    """Makes attempts for one process: the job with its shared value, and what is measured from item to item.

    `calling` says that the job's code is being called: what is raised in it then is how an item ends; `upkeep` looks
    after the process in between.
    """

    def __init__(self, job: Job, settings: Settings, capture: Capture) -> None:
        self.job = job
        self.calling = False
        self._settings = settings
        self._base = Path(settings.base)
        self._tmp = settings.tmp
        self._capture = capture
        self.upkeep = Upkeep(capture, gc_every=job.gc_every, memory_cap=settings.memory_cap)
        self._peak = PeakMeter()
        self._told_templates: set[str] = set()
        self._told_notes: set[str] = set()
        self._shared: Any = None
        self._baseline: Any = None
        self._cpu_s = 0.0
        self._holding = _holding(settings.context) if settings.context else None
        self._of_chunk: list[Required] = []
        self._chunk: Chunk | None = None
        self._chunk_began = 0.0

    def set_up(self, tell: Callable[[str, bool], None] = lambda *_: None) -> None:
        """Run the job's setup, get its baseline, and remember what is there before the first item.

        `tell` is told each step before it is taken, and whether it is the job's own code, which has its time. Raises
        what the setup and the baseline raise.
        """
        if "setup" in self.job.functions:
            tell("setup", True)
            self._shared = self._call("setup")
        if self._settings.baseline_file:
            place, key = Path(self._settings.baseline_file), self._settings.baseline_key

            def compute() -> Any:
                tell("the baseline", True)
                return self._call("baseline")

            tell("the baseline, which another worker computes", False)
            self._baseline = obtain(place, key, compute)
        accelerate_if_loaded()
        if "docx" in sys.modules:  # an item that has opened too many files fails with the advice all the same
            import_module("parbatch.docx.explanations")
        self._capture.drop()
        self.upkeep.begin()
        self._cpu_s = time.process_time()

    def tear_down(self, *, end_after: float | None = TEARDOWN_S) -> None:
        """Run the job's teardown, after the last item; this process is ended if that takes so many seconds."""
        if TEARDOWN in self.job.functions:
            record = record_of(self._tmp, self.upkeep.pid)
            self.calling = True
            tear_down(self.job.functions[TEARDOWN], self._shared, record, end_after=end_after)
            self.calling = False

    def _call(self, function: str) -> Any:
        """Call a function of the job's that is for all items; a process that it forks and lets return ends here."""
        try:
            return self.job.functions[function]()
        finally:
            self.upkeep.leave_if_forked()

    def take_up(self, chunk: Chunk) -> None:
        """Begin a chunk: acquire what its items require."""
        self._chunk, self._chunk_began = chunk, time.monotonic()
        if self._holding is not None:
            self._holding.acquire(entry for task in chunk.tasks for entry in task.requires)

    def give_back(self) -> ChunkEnded | None:
        """End a chunk, also one that is broken off: release what it held. Returns what it came to, the first time."""
        chunk, self._chunk, holding = self._chunk, None, self._holding
        if chunk is None:
            return None
        entries, tokens, size, acquire_s = 0, 0, 0, 0.0
        if holding is not None:
            entries, tokens, size, acquire_s = len(holding), holding.tokens, holding.size, holding.acquire_s
            for required in self._of_chunk:
                required.close()
            self._of_chunk.clear()
            holding.release()
        if chunk.role != RENDER or (holding is None and RENDER_CHUNK not in self.job.functions):
            return None
        return ChunkEnded(
            chunk=chunk.number,
            items=len(chunk.tasks),
            entries=entries,
            tokens=tokens,
            size=size,
            acquire_s=acquire_s,
            duration_s=time.monotonic() - self._chunk_began,
            ended_at=time.time(),
        )

    def make(self, task: Task, role: str = RENDER) -> Ended:
        """Make one attempt. Returns its outcome, whatever the job's code does short of ending the process."""
        draft = self.begin(task)
        self.render(draft, role)
        self.put_down(draft)
        return self.end(draft)

    # --- the steps of an attempt, for one item, or for those of a chunk in turn

    def begin(self, task: Task) -> Draft:
        """The beginning of an attempt."""
        feedback = NO_FEEDBACK if task.feedback == NO_DATA else msgspec.json.decode(task.feedback, type=Feedback)
        ctx = Context(task.number, self._shared, task.staging(self._tmp), self._base, feedback)
        if self._holding is not None:
            ctx.context = self._holding.required(task.requires)
        ctx.baseline = self._baseline
        draft = Draft(task, ctx, time.monotonic(), self._cpu_s)
        if self._settings.timeout is not None:
            draft.deadline, draft.kind = draft.began + self._settings.timeout, task.kind
        return draft

    def surroundings(self, drafts: Sequence[Draft]) -> ChunkContext:
        """`ctx` for the job's functions that work on a whole chunk."""
        ctx = ChunkContext({draft.task.id: draft.ctx for draft in drafts}, self._shared, self._base)
        if self._holding is not None:
            ctx.context = self._holding.required(entry for draft in drafts for entry in draft.task.requires)
            self._of_chunk.append(ctx.context)
        ctx.baseline = self._baseline
        return ctx

    def render(self, draft: Draft, role: str = RENDER) -> None:
        """Call the job's function for an item, and validate what came of it."""

        def call() -> None:
            function = self.job.functions[role]
            if role == MERGE:
                self._write_entries(function(_ok_outcomes(run_of(draft.task))), draft)
                return
            self.accept(draft, function(run_of(draft.task) if role == OVERVIEW else draft.task.item(), draft.ctx))
            if role == RENDER:
                self.validate(draft)

        self.attempt((draft,), call)

    def accept(self, draft: Draft, value: Any) -> None:
        """Take what the job's code returned for an item: a document into its folder, anything else as its result."""
        if value is not None and is_saved_as_document(value):
            from parbatch.docx import save_document  # noqa: PLC0415 -- jobs without documents never load python-docx

            self.upkeep.leave_if_forked()  # two that write one file would spoil it
            accelerate_if_loaded()
            save_document(value, draft.ctx.dir / f"{draft.task.file_stem}.docx")
            value = None
        draft.result = NO_DATA if value is None else msgspec.Raw(encode(value, "the returned value"))
        draft.ctx.result = value

    def validate(self, draft: Draft) -> None:
        """Have the job's validation look at an item. Problems make it `invalid`."""
        check = self.job.functions.get(VALIDATE)
        if check is not None and draft.status == "ok":
            self.judge(draft, problems_of(check(draft.task.item(), draft.ctx), f"@job.{VALIDATE}"), check)

    def judge(self, draft: Draft, problems: Sequence[Problem], check: Callable[..., Any]) -> None:
        """Take what a validation function found in an item."""
        self.upkeep.leave_if_forked()
        draft.warnings += tuple(problem for problem in problems if problem.severity == "warning")
        errors = [problem for problem in problems if problem.severity != "warning"]
        if errors:
            evidence = of_problems(errors, check)
            draft.fail("invalid", evidence)
            self._capture.note(f"invalid: {evidence.type}: {evidence.message}\n")

    def attempt(self, drafts: Iterable[Draft], call: Callable[[], None]) -> bool:
        """Call the job's code for these items; what it raises is how they end. Returns whether it raised nothing."""
        self.upkeep.keep_reserve()
        try:
            self.calling = True
            try:
                call()
            finally:
                self.upkeep.end_call()
        except BaseException as error:
            self.calling = False
            self.upkeep.spend_reserve()  # where memory is full, the lines below need some
            self.upkeep.leave_if_forked()
            if isinstance(error, KeyboardInterrupt) and error.args:  # parbatch's own, from the second signal
                raise
            status: Status = "timeout" if isinstance(error, TimeUpError) else status_of(error)
            if isinstance(error, MemoryError):
                self.upkeep.make_room(error)
            drafts = tuple(drafts)
            advice = _advice(error, drafts[0].task, self._settings.memory_cap) if len(drafts) == 1 else ""
            evidence = of_exception(error, skip=(__file__,), advice=advice)
            if isinstance(error, TimeUpError):
                evidence = msgspec.structs.replace(evidence, type="TimeoutError")  # as where a worker is ended for it
            self._capture.note(evidence.traceback)
            for draft in drafts:
                draft.fail(status, evidence)
            del error
            return False
        self.calling = False
        return True

    def put_down(self, draft: Draft, *, shared: bool = False) -> None:
        """Leave the process as the next item should find it, and see what this one has used and printed.

        With `shared`, what was printed is also for the item that is put down next.
        """
        if draft.deadline is not None:  # what is done from here on is not the job's
            self.hold_to_time(draft, time.monotonic(), draft.deadline)
        if self._holding is not None:
            for note in draft.ctx.context.close():
                self._capture.note(note)
        self.upkeep.clean_up(draft.ctx.folders)
        cpu_s = time.process_time()
        draft.duration_s = time.monotonic() - draft.began
        draft.cpu_s = cpu_s - draft.cpu_began
        draft.peak_memory_bytes = self._peak.read()
        self._cpu_s = cpu_s
        self.keep_printed(draft, shared=shared)

    def hold_to_time(self, draft: Draft, now: float, deadline: float) -> None:
        """See that an attempt which has used up its time does not end otherwise, also if it comes back just then."""
        if now > deadline and draft.status != "timeout":
            assert self._settings.timeout is not None
            draft.fail("timeout", ran_over(draft.kind, self._settings.timeout))

    @property
    def timeout(self) -> float | None:
        """How many seconds an attempt has."""
        return self._settings.timeout

    def keep_printed(self, draft: Draft, *, shared: bool = False) -> None:
        """Add what was printed since the last look to an item's logs."""
        try:
            if self._capture.is_silent():
                return
            printed = self._capture.take(draft.task.staging(self._tmp), below=draft.logs, leave=shared)
        except OSError as error:
            draft.fail("failed", of_exception(error, skip=(__file__,), advice="what it printed can't be kept"))
            self._capture.drop()
            return
        draft.logs += tuple(stream for stream in printed if stream not in draft.logs)

    def end(self, draft: Draft) -> Ended:
        """The outcome of an attempt, its files ready to be published, or kept for a look if it is invalid."""
        ctx = draft.ctx
        if ctx.folders:
            self._see_to_folders(draft)
        if ctx.notes and draft.status == "ok":
            draft.warnings += self._new_notes(ctx.notes)
        return Ended(
            position=draft.task.position,
            number=draft.task.number,
            status=draft.status,
            duration_s=draft.duration_s,
            cpu_s=draft.cpu_s,
            peak_memory_bytes=draft.peak_memory_bytes,
            result=draft.result if draft.status in _LEAVES_FILES else NO_DATA,
            outputs=draft.outputs,
            evidence=draft.evidence,
            logs=draft.logs,
            metrics=ctx.metrics,
            warnings=draft.warnings if draft.status == "ok" else (),
            templates=self._new_templates(ctx.templates) if ctx.templates else (),
            slot=self._settings.slot,
            ended_at=time.time(),
            pid=self.upkeep.pid,
            acceleration=self._acceleration() if "docx.document" in sys.modules else "",
        )

    # --- inside

    def _see_to_folders(self, draft: Draft) -> None:
        if draft.ctx.has_files:
            if draft.status in _LEAVES_FILES and not self.attempt((draft,), lambda: self._stage(draft)):
                self.keep_printed(draft)
            if draft.status not in _LEAVES_FILES:
                shutil.rmtree(draft.ctx.dir, ignore_errors=True)
        draft.ctx.drop_scratch()

    def _stage(self, draft: Draft) -> None:
        self.upkeep.end_children()  # before the files are looked at: none of them must be written to any more
        draft.outputs = stage(draft.ctx.dir, draft.ctx.dir_made)

    def _write_entries(self, values: Iterable[Any], draft: Draft) -> None:
        """Write down what the job's merge function yields, a line each; the parent puts them together."""
        assert self.job.merging is not None
        with open(draft.ctx.dir / ENTRIES, "wb") as lines:
            for _, entry in entries(values, self.job.merging):
                self.upkeep.leave_if_forked()
                lines.write(entry + b"\n")
            self.upkeep.leave_if_forked()

    @staticmethod
    def _acceleration() -> str:
        """How python-docx ran in this attempt; what came too late for it is on for the next."""
        was = acceleration()
        if was and was != ON:
            accelerate_if_loaded()
        return was

    def _new_notes(self, notes: list[str]) -> tuple[Problem, ...]:
        """Warnings that this worker has not given yet: what is true of all documents is said once, not with each."""
        new = [note for note in dict.fromkeys(notes) if note not in self._told_notes]
        self._told_notes.update(new)
        return tuple(Problem("macros-left-out", note, severity="warning") for note in new)

    def _new_templates(self, used: set[str]) -> tuple[str, ...]:
        new = used - self._told_templates
        self._told_templates |= new
        return tuple(sorted(new))


def _holding(index: str) -> "Holding":
    from parbatch.worker.entries import Holding  # noqa: PLC0415 -- jobs without shared entries start sooner without

    return Holding(index)


def ran_over(what: str, seconds: float) -> Evidence:
    """The evidence of an attempt, or of what else `what` says, that took longer than it has time."""
    return Evidence(type="TimeoutError", message=f"{what} took longer than {format_duration(seconds)}")


def _ok_outcomes(run: Any) -> Iterator[Outcome]:
    return (outcome for outcome in run.outcomes() if outcome.status == "ok")


def run_of(task: Task) -> Run:
    """The overview's view of the run, from the file that the parent wrote for it."""
    given = msgspec.json.decode(task.data)
    return Run(given["counts"], lambda: read_outcomes(Path(given["outcomes"])))


def _advice(error: BaseException, task: Task, memory_cap: int | None) -> str:
    """A sentence for people where the error alone does not name the cause."""
    if isinstance(error, MemoryError) and memory_cap is not None:
        return f"an allocation failed; the cap for a worker is {format_size(memory_cap)} (memory=, --memory)"
    if "docx" not in sys.modules:
        return ""
    from parbatch.docx.explanations import explain  # noqa: PLC0415 -- jobs without documents need none

    return explain(error, lambda: {"name": task.name, "data": msgspec.json.decode(task.data)}) or ""
