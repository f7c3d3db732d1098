"""Limits of a process: its memory, its threads, its open files, and how much of the memory it has used.

A worker holds itself to them by `process` and `housekeeping`; the parent asks here what there is to share out. It must
not know what is done with one that has gone beyond them.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

import psutil

if os.name == "posix":
    import resource

# Native libraries start a pool of threads as large as the machine; with a worker on every core that
# is N times N threads. Each of these variables is read by the library when it is loaded.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)

DEFAULT_SHARE = 0.8
# For what an allocation takes besides, such as the tables of pages.
_MARGIN = 8 * 1024**2
_OPEN_FILES = Path("/proc/self/fd")
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def usable_memory() -> int:
    """Return the bytes that this process may use: the machine's, or its control groups' limit where that is less."""
    from parbatch.worker.cgroups import memory_limit  # noqa: PLC0415 -- for the parent: workers start sooner without

    limit = memory_limit()
    total = int(psutil.virtual_memory().total)
    return total if limit is None else min(total, limit)


def default_cap(workers: int) -> int:
    """Return the cap for a worker where none is given: 80 % of the usable memory, shared among the workers."""
    return int(usable_memory() * DEFAULT_SHARE / workers)


def hold_memory(cap: int) -> None:
    """Make allocations beyond `cap` bytes fail with MemoryError in this process.

    RLIMIT_DATA counts private writable memory (Linux 4.7 and newer), which is closer to what is really used than
    RLIMIT_AS. Shared memory and the stack are not in it, so what they take now, and some more, comes off: the process
    then reaches its limit before its size reaches the cap. Elsewhere the watch over the size stands alone.
    """
    if sys.platform != "linux":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = max(cap - _status_bytes("self", ("RssShmem", "VmStk")) - _MARGIN, cap // 2)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))


def relieve_memory() -> None:
    """Lift the limit of `hold_memory`."""
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended, so that they can be found (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Have the system kill this process when the thread that has started it is no more, however that ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def own_bytes(pid: int | str = "self") -> int:
    """Return the memory that a process alone takes: its resident size without the pages of mapped files.

    Such pages can be had back at any time; they are in memory because there is room. Raises psutil.Error.
    """
    own = _status_bytes(pid, ("RssAnon", "RssShmem"))
    return own or int(psutil.Process(None if pid == "self" else int(pid)).memory_info().rss)


def _status_bytes(pid: int | str, names: Collection[str]) -> int:
    """Return the sum of these sizes in a process's status (Linux 4.5 and newer); 0 where there are none."""
    kibibytes = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in names:
                kibibytes += int(rest.split()[0])
    return kibibytes * 1024


class PeakMeter:
    """The largest size of this process during an attempt, in bytes, without what is mapped of files at its end. Files
    that were mapped and let go again are in it: the system keeps no mark for the rest alone.

    The system's high-water mark is set back whenever an attempt has raised it (Linux: 5 written to clear_refs), so
    that each attempt shows its own; where that is not possible, the peak is that of the process so far.
    """

    _unit = 1 if sys.platform == "darwin" else 1024  # getrusage: bytes on macOS, kilobytes elsewhere

    def __init__(self) -> None:
        self._mark = self._high_water()
        self._own = max(0, self._mark - _status_bytes("self", ("RssFile",)))

    def read(self) -> int:
        """Return the peak since the mark was last set back."""
        peak = self._high_water()
        if peak <= self._mark:
            return self._own
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as marks:
            marks.write("5")
        self._mark = self._high_water()
        mapped = _status_bytes("self", ("RssFile",))
        self._own = max(0, self._mark - mapped)
        return max(0, peak - mapped)

    def _high_water(self) -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * self._unit


def allow_descriptors(more: int) -> int:
    """Let this process open so many more files, where it may; returns how many more it can open then.

    The soft limit is raised no further than that: code that uses select() can't deal with numbers from 1024 up.
    """
    if not _OPEN_FILES.is_dir():
        return more  # this system can't tell
    is_open = sum(1 for _ in _OPEN_FILES.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = is_open + more
    if 0 <= soft < wanted:
        soft = wanted if hard < 0 else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # then the limit stays what it was, and is returned below
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return more if soft < 0 else max(0, soft - is_open)


def descriptor_limit() -> int:
    """Return how many files this process may have open, or -1 for any number."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def limit_descriptors(soft: int) -> None:
    """Set how many files this process may have open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
