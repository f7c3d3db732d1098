"""What a worker process does: take chunks from its pipe, make attempts, say how each ended.

    parent ── Chunk, Stop ──▶ pipe ──▶ Worker.serve ──▶ work_through ──▶ the job's code
           ◀─ Ready, Began, Ended …, ChunkEnded, Returned, Retiring ─┘

Messages are lines of JSON. A worker knows one chunk, one attempt's folder and one pipe; it never sees
the checkpoint. When the pipe ends, so does the worker.
"""

import contextlib
import errno
import faulthandler
import gc
import multiprocessing
import os
import select
import signal
import traceback
from collections import deque
from pathlib import Path

import msgspec
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
    Order,
    Ready,
    Retiring,
    Returned,
    Stop,
)
from parbatch.model.pickled_job import stand_in_for_main
from parbatch.model.roles import RENDER
from parbatch.worker.capture import Capture, lift
from parbatch.worker.chunk import work_through, works_on_whole_chunks
from parbatch.worker.environment import differences, identity
from parbatch.worker.evidence import EXIT_PIPE_LOST, EXIT_WORKER_BROKEN, of_exception
from parbatch.worker.job_session import SETTING_UP, JobSession
from parbatch.worker.limits import adopt_orphans, die_with_parent, limit_descriptors, own_bytes
from parbatch.worker.process_marks import mark_this_process
from parbatch.worker.process_state import Calls
from parbatch.worker.process_tree import leave_if_not
from parbatch.worker.settings import DUMP_SIGNAL, Settings

_PIECE = 1 << 18


class Pipe:
    """The worker's ends of two pipes: lines of JSON both ways, and a look for orders that does not block."""

    def __init__(self, orders: int, messages: int) -> None:
        self._orders_fd = lift(orders)
        self._messages_fd = lift(messages)
        self._identity = _identity(self._messages_fd)
        self._pieces: list[bytes] = []  # of a line that has not come whole
        self._orders: deque[Order] = deque()
        self._stops = 0
        self._decoder = msgspec.json.Decoder(Order)
        self._encoder = msgspec.json.Encoder()
        self._poll = select.poll()
        self._poll.register(self._orders_fd, select.POLLIN)

    def send(self, message: Message) -> None:
        """Say something to the parent. Ends the process when an item has closed the pipe."""
        try:
            line = self._encoder.encode(message) + b"\n"
        except Exception as error:  # noqa: BLE001 -- such as the name of a template or a metric that is no text
            line = self._without_its_parts(message, error) + b"\n"
        while line:
            try:
                line = line[os.write(self._messages_fd, line) :]
            except BlockingIOError:  # an item has set it so, and the parent has not read yet
                os.set_blocking(self._messages_fd, True)
            except OSError as error:
                if error.errno == errno.EBADF:
                    os._exit(EXIT_PIPE_LOST)
                error.filename = "the pipe to the process that runs the batch"
                raise

    def _without_its_parts(self, message: Message, error: Exception) -> bytes:
        """An end as JSON of which a part is no JSON. Raises the error where it was something else."""
        if not isinstance(message, Ended):
            raise error
        evidence = of_exception(error, skip=(__file__,), advice="how the attempt ended can't be told")
        return self._encoder.encode(replace(_bare(message), evidence=evidence))

    @property
    def is_lost(self) -> bool:
        """Whether what is said reaches nobody: an item has put something else in the pipe's place."""
        return _identity(self._messages_fd) != self._identity

    def close(self) -> None:
        """End the conversation: what this process still does is nobody's concern."""
        os.close(self._messages_fd)

    def receive(self) -> Order | None:
        """The next order, waited for; None when the parent has ended the conversation."""
        while not self._orders:
            if not self._read():
                return None
        order = self._orders.popleft()
        self._stops -= isinstance(order, Stop)
        return order

    def told_to_stop(self) -> bool:
        """Whether a Stop has come. It voids every chunk that came before it."""
        while self._poll.poll(0):
            if not self._read():
                return True
        if not self._stops:
            return False
        while not isinstance(self.receive(), Stop):
            continue
        return True

    def _read(self) -> bool:
        try:
            piece = os.read(self._orders_fd, _PIECE)
        except BlockingIOError:  # an item has set it so
            os.set_blocking(self._orders_fd, True)
            return self._read()
        before, newline, after = piece.rpartition(b"\n")
        if newline:
            orders = self._decoder.decode_lines(b"".join((*self._pieces, before)))
            self._pieces = [after] if after else []
            self._orders.extend(orders)
            self._stops += sum(isinstance(order, Stop) for order in orders)
        else:
            self._pieces.append(piece)
        return bool(piece)


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
        apart = not works_on_whole_chunks(self._session.job)
        for said in work_through(self._session, chunk, self._told_to_stop):
            self._pipe.send(said)
            if apart and self._grown_too_far(said):
                return False
        if self._told_to_stop():
            self._pipe.send(Returned())
            return True
        if self._session.job.fresh_worker is not None and chunk.role == RENDER:
            self._pipe.send(Retiring(own_bytes(), planned=True))
            return False
        return apart or not self._grown_too_far(said)

    def _grown_too_far(self, said: Message) -> bool:
        if not isinstance(said, Ended) or said.peak_memory_bytes <= self._idle_limit or self._told_to_stop():
            return False
        gc.collect()
        idle = own_bytes()
        if idle > self._idle_limit:
            self._pipe.send(Retiring(idle))
            return True
        return False

    def _told_to_stop(self) -> bool:
        self._stopped = self._stopped or self._pipe.told_to_stop()
        return self._stopped


