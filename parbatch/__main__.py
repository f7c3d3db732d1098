"""`parbatch` and `python -m parbatch`: the way in."""

import os
import signal
import sys

from parbatch.model.terminal import make_standard_streams_lenient, occupy_standard_descriptors, show

_exit = os._exit  # before anything stands in for it


def main() -> None:
    """Run the command line. `--version` answers before anything heavier than this package is imported."""
    occupy_standard_descriptors()
    make_standard_streams_lenient()
    if sys.argv[1:] == ["--version"]:
        from parbatch import __version__  # noqa: PLC0415 -- as light as it can be

        show(f"parbatch {__version__}", sys.stdout)
        return
    try:
        from parbatch.cli import command, process_end  # noqa: PLC0415 -- click costs three times the bare interpreter

        process_end.tell_of_exits()
        try:
            command(prog_name="parbatch")
        except SystemExit as end:
            _leave_when_interrupted(end.code)
            process_end.end_despite_threads(end.code)
            raise
    except Exception as error:
        if not _lacks_memory(error):
            raise
        os.write(2, _NO_MEMORY)
        _exit(2)  # Python's own end may want memory, too


_NO_MEMORY = (
    b"parbatch: there is too little memory to load parbatch (a limit such as ulimit -v or -d, or the machine's)."
    b" Mend that, and try again.\n"
)
_ALSO_NO_MEMORY = ("failed to map segment", "without exception set", "without setting an exception")


def _lacks_memory(error: BaseException | None) -> bool:
    """Tell whether memory has run out: Python says that in several ways where it is in the middle of an import."""
    while error is not None:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _ALSO_NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _leave_when_interrupted(code: object) -> None:
    """Let one more Ctrl-C end the process at once: only Python is ending by now, and would leave a traceback."""
    from parbatch.cli import process_end  # noqa: PLC0415 -- as above

    def leave(*_: object) -> None:
        process_end.end(code)

    if signal.getsignal(signal.SIGINT) not in {signal.SIG_IGN, None}:
        signal.signal(signal.SIGINT, leave)


if __name__ == "__main__":
    main()
