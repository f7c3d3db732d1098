"""The life of a worker process: take chunks from its pipe, make attempts, tell how each ended.

    parent ── Chunk, Stop ──▶ pipe ──▶ Worker.serve ──▶ work_through ──▶ the job's code
           ◀─ Ready, Began, Ended …, ChunkEnded, Returned, Retiring ─┘

`serve` is called by the backend that has started this process. A worker knows one chunk, one attempt's folder and one
pipe; it must not know the checkpoint. When the pipe ends, so does the worker.
"""

import contextlib
import faulthandler
import gc
import multiprocessing
import os
import signal
import traceback
from pathlib import Path

from msgspec.structs import replace

from parbatch.docx.on_import import accelerate_on_import
from parbatch.errors import JobError, SetupError
from parbatch.model.job import Job
from parbatch.model.job_files import tell
from parbatch.model.loading import JobRef, LoadedJob, resolve
from parbatch.model.messages import (
    Began,
    Chunk,
    Ended,
    Loading,
    Message,
    NotReady,
    Ready,
    Retiring,
    Returned,
    Stop,
)
from parbatch.model.pickled_job import stand_in_for_main
from parbatch.model.roles import RENDER
from parbatch.worker.capture import Capture
from parbatch.worker.chunk import work_through, works_on_whole_chunks
from parbatch.worker.environment import differences, identity
from parbatch.worker.evidence import EXIT_PIPE_LOST, EXIT_WORKER_BROKEN, of_exception
from parbatch.worker.job_session import SETTING_UP, JobSession
from parbatch.worker.limits import adopt_orphans, die_with_parent, limit_descriptors, own_bytes
from parbatch.worker.pipe import Pipe
from parbatch.worker.process_marks import mark_this_process
from parbatch.worker.process_state import Calls
from parbatch.worker.process_tree import leave_if_not
from parbatch.worker.settings import DUMP_SIGNAL, WorkerSettings


class Worker:
    """One worker's life, from its first message to its last."""

    def __init__(self, pipe: Pipe, session: JobSession, memory_cap: int | None) -> None:
        self._pipe = pipe
        self._session = session
        self._idle_limit = _idle_limit(memory_cap, own_bytes())
        self._stopped = False

    def serve(self) -> None:
        """Work until the parent ends the conversation, or until this process has grown too far."""
        self._pipe.send(Ready(own_bytes(), os.getpid()))
        while (order := self._pipe.receive()) is not None:
            if isinstance(order, Stop):
                self._pipe.send(Returned())
            elif not self._work(order):
                return

    def _work(self, chunk: Chunk) -> bool:
        """Render a chunk. Returns whether this worker goes on."""
        self._pipe.send(Began(chunk.number))
        self._stopped = False
        item_by_item = not works_on_whole_chunks(self._session.job)
        for message in work_through(self._session, chunk, self._is_told_to_stop):
            self._pipe.send(message)
            if item_by_item and self._has_grown_too_far(message):
                return False
        if self._is_told_to_stop():
            self._pipe.send(Returned())
            return True
        if self._session.job.fresh_worker is not None and chunk.role == RENDER:
            self._pipe.send(Retiring(own_bytes(), planned=True))
            return False
        return item_by_item or not self._has_grown_too_far(message)

    def _has_grown_too_far(self, message: Message) -> bool:
        if not isinstance(message, Ended) or message.peak_memory_bytes <= self._idle_limit or self._is_told_to_stop():
            return False
        gc.collect()
        idle = own_bytes()
        if idle > self._idle_limit:
            self._pipe.send(Retiring(idle))
            return True
        return False

    def _is_told_to_stop(self) -> bool:
        self._stopped = self._stopped or self._pipe.take_stop()
        return self._stopped


