"""The job's teardown: called once in a process that has made attempts and ends in order.

It fails no item, and can't keep a run from ending: what goes wrong in it is written down, for the parent to tell, and a
worker that hangs in it is ended. `job_session` calls it; the engine reads what it has written.
"""

import faulthandler
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parbatch.model.units import counted
from parbatch.worker.evidence import of_exception

# Time for closing what setup has opened.
TEARDOWN_S = 10.0
# Time for a worker to end by itself otherwise: exit handlers may close databases.
PARTING_S = 2.0

_RECORDS = "teardown."
_STACKS = "Timeout ("  # how faulthandler begins to write them


def tear_down(
    function: Callable[[Any], Any], shared: Any, record: Path, *, end_after: float | None = TEARDOWN_S
) -> None:
    """Call the job's teardown with what its setup returned; end this process if it takes so many seconds.

    The file `record` stays if it fails: with its error, or the stacks of the process, or, where the process ended in
    it, nothing.
    """
    with record.open("w", encoding="utf-8", errors="backslashreplace") as file:
        if end_after is not None:  # also where the GIL is held
            faulthandler.dump_traceback_later(end_after, exit=True, file=file)
        try:
            function(shared)
        except BaseException as error:  # noqa: BLE001 -- a sys.exit() there is no reason to fail anything either
            evidence = of_exception(error, skip=(__file__,))
            file.write(f"{evidence.type}: {evidence.message}\n\n{evidence.traceback}")
            return
        finally:
            if end_after is not None:
                faulthandler.cancel_dump_traceback_later()
    record.unlink()


def record_of(tmp: str | Path, pid: int) -> Path:
    """Return where a process writes down what went wrong in its teardown."""
    return Path(tmp, f"{_RECORDS}{pid}")


def records(tmp: Path) -> list[Path]:
    """Return all that went wrong in teardowns, a file for each."""
    return sorted(tmp.glob(f"{_RECORDS}*"))


def reason_in(record: str) -> str:
    """Return, in a line, what went wrong by a record."""
    if not record:
        return f"it ended its process, or took longer than {TEARDOWN_S:.0f} s, and could not say so"
    if record.startswith(_STACKS):
        return f"it took longer than {TEARDOWN_S:.0f} s"
    return record.partition("\n")[0]


def summary(texts: list[str], log: str) -> str:
    """Return a line for people about teardowns that failed, of which there is at least one."""
    return f"Note: teardown failed in {counted(len(texts), 'worker')}: {reason_in(texts[0])}. Log: {log}"
