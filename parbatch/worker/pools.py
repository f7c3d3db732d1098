"""Pools and servers of multiprocessing: what it remembers of its processes, put right when they are ended from outside.

Called by `process_tree`, around the killing of what an item has left running. It must not know which processes they
are.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Collection

# Ending a pool takes milliseconds, unless its processes do not end when they are asked to.
_JOIN_TIMEOUT_S = 1.0


def end_pools() -> None:
    """End the pools and the fork server that were begun in this process since garbage was last frozen."""
    module = sys.modules.get("multiprocessing.pool")
    if module is not None:
        # By their types: to ask an object for its class may run its own code.
        for pool in [one for one in gc.get_objects() if issubclass(type(one), module.Pool)]:
            # In a thread: a pool that is ended waits for its processes, which may ignore that.
            ending = threading.Thread(target=pool.terminate, daemon=True)
            ending.start()
            ending.join(_JOIN_TIMEOUT_S)
    _end_fork_server()


def reap(pids: Collection[int]) -> None:
    """Wait for killed children, each where it is remembered, so that nothing asks for it again."""
    for child in multiprocessing.active_children():
        if child.pid in pids:
            child.join(_JOIN_TIMEOUT_S)
    for pid in pids:
        with contextlib.suppress(OSError):  # not a child of this process, or reaped already
            os.waitpid(pid, 0)


def _end_fork_server() -> None:
    module = sys.modules.get("multiprocessing.forkserver")
    server = getattr(module, "_forkserver", None)
    pid = getattr(server, "_forkserver_pid", None)
    if server is None or pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    try:
        server._stop()  # noqa: SLF001 -- there is no public way to end it
    except OSError:  # the item has closed its descriptor, or waited for it
        server._forkserver_pid = server._forkserver_address = server._forkserver_alive_fd = None  # noqa: SLF001


def tracker_pids() -> set[int]:
    """Return the processes that clear away semaphores and shared memory when all that use them have ended."""
    trackers = [getattr(module, "_resource_tracker", None) for module in list(sys.modules.values())]
    return {pid for tracker in trackers if isinstance(pid := getattr(tracker, "_pid", None), int)}