def serve(orders: int, messages: int, settings: WorkerSettings) -> None:
    """Be a worker: prepare this process, load the job, and work. Called in the worker process."""
    _set_apart(settings)
    pipe = Pipe(orders, messages)
    try:
        capture = _prepare(settings)
    except OSError as error:
        pipe.send(NotReady(replace(of_exception(error), traceback="")))
        return
    pid = os.getpid()
    try:
        session = _load(pipe, settings, capture, pid)
    except BaseException as error:  # noqa: BLE001 -- the job's own code; a sys.exit() there is a failure too
        leave_if_not(pid)
        evidence = of_exception(error, skip=(__file__, *SETTING_UP))
        # What parbatch itself has to say needs no traceback.
        pipe.send(NotReady(replace(evidence, traceback="") if isinstance(error, (SetupError, JobError)) else evidence))
        return
    # What is there before the first item stays; the collections between items need not look at it again and again,
    # which makes them fifty times cheaper.
    gc.collect()
    gc.freeze()
    session.housekeeping.hold_memory()
    try:
        Worker(pipe, session, settings.memory_cap).serve()
        if pipe.is_lost:
            os._exit(EXIT_PIPE_LOST)
        pipe.close()
        session.tear_down()
    except BrokenPipeError:  # the parent is no more
        os._exit(EXIT_PIPE_LOST)
    except BaseException:  # noqa: BLE001 -- whatever broke the worker itself, it must not go on in silence
        try:
            capture.note(traceback.format_exc())
        finally:
            os._exit(EXIT_WORKER_BROKEN)


def _set_apart(settings: WorkerSettings) -> None:
    """Have this process end with its run, and not by what is typed at the terminal."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # already a leader
            os.setsid()  # a Ctrl-C at the terminal is for the parent, which ends the run in order
    mark_this_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if settings.descriptors >= 0:
        limit_descriptors(settings.descriptors)


def _load(pipe: Pipe, settings: WorkerSettings, capture: Capture, pid: int) -> JobSession:
    """Import the job and run its setup, saying what is done before each step. Raises what the job's code raises."""
    pipe.send(Loading("the job's import", pid))
    behave_as_plain_python(settings.job)
    Calls.watch()
    if settings.accelerate:
        accelerate_on_import()
    job = resolve(settings.job)
    leave_if_not(pid)
    if settings.job.kind == "pickle":
        stand_in_for_main(settings.job.pickled, job)
    if settings.identity:
        _compare_identity(job, settings)
    session = JobSession(job, settings, capture)
    session.set_up(lambda step, is_bounded: pipe.send(Loading(step, pid, is_bounded)))
    return session


def behave_as_plain_python(job: JobRef) -> None:
    """Let multiprocessing, and what builds on it, work in items as in any other process: loky leaves its own start
    method behind, which new Pythons do not know, and no new Python finds a job file by itself.
    """
    multiprocessing.set_start_method(None, force=True)
    if job.kind == "file":
        tell(os.environ, Path(job.where))


def _prepare(settings: WorkerSettings) -> Capture:
    """Send what this process prints to its slot's files, and have it write its stacks there when it is ended."""
    capture = Capture(settings.capture_prefix)
    capture.install()
    adopt_orphans()
    die_with_parent()  # that is the thread that hears the workers, until they have ended
    if DUMP_SIGNAL is not None:
        # The handler before it is the system's own: having dumped, the process dies, and no call that the signal
        # interrupts ever returns.
        faulthandler.register(DUMP_SIGNAL, file=capture.stderr_fd, all_threads=True, chain=True)
    return capture


def _compare_identity(job: Job, settings: WorkerSettings) -> None:
    """Raise SetupError where this worker is not in the same environment as its parent."""
    file = Path(settings.job_file) if settings.job_file else None
    if different := differences(identity(LoadedJob(job, settings.job, file, "")), settings.identity):
        raise SetupError(
            f"the worker's environment is not the parent's: {'; '.join(different)}."
            " Was something changed since the run began? --resume starts with what is there now."
        )


def _idle_limit(memory_cap: int | None, idle: int) -> float:
    """Return the resident size past which an idle worker is replaced: half the cap, or of what setup has left of it."""
    if memory_cap is None:
        return float("inf")
    return max(memory_cap / 2, idle + (memory_cap - idle) / 2)
