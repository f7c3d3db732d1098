"""Plain files, told from links, pipes and devices, and opened without waiting for anybody. Their errors name them."""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, Self

COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # a pipe that nobody writes to holds nobody up

IS_A_LINK = "is a link, and parbatch follows none inside an output folder"
_KINDS = (
    (stat.S_ISLNK, IS_A_LINK),
    (stat.S_ISDIR, "is a folder, where a file belongs"),
    (stat.S_ISFIFO, "is a pipe, where a plain file belongs"),
    (stat.S_ISSOCK, "is a socket, where a plain file belongs"),
)


class UnsafePathError(OSError):
    """A path is not what parbatch puts there: a link, a pipe, a device, or a name that leads out of the folder."""


class NamedFile(io.FileIO):
    """A file whose errors name it: a disk that is full says so only while it is written to."""

    path = ""

    @classmethod
    def of(cls, descriptor: int, path: str, mode: str) -> Self:
        """Take over a descriptor. Raises UnsafePathError, and closes it, where it is not of a plain file."""
        try:
            check_plain(os.fstat(descriptor), path)
        except OSError:
            os.close(descriptor)
            raise
        file = cls(descriptor, mode)
        file.path = path
        return file

    def write(self, data: Any) -> int:
        """See io.FileIO."""
        with self._naming():
            return super().write(data)

    def readinto(self, buffer: Any) -> int:
        """See io.FileIO."""
        with self._naming():
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """See io.FileIO."""
        with self._naming():
            return super().readall()

    def close(self) -> None:
        """See io.FileIO."""
        with self._naming():
            super().close()

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = self.path
            raise


def open_plain(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a plain file to read it, wherever it is, through links too. Raises UnsafePathError for anything else."""
    descriptor = os.open(path, os.O_RDONLY | NO_WAIT | COMMON)
    return io.BufferedReader(NamedFile.of(descriptor, os.fspath(path), "rb"))


def check_plain(state: os.stat_result, path: str) -> None:
    """Raise UnsafePathError for what is not a plain file."""
    if stat.S_ISREG(state.st_mode) and not is_link(state):
        return
    what = next((said for is_kind, said in _KINDS if is_kind(state.st_mode)), "is a device, where a plain file belongs")
    raise UnsafePathError(errno.ELOOP if is_link(state) else errno.EINVAL, what, path)


def is_link(state: os.stat_result) -> bool:
    """Whether it is a link, or a junction (Windows)."""
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return stat.S_ISLNK(state.st_mode) or (junction is not None and getattr(state, "st_reparse_tag", 0) == junction)
