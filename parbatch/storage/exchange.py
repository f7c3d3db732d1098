"""Two files change places at one instant, where the system can: Linux has `renameat2` for it."""

import ctypes
import errno
import os
import sys

_HERE = -100  # AT_FDCWD: relative to the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE, in <linux/fs.h>

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_renameat2 = getattr(_libc, "renameat2", None)
if _renameat2 is not None:
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)


def exchange(one: str, other: str, one_in: int | None = None, other_in: int | None = None) -> None:
    """Let two files change places; paths may start from descriptors of folders. Raises OSError, also where it can't."""
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), other)
    here, there = (_HERE if folder is None else folder for folder in (one_in, other_in))
    if _renameat2(here, os.fsencode(one), there, os.fsencode(other), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), other)
