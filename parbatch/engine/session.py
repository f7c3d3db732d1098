"""What the stages of a run share: what is run, where, since when, under which limits, and its workers."""

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TextIO

from parbatch.dispatch.backends.base import Backend, start
from parbatch.dispatch.guardian import Guardian
from parbatch.engine.listening import Listener
from parbatch.model import terminal
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.roles import TEARDOWN
from parbatch.model.text import printable
from parbatch.planning.plan import BASELINE
from parbatch.reports import progress as progressing
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.worker.baseline import baseline_file
from parbatch.worker.capture import write_log
from parbatch.worker.environment import heading, identity
from parbatch.worker.limits import default_cap
from parbatch.worker.settings import WorkerSettings
from parbatch.worker.teardown import PARTING_S, TEARDOWN_S, reason_in, records, summary


def new_run_id() -> str:
    """The name of a run that begins now; they are in order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


@dataclass(frozen=True)
class PhaseOf:
    """What a phase has from the run that it is part of: what the others have used up of the limits goes into its own.

    `progress` is None where the phase has nothing to render.
    """

    run_id: str
    progress: progressing.Progress | None
    spent_s: float
    failures: int


@dataclass
class Setting:
    """What the stages of a run, or of one phase of it, share. `slots` is how many workers there is work for.

    `index` is the path of the index of shared entries, once it is written; empty where there are none.
    """

    loaded: LoadedJob
    asked: Options
    folder: Folder
    checkpoint: Checkpoint
    slots: int = 1
    phase_of: PhaseOf | None = None
    listener: Listener = field(default_factory=Listener)
    index: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    _guardian: Guardian | None = None

    @cached_property
    def run_id(self) -> str:
        """The name of the run."""
        return self.phase_of.run_id if self.phase_of else new_run_id()

    @cached_property
    def tmp(self) -> Path:
        """The run's own temporary folder."""
        return self.folder.tmp / self.run_id

    @cached_property
    def identity(self) -> dict[str, str]:
        """What parent and workers have in common."""
        return identity(self.loaded)

    @property
    def log_heading(self) -> str:
        """What logs of this run begin with."""
        return heading(self.identity, self.run_id, str(self.folder.root))

    @cached_property
    def memory_cap(self) -> int:
        """Bytes for each worker with the processes it starts."""
        return self.asked.memory or default_cap(self.slots)

    @property
    def stream(self) -> TextIO | None:
        """Where people read."""
        return sys.stderr if self.asked.json else sys.stdout

    @contextlib.contextmanager
    def workers(self, slots: int) -> Iterator[Backend]:
        """A backend of so many slots, and a guardian beside it in case this process is killed."""
        key = self._baseline_key()
        settings = WorkerSettings(
            job=self.loaded.ref,
            base=str(self.loaded.base),
            tmp=str(self.tmp),
            capture_prefix=f"{self.tmp}/slot-",
            memory_cap=self.memory_cap,
            timeout=self.asked.timeout,
            accelerate=self.asked.accelerate,
            job_file=str(self.loaded.file or ""),
            context=self.index,
            identity=self.identity,
            baseline_key=key,
            parting_s=PARTING_S + (TEARDOWN_S if TEARDOWN in self.loaded.job.functions else 0),
            baseline_file=str(baseline_file(self.folder.baselines, key)) if key else "",
        )
        mark = f"{self.run_id}-{os.getpid()}"
        with Guardian(mark, lambda text: terminal.show(f"parbatch: {text}", sys.stderr)) as self._guardian:
            backend = start(self.asked.backend, settings, mark, slots)
            in_order = False
            try:
                yield backend
                in_order = True
            finally:
                backend.close(at_once=not in_order)
                self._tell_of_teardowns()

    def look_after(self) -> None:
        """See that the workers there are have a guardian."""
        if self._guardian is not None:
            self._guardian.check()

    def _tell_of_teardowns(self) -> None:
        """Say which teardowns failed, and put their errors into a log, below those of earlier ones."""
        found = records(self.tmp)
        log = self.folder.run / "teardown.stderr.txt"
        if not found:
            return
        texts = [record.read_text("utf-8", "replace") for record in found]
        for record, text in zip(found, texts, strict=True):
            write_log(record, log, f"{self.log_heading}# teardown: {reason_in(text)}\n\n", below=True)
        terminal.show(printable(summary(texts, str(log))), self.stream)

    def _baseline_key(self) -> str:
        """The key that the items were planned with; empty for a job without a baseline."""
        job = self.loaded.job
        if "baseline" not in job.functions:
            return ""
        return self.checkpoint.files().get(BASELINE) or job.baseline_key() or ""
