"""The place in the user's own code at which a traceback ends: frames of parbatch, Python and libraries are passed over.

Called by whoever turns an exception into words, in workers and in the parent.
"""

import sysconfig
from pathlib import Path
from types import CodeType, TracebackType

from parbatch.model.text import readable

_SCHEMES = ("stdlib", "platstdlib", "purelib", "platlib")


PACKAGE = Path(__file__).parents[1]


_LIBRARIES = ("<", str(PACKAGE), *{sysconfig.get_path(scheme) for scheme in _SCHEMES})


_COMPILED = (".pyx", ".pxi", ".pxd")  # the frames that Cython modules, such as lxml, leave in tracebacks


def innermost_own(frames: TracebackType | None) -> tuple[str, int]:
    """Return where in the user's code an error came from: `file:function` and the line; in a library if nowhere else.

    It is empty for an error that only parbatch's own code has to do with, such as a result that is not JSON.
    """
    own = last = ("", 0)
    while frames:
        code = frames.tb_frame.f_code
        here = place_in(code, frames.tb_lineno)
        if not code.co_filename.startswith(str(PACKAGE)):
            last = here
        if not is_library(code.co_filename):
            own = here
        frames = frames.tb_next
    return own if own[0] else last


def place_in(code: CodeType, line: int) -> tuple[str, int]:
    """Return where code lies as a person reads it: its file, or `<module>.function` of compiled code, and the line."""
    return readable(f"{Path(code.co_filename).name}:{code.co_name}"), line


def is_library(file: str) -> bool:
    """Tell whether a file is parbatch's, Python's or a library's, and so not the user's own."""
    return file.startswith(_LIBRARIES) or file.endswith(_COMPILED)
