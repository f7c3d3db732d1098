"""An open folder, and what lies directly in it: no link is followed, nothing but plain files is opened.

`tree` walks from an output folder's root to such folders; this module is where the system is called.
"""

import contextlib
import errno
import io
import os
import shutil
import stat
from collections.abc import Iterator
from typing import BinaryIO, Self

from parbatch.storage.exchange import exchange
from parbatch.storage.plain_files import (
    COMMON,
    IS_A_LINK,
    NO_LINK,
    NO_WAIT,
    NamedFile,
    UnsafePathError,
    check_plain,
    is_link,
)

# Where the system can't open relative to a descriptor (Windows), each component is looked at before it is used.
BY_DESCRIPTOR = {os.open, os.stat, os.unlink, os.mkdir, os.rename, os.rmdir} <= os.supports_dir_fd
# To pass through a folder takes less permission than to read it.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | COMMON

MOST_READ = 1 << 26  # bytes of a file that is read at once, unless its reader says otherwise

_SEPARATORS = frozenset("/\0") | ({"\\", ":"} if os.name == "nt" else frozenset())


def is_safe_name(name: str) -> bool:
    """Whether a name stands for something directly in a folder, and for nothing elsewhere."""
    return name not in {"", ".", ".."} and _SEPARATORS.isdisjoint(name)


def is_safe_path(path: str) -> bool:
    """Whether a relative path, with `/` between its parts, stays below where it starts."""
    return all(map(is_safe_name, path.split("/")))


