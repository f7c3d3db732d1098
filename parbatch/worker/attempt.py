"""One attempt at one item: the job's code is called, and whatever it does is turned into a value.

This is the one place where failure becomes a value. `chunk` and `whole_chunk` make attempts, in a worker and in the
inline backend alike. It must know no pipe, no parent, and nothing of the chunk that the item is in.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from parbatch.docx import ON, is_saved_as_document
from parbatch.docx.on_import import accelerate_if_loaded, acceleration
from parbatch.model.item import Task
from parbatch.model.json_values import encode
from parbatch.model.merge_entries import ENTRIES, entries
from parbatch.model.messages import Ended
from parbatch.model.outcome import Outcome, Output, Status
from parbatch.model.problem import NO_DATA, Evidence, Feedback, Problem
from parbatch.model.roles import MERGE, OVERVIEW, RENDER, VALIDATE
from parbatch.model.units import format_duration, format_size
from parbatch.storage.staged import stage
from parbatch.worker.context import NO_FEEDBACK, Context, Run, read_outcomes
from parbatch.worker.evidence import of_exception, of_problems, status_of
from parbatch.worker.job_session import JobSession
from parbatch.worker.problems import problems_of

# What such attempts left in their folder is published, or kept for a look.
_LEAVES_FILES = frozenset({"ok", "invalid"})


class TimeUpError(BaseException):
    """The attempt has used up its time. Not an Exception: the job's own `except Exception` must not swallow it."""


class Beginning(NamedTuple):
    """When something began: on the monotonic clock, and in CPU seconds of this process."""

    wall_s: float
    cpu_s: float


