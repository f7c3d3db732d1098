"""What a part needs for its workers: folder, checkpoint, limits, settings, and a guardian for them.

Made by `part` and by what makes products of all parts; used by the rendering and the products. It decides nothing.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from parbatch.dispatch.backends.base import Backend, start
from parbatch.dispatch.guardian import Guardian
from parbatch.engine.session import RunSession
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.roles import TEARDOWN
from parbatch.model.text import printable
from parbatch.planning.plan import BASELINE
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import REFUSALS
from parbatch.storage.folder import Folder
from parbatch.storage.recovery import recover
from parbatch.storage.view import View
from parbatch.worker.baseline import baseline_file
from parbatch.worker.capture import write_log
from parbatch.worker.environment import heading, identity
from parbatch.worker.limits import default_cap
from parbatch.worker.settings import WorkerSettings
from parbatch.worker.teardown import PARTING_S, TEARDOWN_S, reason_in, records, summary


class Workshop:
    """Where the workers of one part work, from `began` on; `slots` is how many workers there is work for.

    `view` has the outcomes that products are made of, where they are not those of the checkpoint alone. `index` is the
    path of the index of shared entries, once it is written; empty where there are none.
    """

    def __init__(
        self,
        loaded: LoadedJob,
        options: Options,
        folder: Folder,
        checkpoint: Checkpoint,
        session: RunSession,
        *,
        slots: int = 1,
        view: View | None = None,
    ) -> None:
        self.loaded = loaded
        self.options = options
        self.folder = folder
        self.checkpoint = checkpoint
        self.session = session
        self.view = view or View.of(checkpoint, folder)
        self.slots = max(1, slots)
        self.index = ""
        self.started_at = datetime.now(UTC)
        self.began = time.monotonic()
        self._guardian: Guardian | None = None

    @property
    def tmp(self) -> Path:
        """Return the run's own temporary folder."""
        return self.folder.tmp / self.session.run_id

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return what parent and workers have in common."""
        return identity(self.loaded)

    @property
    def log_heading(self) -> str:
        """Return what logs of this run begin with."""
        return heading(self.identity, self.session.run_id, str(self.folder.root))

    @cached_property
    def memory_cap(self) -> int:
        """Return the bytes for each worker with the processes it starts."""
        return self.options.memory or default_cap(self.slots)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Have the run's own temporary folder; what killed runs left half done is taken back first."""
        recover(self.checkpoint, self.folder)
        self.folder.tree.make_folder(self.tmp)
        try:
            yield
        except BaseException:
            # The first error is the one to tell; what stays in the folder is the next run's to look at.
            with contextlib.suppress(*REFUSALS):
                recover(self.checkpoint, self.folder)
            raise
        recover(self.checkpoint, self.folder)

    @contextlib.contextmanager
    def workers(self, slots: int) -> Iterator[Backend]:
        """Start a backend of so many slots, and a guardian beside it in case this process is killed."""
        mark = f"{self.session.run_id}-{os.getpid()}"
        settings = self._settings()
        with Guardian(mark, self.session.reporter.warn) as self._guardian:
            backend = start(self.options.backend, settings, mark, slots)
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

    def _settings(self) -> WorkerSettings:
        key = self._baseline_key()
        return WorkerSettings(
            job=self.loaded.ref,
            base=str(self.loaded.base),
            tmp=str(self.tmp),
            capture_prefix=f"{self.tmp}/slot-",
            memory_cap=self.memory_cap,
            timeout=self.options.timeout,
            accelerate=self.options.accelerate,
            job_file=str(self.loaded.file or ""),
            context=self.index,
            identity=self.identity,
            baseline_key=key,
            parting_s=PARTING_S + (TEARDOWN_S if TEARDOWN in self.loaded.job.functions else 0),
            baseline_file=str(baseline_file(self.folder.baselines, key)) if key else "",
        )

    def _tell_of_teardowns(self) -> None:
        """Say which teardowns failed, and put their errors into a log, below those of earlier ones."""
        found = records(self.tmp)
        log = self.folder.run / "teardown.stderr.txt"
        if not found:
            return
        texts = [record.read_text("utf-8", "replace") for record in found]
        for record, text in zip(found, texts, strict=True):
            write_log(record, log, f"{self.log_heading}# teardown: {reason_in(text)}\n\n", below=True)
        self.session.reporter.note(printable(summary(texts, str(log))))

    def _baseline_key(self) -> str:
        """Return the key that the items were planned with; empty for a job without a baseline."""
        job = self.loaded.job
        if "baseline" not in job.functions:
            return ""
        return self.checkpoint.files().get(BASELINE) or job.baseline_key() or ""
