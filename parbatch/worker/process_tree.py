"""Process trees: how large they are, and how nothing of them is left behind.

Every worker carries marks, and all that it starts inherits them. So the processes of a run, or of one slot, can be
found when their parents are long gone, in a session of their own or not. Called by the parent and its guardian, and by
`housekeeping` for what an item has started; it must not know why a process has to end.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from parbatch.worker.limits import own_bytes
from parbatch.worker.pools import end_pools, reap, tracker_pids
from parbatch.worker.process_marks import Marks

_LIMIT: int | None = getattr(psutil, "RLIMIT_RTTIME", None)
_ROUNDS = 20
_MOST_OF_COMMAND = 300
_PROC, _LOAD = Path("/proc/self"), Path("/proc/loadavg")
# The ids of processes come round again; not within this time, in which 32,768 would have to be started (pid_max).
_ROUND_S = 0.25
# For waitid: any child, if one has ended or not, which stays to be reaped.
_ANY = (os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) if hasattr(os, "waitid") else None


def sweep(run_mark: str, slot: int | None = None) -> list[str]:
    """Kill every process with the marks of this run (and slot). Returns which there were."""
    marks = Marks(run_mark, slot)
    killed: list[str] = []
    for _ in range(_ROUNDS):  # what was being forked in one round shows up in the next
        found = [process for process in psutil.process_iter() if process.pid != os.getpid() and _has(process, marks)]
        descriptions = [describe(process) for process in found]
        kill_all(found)
        killed += descriptions
        if not found:
            break
    return killed


def _has(process: psutil.Process, marks: Marks) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        if not (_LIMIT is not None and marks.are_limit(process.rlimit(_LIMIT)[0])) and not marks.are_in(
            process.environ()
        ):
            return False
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def kill_tree(pid: int) -> None:
    """Kill a process and all that descends from it, the root first held still so that it starts nothing more."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        with contextlib.suppress(psutil.Error):
            root.suspend()
        kill_all([*root.children(recursive=True), root])


def descendants(pid: int) -> list[psutil.Process]:
    """Return the processes that descend from one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def has_files(pid: int) -> bool:
    """Tell whether a process has files open: one that is dying has let go of them just before its end."""
    try:
        return bool(psutil.Process(pid).num_fds())
    except (psutil.Error, OSError):
        return False


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Kill these processes, if they are still those that they were."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def tree_sizes(roots: Iterable[int]) -> dict[int, int]:
    """Return the bytes of each root process with its descendants, from one pass over the process table."""
    wanted = set(roots)
    parents: dict[int, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            parents[process.pid] = process.ppid()
    sizes = dict.fromkeys(wanted, 0)
    for pid in parents:
        root = _root_of(pid, parents, wanted)
        if root is not None:
            with contextlib.suppress(psutil.Error):
                sizes[root] += own_bytes(pid)
    return sizes


def proportional_size(root: int) -> int:
    """Return the bytes of a process tree, shared pages counted once where the system can tell (Linux: PSS).

    The pages of mapped files are not among them.
    """
    size = 0
    with contextlib.suppress(psutil.Error):
        for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                size += _proportional_bytes(process)
    return size


def _proportional_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as lines:
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines) if rest}
        if "Pss_Anon" in sizes:
            return sizes["Pss_Anon"] + sizes.get("Pss_Shmem", 0)
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))


def _root_of(pid: int, parents: dict[int, int], roots: set[int]) -> int | None:
    seen: set[int] = set()
    while pid and pid not in seen:
        if pid in roots:
            return pid
        seen.add(pid)
        pid = parents.get(pid, 0)
    return None


def leave_if_not(pid: int) -> None:
    """End this process at once if it is not the one that is named: the job's code forked it, and let it return."""
    if os.getpid() != pid:
        os._exit(0)


class Children:
    """The children that this process had when it was set up; what comes later and stays is ended after its item."""

    def __init__(self) -> None:
        self._looked, self._newest = time.monotonic(), _newest_process()
        self._own = {(child.pid, child.create_time()) for child in psutil.Process().children(recursive=True)}

    def may_have_others(self) -> bool:
        """Tell whether there may be any but the own ones: one system call, where there are no children at all."""
        if self._own or _ANY is None:
            return True
        try:
            os.waitid(*_ANY)
        except ChildProcessError:
            return False
        return True

    def end_others(self) -> list[str]:
        """Kill all descendants but the own ones, and reap them. Returns which there were.

        Of a process with some of its own, such as a run in this process with its guardian, it is recognised by nothing
        having been started anywhere since the last look that there are no others.
        """
        if not self.may_have_others():
            return []
        before, self._looked = self._looked, time.monotonic()
        newest, self._newest = self._newest, _newest_process()  # read before the look: what comes during it shows next
        if newest and newest == self._newest and self._looked - before < _ROUND_S:
            return []
        others = self._others()
        ended = [describe(child) for child in others if _is_running(child)]
        if others:
            end_pools()  # which would start new processes in place of those that are killed
            others = self._others()
        for child in others:
            with contextlib.suppress(psutil.Error):
                child.kill()
        reap({child.pid for child in others})
        return ended

    def _others(self) -> list[psutil.Process]:
        others = []
        lasting = tracker_pids()
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.pid not in lasting and (child.pid, child.create_time()) not in self._own:
                    others.append(child)
        return others


def _is_running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _newest_process() -> str:
    """Return the id that the system gave last to a process or thread in sight; empty if it can't tell."""
    with contextlib.suppress(OSError, IndexError), _LOAD.open(encoding="ascii") as load:
        # What stands in its place in some containers is not of the same file system, and not exact.
        if os.fstat(load.fileno()).st_dev == _PROC.stat().st_dev:
            newest = load.read().split()[4]
            return newest if newest != "0" else ""
    return ""


def describe(process: psutil.Process) -> str:
    """Describe a process in a few words, for logs."""
    try:
        return f"{_shorten(' '.join(process.cmdline()) or process.name())} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"


def _shorten(command: str) -> str:
    return command if len(command) <= _MOST_OF_COMMAND else f"{command[:_MOST_OF_COMMAND]} …"
