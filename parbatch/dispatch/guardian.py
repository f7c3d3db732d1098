"""The guardian: a small process beside a run that outlives it for a moment.

It waits at the end of a pipe that only the run holds. A run that ends by itself says so first; when the pipe ends
without a word, the run was killed, and the guardian ends every process that the run has left. It does not depend on the
workers' help: one that hangs with the GIL held is ended like any other.

The engine has one beside whatever starts workers. It knows nothing of the run but its mark, and loads next to nothing.
"""

import os
import sys
import time

from parbatch.worker.process_marks import unmark_this_process, without_marks

# That of typing, and what it takes to start a process, would double the time in which the guardian itself starts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from typing import Self

_GOODBYE = b"."
_ROUNDS = 20
_PAUSE_S = 0.05


# The guardian has to find this very package, and psutil, also where they are not installed, as in a checkout, and must
# not look in the current folder, whose files may have the names of modules.
_CODE = "import sys; sys.path += sys.argv[2:]; from parbatch.dispatch.guardian import watch; watch(sys.argv[1])"
_MOST_STARTS = 2


class Guardian:
    """The run's end of the pipe. Use as a context manager around everything that starts workers.

    `say` is told, once, if there is no guardian and none can be had.
    """

    def __init__(self, run_mark: str, say: "Callable[[str], object]", python: str = sys.executable) -> None:
        self._run_mark = run_mark
        self._python = python
        self._say = say
        self._starts_left = _MOST_STARTS
        self._process = self._start()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Say goodbye after an orderly end; else just let go, and the guardian looks for what is left."""
        if self._starts_left:
            printed = self._process.communicate(_GOODBYE if kind is None else b"")[1]
            if self._process.returncode:
                self._tell(printed)

    def check(self) -> None:
        """See that there is a guardian: one that has been ended is replaced."""
        if not self._starts_left or self._process.poll() is None:
            return
        printed = self._process.communicate()[1]
        if self._starts_left > 1:
            self._process = self._start()
        else:
            self._tell(printed)
        self._starts_left -= 1

    def _start(self) -> "subprocess.Popen[bytes]":
        import subprocess  # noqa: PLC0415 -- in the run alone, not in the guardian

        return subprocess.Popen(  # noqa: S603 -- this very interpreter and module
            [self._python, "-P", "-c", _CODE, self._run_mark, *_roots()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=without_marks(os.environ),
        )

    def _tell(self, printed: bytes) -> None:
        why = printed.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"exit code {self._process.returncode}"
        self._say(
            f"The guardian, which ends what a killed run leaves behind, can't be had ({why})."
            " If this run is killed, processes that its items have started may stay."
        )


def _roots() -> list[str]:
    """Return the folders that this package and what it needs here are imported from."""
    from importlib.util import find_spec  # noqa: PLC0415 -- as above
    from pathlib import Path  # noqa: PLC0415 -- as above

    found = [find_spec(name) for name in ("parbatch", "psutil")]
    return list(dict.fromkeys(str(Path(spec.origin).parent.parent) for spec in found if spec and spec.origin))


def watch(run_mark: str) -> None:
    """Wait for the run to end; sweep up after it unless it said goodbye.

    A run inside an item of another has a guardian of its own, which must not fall to the sweeping of the other's.
    """
    unmark_this_process()
    if sys.stdin.buffer.read() == _GOODBYE:
        return
    from parbatch.worker.process_tree import sweep  # noqa: PLC0415 -- psutil is loaded only when there is something to do

    for _ in range(_ROUNDS):
        if not sweep(run_mark):
            return
        time.sleep(_PAUSE_S)  # a process that was being forked shows up in the next round; nothing tells of it
