"""Files that an item has left open for writing below its folders: closed, before anybody looks at them.

Called by `housekeeping`, after items that have folders. It must not know what the files are for.
"""

import contextlib
import fcntl
import gc
import io
import logging
import os
import sys
from collections.abc import Collection

_DESCRIPTORS = "/proc/self/fd"


class OpenFiles:
    """The descriptors that this process has when it is made, and what is done about those that come after.

    In a process that is `shared` with other threads, which close and open files too, numbers tell nothing: all are
    looked at.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self._known = set() if shared else _lasting()

    def close_below(self, folders: Collection[str]) -> list[str]:
        """Close what is open for writing below these folders. Returns which files these were.

        Handlers of logging are taken from their loggers, Python's files are closed, so that what they still hold is
        written. A descriptor that only other code knows leads to /dev/null from now on: its number must not be given
        to another file while that code may still write to it.
        """
        now = _descriptors()
        new = now - self._known
        self._known &= now
        if not any(map(_is_open, new)):  # the listing's own is gone by now
            return []
        self._known = _lasting()
        folders = [os.path.realpath(folder) for folder in folders]
        paths = {number: path for number in new if (path := _written_below(number, folders))}
        if not paths:
            return []
        for logger in (logging.root, *logging.root.manager.loggerDict.values()):
            for handler in list(getattr(logger, "handlers", ())):
                if _number_of(getattr(handler, "stream", None)) in paths:
                    logger.removeHandler(handler)  # type: ignore[union-attr]
                    with contextlib.suppress(Exception):  # a handler is the job's own code
                        handler.close()
        files = [one for one in gc.get_objects() if issubclass(type(one), io.IOBase) and _number_of(one) in paths]
        # Text first, raw files last: what the outer one still holds is written through the inner ones.
        for file in sorted(
            files, key=lambda one: isinstance(one, io.BufferedIOBase) + 2 * isinstance(one, io.RawIOBase)
        ):
            with contextlib.suppress(Exception):  # what can't be written is not the concern of this place
                file.close()
        for number in paths:
            if _written_below(number, folders):
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, number, inheritable=False)
                os.close(nothing)
        self._known = _lasting()
        return sorted(set(paths.values()))


def _descriptors() -> set[int]:
    if sys.platform != "linux":
        return set()
    return {int(name) for name in os.listdir(_DESCRIPTORS)}  # noqa: PTH208 -- after many an item


def _lasting() -> set[int]:
    """Return the descriptors without the one of the listing."""
    return set(filter(_is_open, _descriptors()))


def _is_open(number: int) -> bool:
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def _written_below(number: int, folders: Collection[str]) -> str:
    with contextlib.suppress(OSError):  # the descriptor of the listing itself, or one that is closed by now
        path = os.readlink(f"{_DESCRIPTORS}/{number}").removesuffix(" (deleted)")  # noqa: PTH115 -- as above
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            return next((os.path.relpath(path, folder) for folder in folders if path.startswith(f"{folder}/")), "")
    return ""


def _number_of(file: object) -> int | None:
    with contextlib.suppress(Exception):  # closed, without a descriptor, or the job's own class
        number = file.fileno()  # type: ignore[attr-defined]
        return number if isinstance(number, int) else None
    return None