class Attempt:
    """An attempt that is being made, and what is known of its outcome so far.

    Its steps are `render`, `finish` and `end`, in this order; for an item whose chunk is rendered by one function,
    `accept` and `validate` take the place of the first. `bounded` says in messages what has to end in its time.
    """

    # What most attempts never set is here, once: an attempt that does nothing costs microseconds.
    status: Status = "ok"
    evidence: Evidence | None = None
    outputs: tuple[Output, ...] = ()
    _result = NO_DATA
    _warnings: tuple[Problem, ...] = ()
    _logs: tuple[str, ...] = ()
    _duration_s = _cpu_s = 0.0
    _peak_memory_bytes = 0
    bounded = "the attempt"

    def __init__(self, session: JobSession, task: Task) -> None:
        feedback = NO_FEEDBACK if task.feedback == NO_DATA else msgspec.json.decode(task.feedback, type=Feedback)
        settings = session.settings
        self.session = session
        self.task = task
        self.ctx = ctx = Context(task.number, session.shared, task.staging(settings.tmp), session.base, feedback)
        if session.entries is not None:
            ctx.context = session.entries.required(task.requires)
        ctx.baseline = session.baseline
        self._began_s, self._cpu_began_s = time.monotonic(), session.cpu_s
        if settings.timeout is not None:
            self.bounded = task.kind

    def render(self, role: str = RENDER) -> None:
        """Call the job's function for the item, and validate what came of it."""
        call_job((self,), lambda: self._call(role))

    def _call(self, role: str) -> None:
        function, task = self.session.job.functions[role], self.task
        if role == MERGE:
            self._write_entries(function(_ok_outcomes(run_of(task))))
            return
        self.accept(function(run_of(task) if role == OVERVIEW else task.item(), self.ctx))
        if role == RENDER:
            self.validate()

    def _write_entries(self, values: Iterable[Any]) -> None:
        """Write down what the job's merge function yields, a line each; the parent puts them together."""
        job, housekeeping = self.session.job, self.session.housekeeping
        assert job.merging is not None
        with open(self.ctx.dir / ENTRIES, "wb") as lines:
            for _, entry in entries(values, job.merging):
                housekeeping.leave_if_forked()
                lines.write(entry + b"\n")
            housekeeping.leave_if_forked()

    def accept(self, value: Any) -> None:
        """Take what the job's code returned for the item: a document into its folder, anything else as its result."""
        if value is not None and is_saved_as_document(value):
            from parbatch.docx import save_document  # noqa: PLC0415 -- jobs without documents never load python-docx

            self.session.housekeeping.leave_if_forked()  # two that write one file would spoil it
            accelerate_if_loaded()
            save_document(value, self.ctx.dir / f"{self.task.file_stem}.docx")
            value = None
        self._result = NO_DATA if value is None else msgspec.Raw(encode(value, "the returned value"))
        self.ctx.result = value

    def validate(self) -> None:
        """Have the job's validation look at the item. Problems make it `invalid`."""
        check = self.session.job.functions.get(VALIDATE)
        if check is not None and self.status == "ok":
            self.judge(problems_of(check(self.task.item(), self.ctx), f"@job.{VALIDATE}"), check)

    def judge(self, problems: Sequence[Problem], check: Callable[..., Any]) -> None:
        """Take what a validation function found in the item."""
        self.session.housekeeping.leave_if_forked()
        self._warnings += tuple(problem for problem in problems if problem.severity == "warning")
        errors = [problem for problem in problems if problem.severity != "warning"]
        if errors:
            evidence = of_problems(errors, check)
            self.fail("invalid", evidence)
            self.session.capture.note(f"invalid: {evidence.type}: {evidence.message}\n")

    def fail(self, status: Status, evidence: Evidence) -> None:
        """Set how the attempt ends, which is not ok, and why."""
        self.status, self.evidence, self.outputs = status, evidence, ()

    def finish(self, began: Beginning | None = None, *, shared: bool = False) -> None:
        """Leave the process as the next item should find it, and measure what this one has used and printed.

        It has used what was used since `began`, if that is given, else since the attempt was made. With `shared`, what
        was printed is also for the item that is finished next.
        """
        session = self.session
        began_s, cpu_began_s = began or (self._began_s, self._cpu_began_s)
        if session.settings.timeout is not None:  # what is done from here on is not the job's
            self.hold_to_time(self._began_s + session.settings.timeout, time.monotonic())
        if session.entries is not None:
            for note in self.ctx.context.close():
                session.capture.note(note)
        session.housekeeping.clean_up(self.ctx.folders)
        session.cpu_s = cpu_s = time.process_time()
        self._duration_s = time.monotonic() - began_s
        self._cpu_s = cpu_s - cpu_began_s
        self._peak_memory_bytes = session.peak.read()
        self.keep_printed(shared=shared)

    def hold_to_time(self, deadline: float, now: float) -> None:
        """See that an attempt which has used up its time does not end otherwise, also if it comes back just then."""
        if now > deadline and self.status != "timeout":
            assert self.session.settings.timeout is not None
            self.fail("timeout", ran_over(self.bounded, self.session.settings.timeout))

    def keep_printed(self, *, shared: bool = False) -> None:
        """Add what was printed since the last look to the item's logs."""
        capture = self.session.capture
        try:
            if capture.is_silent():
                return
            printed = capture.take(self.task.staging(self.session.settings.tmp), below=self._logs, leave=shared)
        except OSError as error:
            self.fail("failed", of_exception(error, skip=(__file__,), advice="what it printed can't be kept"))
            capture.drop()
            return
        self._logs += tuple(stream for stream in printed if stream not in self._logs)

    def end(self) -> Ended:
        """Return the outcome, with the files ready to be published, or kept for a look if it is invalid."""
        session, task, ctx = self.session, self.task, self.ctx
        if ctx.folders:
            self._stage_files()
        if ctx.notes and self.status == "ok":
            self._warnings += session.new_notes(ctx.notes)
        return Ended(
            position=task.position,
            number=task.number,
            status=self.status,
            duration_s=self._duration_s,
            cpu_s=self._cpu_s,
            peak_memory_bytes=self._peak_memory_bytes,
            result=self._result if self.status in _LEAVES_FILES else NO_DATA,
            outputs=self.outputs,
            evidence=self.evidence,
            logs=self._logs,
            metrics=ctx.metrics,
            warnings=self._warnings if self.status == "ok" else (),
            templates=session.new_templates(ctx.templates) if ctx.templates else (),
            slot=session.settings.slot,
            ended_at=time.time(),
            pid=session.housekeeping.pid,
            acceleration=_acceleration() if "docx.document" in sys.modules else "",
        )

    def _stage_files(self) -> None:
        ctx = self.ctx
        if ctx.has_files:
            if self.status in _LEAVES_FILES and not call_job((self,), self._stage):
                self.keep_printed()
            if self.status not in _LEAVES_FILES:
                shutil.rmtree(ctx.dir, ignore_errors=True)
        ctx.drop_scratch()

    def _stage(self) -> None:
        self.session.housekeeping.end_children()  # before the look at the files, which none must write to any more
        self.outputs = stage(self.ctx.dir, self.ctx.dir_made)


