"""`parbatch` and `python -m parbatch`: the way in."""

import os
import signal
import sys

from parbatch.model.terminal import make_standard_streams_lenient, occupy_standard_descriptors, show


def main() -> None:
    """Run the command line. `--version` answers before anything heavier than this package is imported."""
    occupy_standard_descriptors()
    make_standard_streams_lenient()
    if sys.argv[1:] == ["--version"]:
        from parbatch import __version__  # noqa: PLC0415 -- as light as it can be

        show(f"parbatch {__version__}", sys.stdout)
        return
    from parbatch.cli import command  # noqa: PLC0415 -- click costs three times the bare interpreter

    try:
        command(prog_name="parbatch")
    except SystemExit as end:
        _leave_when_interrupted(end.code)
        raise


def _leave_when_interrupted(code: object) -> None:
    """Let one more Ctrl-C end the process at once: only Python is ending by now, and would leave a traceback."""

    def leave(*_: object) -> None:
        os._exit(code if isinstance(code, int) else 0)

    if signal.getsignal(signal.SIGINT) not in {signal.SIG_IGN, None}:
        signal.signal(signal.SIGINT, leave)


if __name__ == "__main__":
    main()