class Directory:
    """An open folder. Its methods take the name of something directly in it, never a path.

    Errors name the whole path. UnsafePathError is raised for what is there and is no plain file, or is a link where a
    folder belongs.
    """

    def __init__(self, path: str, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def at(cls, path: str) -> Self:
        """Open a folder by its path, through links too."""
        return cls(path, os.open(path, _PASS) if BY_DESCRIPTOR else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def enter(self, name: str, *, make: bool = False) -> "Directory":
        """Open a folder in this one; with `make`, make it where it is missing."""
        with self._naming(name) as (at, descriptor):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(at, dir_fd=descriptor)
            try:
                return Directory(self.path_of(name), _pass(at, descriptor))
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR} and is_link(os.lstat(at, dir_fd=descriptor)):
                    raise UnsafePathError(errno.ELOOP, IS_A_LINK, self.path_of(name)) from None
                raise

    def path_of(self, name: str) -> str:
        """Return the path of something in this folder, for a message."""
        return os.path.join(self.path, name)

    def state(self, name: str) -> os.stat_result | None:
        """Look at what is there, without following a link; None where nothing is."""
        with self._naming(name) as (at, descriptor):
            try:
                return os.stat(at, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def is_file(self, name: str) -> bool:
        """Whether a plain file is there; anything that can't be looked at is none. Quick, for many names."""
        at, descriptor = (self.path_of(name), None) if self._descriptor is None else (name, self._descriptor)
        try:
            return stat.S_ISREG(os.stat(at, dir_fd=descriptor, follow_symlinks=False).st_mode)
        except (OSError, ValueError):
            return False

    def names(self) -> list[str]:
        """Return the names of all that is in the folder, in order."""
        with self._scanned() as entries:
            return sorted(entry.name for entry in entries)

    def is_empty(self) -> bool:
        """Whether nothing is in the folder; of many names only the first is read."""
        with self._scanned() as entries:
            return next(entries, None) is None

    def check_plain(self, name: str) -> bool:
        """Return whether a plain file is there. Raises UnsafePathError where something else is."""
        state = self.state(name)
        if state is not None:
            check_plain(state, self.path_of(name))
        return state is not None

    def read(self, name: str, most: int = MOST_READ) -> bytes:
        """Read a file whole. Raises UnsafePathError for one of more than `most` bytes."""
        with self.open(name) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise UnsafePathError(errno.EFBIG, f"has more than the {most:,} bytes it may have", self.path_of(name))
            return file.read()

    def open(self, name: str) -> BinaryIO:
        """Open a plain file to read it."""
        return io.BufferedReader(self._file(name, os.O_RDONLY))

    def create(self, name: str) -> BinaryIO:
        """Open a new file to write, in place of a plain file that is there.

        That one is removed, not written to: another name of it, as in a backup, keeps what it had.
        """
        if self.check_plain(name):
            self.remove(name)
        return self.create_new(name)

    def create_new(self, name: str) -> BinaryIO:
        """Open a new file to write. Raises FileExistsError where anything has that name."""
        return io.BufferedWriter(self._file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), 1 << 16)

    def append(self, name: str) -> BinaryIO:
        """Open a file to write on at its end; make it where there is none."""
        return io.BufferedWriter(self._file(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1 << 16)

    @contextlib.contextmanager
    def written_whole(self, name: str, *, durable: bool = True) -> Iterator[BinaryIO]:
        """Give a file to write, which takes its place once all of it is on the disk; after an error, never.

        While it is written it has `.new` behind its name. Neither name may be that of anything but a plain file. What
        need not outlive a power cut, with `durable` off, does not wait for the disk.
        """
        new = f"{name}.new"
        self.check_plain(name)
        file = self.create(new)
        try:
            with file:
                yield file
                file.flush()
                if durable:
                    with self._naming(new):
                        os.fsync(file.fileno())
            self.rename(new, self, name)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                self.remove(new)
            raise

    def rename(self, name: str, target: "Directory", new: str) -> None:
        """Move something into a folder, under a name there, over a file of that name."""
        with target._naming(new) as (to, there), self._naming(name) as (at, here):
            os.replace(at, to, src_dir_fd=here, dst_dir_fd=there)

    def link(self, name: str, target: "Directory", new: str) -> None:
        """Give a file another name in a folder. Raises FileExistsError where something has that name."""
        with target._naming(new) as (to, there), self._naming(name) as (at, here):
            os.link(at, to, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)

    def exchange(self, name: str, target: "Directory", new: str) -> None:
        """Let two files change places, at one instant. Raises OSError where the system can't."""
        with target._naming(new) as (to, there), self._naming(name) as (at, here):
            exchange(at, to, here, there)

    def remove(self, name: str) -> bool:
        """Remove a file, or a link itself. Returns whether there was one."""
        with self._naming(name) as (at, descriptor):
            try:
                os.unlink(at, dir_fd=descriptor)
            except FileNotFoundError:
                return False
        return True

    def remove_tree(self, name: str) -> None:
        """Remove whatever is there; of a folder, all in it. A link goes, what it leads to stays.

        What can't be removed is left.
        """
        with contextlib.suppress(OSError):
            state = self.state(name)
            if state is not None and stat.S_ISDIR(state.st_mode) and not is_link(state):
                with self._naming(name) as (at, descriptor):
                    shutil.rmtree(at, ignore_errors=True, dir_fd=descriptor)
            elif state is not None:
                self.remove(name)

    def remove_empty(self, name: str) -> bool:
        """Remove a folder that has nothing in it. Returns whether there was one."""
        with contextlib.suppress(OSError), self._naming(name) as (at, descriptor):
            os.rmdir(at, dir_fd=descriptor)
            return True
        return False

    # --- inside

    @contextlib.contextmanager
    def _scanned(self) -> Iterator["Iterator[os.DirEntry[str]]"]:
        listed: int | None = None
        try:
            if self._descriptor is not None:
                listed = os.open(".", os.O_RDONLY | COMMON, dir_fd=self._descriptor)
            with os.scandir(self.path if listed is None else listed) as entries:
                yield entries
        except OSError as error:
            error.filename = self.path
            raise
        finally:
            if listed is not None:
                os.close(listed)

    @contextlib.contextmanager
    def _naming(self, name: str) -> Iterator[tuple[str, int | None]]:
        """Give what the system is told for a name. An error in the block names the whole path."""
        path = self.path_of(name)
        if not is_safe_name(name):
            raise UnsafePathError(errno.EINVAL, "is not the name of a file", path)
        try:
            yield (path, None) if self._descriptor is None else (name, self._descriptor)
        except UnsafePathError:
            raise
        except OSError as error:
            error.filename, error.filename2 = path, None
            raise

    def _file(self, name: str, flags: int) -> "NamedFile":
        """Open a plain file without waiting for anybody."""
        with self._naming(name) as (at, descriptor):
            if not BY_DESCRIPTOR:
                self.check_plain(name)
            try:
                opened = os.open(at, flags | NO_LINK | NO_WAIT | COMMON, 0o666, dir_fd=descriptor)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
                    self.check_plain(name)
                raise
            return NamedFile.of(opened, self.path_of(name), "wb" if flags & os.O_WRONLY else "rb")


@contextlib.contextmanager
def place(folder: Directory, path: str, *, make: bool = False) -> Iterator[tuple[Directory, str]]:
    """Give the folder in which a path from `folder` on ends, and the name there."""
    *parents, name = path.split("/")
    if not parents:
        yield folder, name
        return
    with contextlib.ExitStack() as opened:
        for parent in parents:
            folder = opened.enter_context(folder.enter(parent, make=make))
        yield folder, name


def _pass(at: str, descriptor: int | None) -> int | None:
    """Open a folder to pass through it, unless it is a link; where there are no descriptors of folders, only look."""
    if BY_DESCRIPTOR:
        return os.open(at, _PASS | NO_LINK, dir_fd=descriptor)
    state = os.lstat(at)
    if is_link(state) or not stat.S_ISDIR(state.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), at)
    return None
