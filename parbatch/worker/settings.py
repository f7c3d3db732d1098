"""Settings of a worker, which it is given once, when its process starts; made by the parent, and read by the worker.

This module stays light: the parent needs nothing of what a worker is made of.
"""

import signal

import msgspec

from parbatch.model.loading import JobRef
from parbatch.worker.teardown import PARTING_S

# The signal that makes a worker write the stacks of its threads to the item's error log, and die: one that the job's
# own code hardly uses, where the system has such.
DUMP_SIGNAL: int | None = getattr(signal, "SIGRTMAX", None) or getattr(signal, "SIGUSR1", None)


class WorkerSettings(msgspec.Struct, frozen=True):
    """All that a worker has to know: the job, its folders, and the limits it holds itself.

    `descriptors` is how many files the job's code may have open, where its process was started with more.
    """

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
    context: str = ""
    baseline_key: str = ""
    baseline_file: str = ""
    parting_s: float = PARTING_S
    descriptors: int = -1