def serve(orders: int, messages: int, settings: Settings) -> None:
    """Be a worker: prepare this process, load the job, and work. Called in the worker process."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # already a leader
            os.setsid()  # a Ctrl-C at the terminal is for the parent, which ends the run in order
    mark_this_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if settings.descriptors >= 0:
        limit_descriptors(settings.descriptors)
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


def _load(pipe: Pipe, settings: Settings, capture: Capture, pid: int) -> JobSession:
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


def _prepare(settings: Settings) -> Capture:
    """Send what this process prints to its slot's files, and have it leave its last words there."""
    capture = Capture(settings.capture_prefix)
    capture.install()
    adopt_orphans()
    die_with_parent()  # that is the thread that hears the workers, until they have ended
    if DUMP_SIGNAL is not None:
        # The handler before it is the system's own: having dumped, the process dies, and no call that the signal
        # interrupts ever returns.
        faulthandler.register(DUMP_SIGNAL, file=capture.stderr_fd, all_threads=True, chain=True)
    return capture


def _compare_identity(job: Job, settings: Settings) -> None:
    """Raise SetupError where this worker is not in the same environment as its parent."""
    file = Path(settings.job_file) if settings.job_file else None
    if different := differences(identity(LoadedJob(job, settings.job, file, "")), settings.identity):
        raise SetupError(
            f"the worker's environment is not the parent's: {'; '.join(different)}."
            " Was something changed since the run began? --resume starts with what is there now."
        )


def _bare(ended: Ended) -> Ended:
    """The end of an attempt as `failed`, without anything that the job's code has a say in."""
    return Ended(
        ended.position,
        ended.number,
        "failed",
        ended.duration_s,
        ended.cpu_s,
        ended.peak_memory_bytes,
        logs=ended.logs,
        slot=ended.slot,
        ended_at=ended.ended_at,
        pid=ended.pid,
        acceleration=ended.acceleration,
    )


def _identity(descriptor: int) -> tuple[int, int] | None:
    """What tells the file behind a descriptor from all others; None if it is closed."""
    try:
        state = os.fstat(descriptor)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _idle_limit(memory_cap: int | None, idle: int) -> float:
    """The resident size past which an idle worker is replaced: half the cap, or half of what setup has left of it."""
    if memory_cap is None:
        return float("inf")
    return max(memory_cap / 2, idle + (memory_cap - idle) / 2)
