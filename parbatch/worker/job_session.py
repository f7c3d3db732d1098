"""The job in one process: what is made once for all items, and what is kept from one item to the next.

A worker and the inline backend each make one `JobSession`; `chunk` and `attempt` work with it. It must know no pipe and
no parent, and of items only what they leave behind.
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parbatch.docx.on_import import accelerate_if_loaded
from parbatch.model.job import Job
from parbatch.model.problem import Problem
from parbatch.model.roles import TEARDOWN
from parbatch.model.tracebacks import PACKAGE
from parbatch.worker.capture import Capture
from parbatch.worker.housekeeping import Housekeeping
from parbatch.worker.limits import PeakMeter
from parbatch.worker.settings import WorkerSettings
from parbatch.worker.teardown import TEARDOWN_S, record_of, tear_down

if TYPE_CHECKING:
    from parbatch.worker.entries import SharedEntries

# Files whose frames are at the top of a traceback when setup or the baseline raises.
SETTING_UP = (__file__, str(PACKAGE / "worker" / "baseline.py"))


class JobSession:
    """The job with its shared value and its baseline, and what is measured from item to item.

    `calling` says that the job's code is being called: what is raised in it then is how an item ends. `housekeeping`
    looks after the process in between; `entries` are the shared entries, if the job has some. `cpu_s` is the CPU time
    of this process at the end of the last item, which is where the next one begins.
    """

    def __init__(self, job: Job, settings: WorkerSettings, capture: Capture) -> None:
        self.job = job
        self.settings = settings
        self.base = Path(settings.base)
        self.capture = capture
        self.calling = False
        self.housekeeping = Housekeeping(capture, gc_every=job.gc_every, memory_cap=settings.memory_cap)
        self.peak = PeakMeter()
        self.shared: Any = None
        self.baseline: Any = None
        self.cpu_s = 0.0
        self.entries = _shared_entries(settings.context) if settings.context else None
        self._reported_templates: set[str] = set()
        self._reported_notes: set[str] = set()

    def set_up(self, announce: Callable[[str, bool], None] = lambda *_: None) -> None:
        """Run the job's setup, get its baseline, and remember what is there before the first item.

        `announce` is called with each step before it is taken, and with whether it is the job's own code, which has its
        time. Raises what the setup and the baseline raise.
        """
        if "setup" in self.job.functions:
            announce("setup", True)
            self.shared = self._call("setup")
        if self.settings.baseline_file:
            self.baseline = self._obtain_baseline(announce)
        accelerate_if_loaded()
        if "docx" in sys.modules:  # an item that has opened too many files fails with the advice all the same
            import_module("parbatch.docx.explanations")
        self.capture.drop()
        self.housekeeping.begin()
        self.cpu_s = time.process_time()

    def tear_down(self, *, end_after: float | None = TEARDOWN_S) -> None:
        """Run the job's teardown, after the last item; this process is ended if that takes so many seconds."""
        if TEARDOWN in self.job.functions:
            record = record_of(self.settings.tmp, self.housekeeping.pid)
            self.calling = True
            tear_down(self.job.functions[TEARDOWN], self.shared, record, end_after=end_after)
            self.calling = False

    def new_notes(self, notes: list[str]) -> tuple[Problem, ...]:
        """Return notes as warnings, without those of earlier items: what is true of all documents is said once."""
        new = [note for note in dict.fromkeys(notes) if note not in self._reported_notes]
        self._reported_notes.update(new)
        return tuple(Problem("macros-left-out", note, severity="warning") for note in new)

    def new_templates(self, used: set[str]) -> tuple[str, ...]:
        """Return the templates that no earlier item has used."""
        new = used - self._reported_templates
        self._reported_templates |= new
        return tuple(sorted(new))

    def _obtain_baseline(self, announce: Callable[[str, bool], None]) -> Any:
        from parbatch.worker.baseline import obtain  # noqa: PLC0415 -- jobs without a baseline start sooner without

        def compute() -> Any:
            announce("the baseline", True)
            return self._call("baseline")

        announce("the baseline, which another worker computes", False)
        return obtain(Path(self.settings.baseline_file), self.settings.baseline_key, compute)

    def _call(self, function: str) -> Any:
        """Call a function of the job's that is for all items; a process that it forks and lets return ends here."""
        try:
            return self.job.functions[function]()
        finally:
            self.housekeeping.leave_if_forked()


def _shared_entries(index: str) -> "SharedEntries":
    from parbatch.worker.entries import SharedEntries  # noqa: PLC0415 -- jobs without shared entries start sooner without

    return SharedEntries(index)
