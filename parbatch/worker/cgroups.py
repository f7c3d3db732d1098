"""Memory in the control groups of this process (Linux, both versions): its limit, and who was ended for want of it.

Called by the parent, for the cap of its workers and for the evidence of one that died. It must not know either.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
# Without limits, version 1 tells a number close to the largest.
_V1_LIMIT, _V2_LIMIT = "memory.limit_in_bytes", "memory.max"
_V1_EVENTS, _V2_EVENTS = "memory.oom_control", "memory.events"


def memory_limit(membership: Path = _MEMBERSHIP, root: Path = _ROOT) -> int | None:
    """Return the least bytes that any of this process's groups, up to the root, may use; None without a limit."""
    limits = []
    for group in _groups(membership, root):
        for name in (_V1_LIMIT, _V2_LIMIT):
            with contextlib.suppress(OSError, ValueError):  # not there, or "max"
                limits.append(int((group / name).read_text(encoding="ascii")))
    return min(limits, default=None)


def killed_for_memory(membership: Path = _MEMBERSHIP, root: Path = _ROOT) -> int:
    """Count the processes of this one's own group, and of those in which it lies, killed for want of memory."""
    killed = 0
    for group in _groups(membership, root):
        for name in (_V1_EVENTS, _V2_EVENTS):
            with contextlib.suppress(OSError, ValueError):
                for line in (group / name).read_text(encoding="ascii").splitlines():
                    event, _, count = line.partition(" ")
                    killed += int(count) if event == "oom_kill" else 0
    return killed


def _groups(membership: Path, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups for memory.

    In a container the paths may be those of the host: what is not there is left out by whoever reads in it, and the
    root is its own group's.
    """
    lines = []
    with contextlib.suppress(OSError):
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        tops = [root / "memory"] if "memory" in controllers.split(",") else []
        tops += [root, root / "unified"] if not controllers else []
        for top in tops:
            own = top / path.strip("/")
            yield from (own, *(parent for parent in own.parents if parent.is_relative_to(top)))
