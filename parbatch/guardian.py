"""The guardian: a small process beside a run that outlives it for a moment.

It waits at the end of a pipe that only the run holds. A run that ends by itself says so first; when the pipe
ends without a word, the run was killed, and the guardian ends every process that the run has left. It
does not depend on the workers' help: one that hangs with the GIL held is ended like any other.
"""

import os
import subprocess
import sys
import time
from typing import Self

from parbatch.marks import unmark_this_process, without_marks

_GOODBYE = b"."
_ROUNDS = 20
_PAUSE_S = 0.05


class Guardian:
    """The run's end of the pipe. Use as a context manager around everything that starts workers."""

    def __init__(self, run_mark: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- this very interpreter and module
            [sys.executable, "-P", "-m", "parbatch.guardian", run_mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=without_marks(os.environ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Say goodbye after an orderly end; else just let go, and the guardian looks for what is left."""
        self._process.communicate(_GOODBYE if kind is None else b"")


def watch(run_mark: str) -> None:
    """Wait for the run to end; sweep up after it unless it said goodbye.

    A run inside an item of another has a guardian of its own, which must not fall to the sweeping of the other's.
    """
    unmark_this_process()
    if sys.stdin.buffer.read() == _GOODBYE:
        return
    from parbatch.processes import sweep  # noqa: PLC0415 -- psutil is loaded only when there is something to do

    for _ in range(_ROUNDS):
        if not sweep(run_mark):
            return
        time.sleep(_PAUSE_S)  # a process that was being forked shows up in the next round


if __name__ == "__main__":
    watch(sys.argv[1])