def make_attempt(session: JobSession, task: Task, role: str = RENDER) -> Ended:
    """Make one attempt. Returns its outcome, whatever the job's code does short of ending the process."""
    attempt = Attempt(session, task)
    attempt.render(role)
    attempt.finish()
    return attempt.end()


def call_job(attempts: Sequence[Attempt], call: Callable[[], None]) -> bool:
    """Call the job's code for these attempts; what it raises is how they end. Returns whether it raised nothing."""
    session = attempts[0].session
    housekeeping = session.housekeeping
    housekeeping.keep_reserve()
    try:
        session.calling = True
        try:
            call()
        finally:
            housekeeping.end_call()
    except BaseException as error:
        session.calling = False
        housekeeping.spend_reserve()  # where memory is full, the lines below need some
        housekeeping.leave_if_forked()
        if isinstance(error, KeyboardInterrupt) and error.args:  # parbatch's own, from the second signal
            raise
        status: Status = "timeout" if isinstance(error, TimeUpError) else status_of(error)
        if isinstance(error, MemoryError):
            housekeeping.make_room(error)
        advice = _advice(error, attempts[0].task, session.settings.memory_cap) if len(attempts) == 1 else ""
        evidence = of_exception(error, skip=(__file__,), advice=advice)
        if isinstance(error, TimeUpError):
            evidence = msgspec.structs.replace(evidence, type="TimeoutError")  # as where a worker is ended for it
        session.capture.note(evidence.traceback)
        for attempt in attempts:
            attempt.fail(status, evidence)
        del error
        return False
    session.calling = False
    return True


def ran_over(what: str, seconds: float) -> Evidence:
    """Return the evidence of an attempt, or of what else `what` says, that took longer than it has time."""
    return Evidence(type="TimeoutError", message=f"{what} took longer than {format_duration(seconds)}")


def run_of(task: Task) -> Run:
    """Return the overview's view of the run, from the file that the parent wrote for it."""
    given = msgspec.json.decode(task.data)
    return Run(given["counts"], lambda: read_outcomes(Path(given["outcomes"])))


def _ok_outcomes(run: Run) -> Iterator[Outcome]:
    return (outcome for outcome in run.outcomes() if outcome.status == "ok")


def _acceleration() -> str:
    """Tell how python-docx ran in this attempt; what came too late for it is on for the next."""
    was = acceleration()
    if was and was != ON:
        accelerate_if_loaded()
    return was


def _advice(error: BaseException, task: Task, memory_cap: int | None) -> str:
    """Return a sentence for people where the error alone does not name the cause, else an empty text."""
    if isinstance(error, MemoryError) and memory_cap is not None:
        return f"an allocation failed; the cap for a worker is {format_size(memory_cap)} (memory=, --memory)"
    if "docx" not in sys.modules:
        return ""
    from parbatch.docx.explanations import explain  # noqa: PLC0415 -- jobs without documents need none

    return explain(error, lambda: {"name": task.name, "data": msgspec.json.decode(task.data)}) or ""
