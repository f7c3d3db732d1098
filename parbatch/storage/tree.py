"""Files: opened as data, written whole, made durable, compared by digest.

What lies in an output folder may come from somebody else. `Tree` reaches it from the folder's root, component by
component: no link below the root is followed, nothing but plain files is opened, and no name leads out. The root itself
is where the user says it is, through links or not. Whatever opens, makes, moves or removes something in an output
folder does it here, and asks `is_file` before it hands a path to somebody else who opens it, such as SQLite.
"""

import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from parbatch.storage.directory import MOST_READ, Directory, is_safe_name, is_safe_path
from parbatch.storage.plain_files import UnsafePathError, check_plain, open_plain

__all__ = [
    "MOST_READ",
    "Directory",
    "Tree",
    "UnsafePathError",
    "digest_file",
    "digest_of",
    "is_safe_name",
    "is_safe_path",
    "make_durable",
    "make_file_durable",
    "open_plain",
    "written_whole",
]

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

_Path = str | os.PathLike[str]
_MISSING = (FileNotFoundError, NotADirectoryError)


class Tree:
    """All that lies below the root of an output folder. Paths are whole ones below it, or relative to it.

    Every method raises UnsafePathError where it meets a link, or something that is no plain file where one belongs.
    """

    def __init__(self, root: _Path) -> None:
        self.root = str(Path(root).absolute())

    def folder(self, path: _Path = "", *, make: bool = False) -> Directory:
        """Open a folder; with `make`, those that are missing below the root are made."""
        here = Directory.at(self.root)
        for name in self._parts(path):
            with here:
                here = here.enter(name, make=make)
        return here

    def make_folder(self, path: _Path) -> None:
        """Make a folder, and those that are missing on the way to it from the root."""
        self.folder(path, make=True).close()

    def state(self, path: _Path) -> os.stat_result | None:
        """Look at what is there; None where nothing is. The last component may be anything, also a link."""
        try:
            with self._parent(path) as (folder, name):
                return folder.state(name)
        except _MISSING:
            return None

    def is_file(self, path: _Path) -> bool:
        """Whether a plain file is there, or else nothing."""
        state = self.state(path)
        if state is not None:
            check_plain(state, f"{self.root}/{path}" if not Path(path).is_absolute() else os.fspath(path))
        return state is not None

    def check_folder(self, path: _Path) -> None:
        """Raise NotADirectoryError where something is there that is no folder."""
        with contextlib.suppress(FileNotFoundError):
            self.folder(path).close()

    def is_folder(self, path: _Path) -> bool:
        """Whether a folder is there."""
        try:
            self.folder(path).close()
        except _MISSING:
            return False
        return True

    def names(self, path: _Path) -> list[str]:
        """Return the names of what is in a folder, in order; none where there is no folder."""
        try:
            with self.folder(path) as folder:
                return folder.names()
        except _MISSING:
            return []

    def is_empty(self, path: _Path) -> bool:
        """Whether nothing is in a folder, or there is none."""
        try:
            with self.folder(path) as folder:
                return folder.is_empty()
        except _MISSING:
            return True

    def open(self, path: _Path) -> BinaryIO:
        """Open a plain file to read it."""
        with self._parent(path) as (folder, name):
            return folder.open(name)

    def create(self, path: _Path) -> BinaryIO:
        """Open a new file to write, in place of a plain file that is there; see Directory."""
        with self._parent(path) as (folder, name):
            return folder.create(name)

    def read(self, path: _Path, most: int = MOST_READ) -> bytes:
        """Read a plain file whole. Raises UnsafePathError for one of more than `most` bytes."""
        with self._parent(path) as (folder, name):
            return folder.read(name, most)

    @contextlib.contextmanager
    def written_whole(self, path: _Path, *, durable: bool = True) -> Iterator[BinaryIO]:
        """Give a file to write, which takes its place once all of it is on the disk; see Directory."""
        with self._parent(path) as (folder, name), folder.written_whole(name, durable=durable) as file:
            yield file

    def rename(self, path: _Path, new: _Path) -> None:
        """Move something to another place below the root, over a file that is there."""
        with self._parent(path) as (here, name), self._parent(new) as (there, its_name):
            here.rename(name, there, its_name)

    def remove(self, path: _Path) -> bool:
        """Remove a file, or a link itself. Returns whether there was one."""
        try:
            with self._parent(path) as (folder, name):
                return folder.remove(name)
        except _MISSING:
            return False

    def remove_tree(self, path: _Path) -> None:
        """Remove whatever is there; of a folder, all in it. What can't be removed is left."""
        with contextlib.suppress(*_MISSING), self._parent(path) as (folder, name):
            folder.remove_tree(name)

    def empty(self, path: _Path) -> None:
        """Remove all that is in a folder, and leave the folder. What can't be removed is left."""
        with contextlib.suppress(*_MISSING), self.folder(path) as folder:
            for name in folder.names():
                folder.remove_tree(name)

    # --- inside

    @contextlib.contextmanager
    def _parent(self, path: _Path) -> Iterator[tuple[Directory, str]]:
        *parents, name = self._parts(path) or [""]
        with self.folder("/".join(parents)) as folder:
            yield folder, name

    def _parts(self, path: _Path) -> list[str]:
        text = os.fspath(path)
        if Path(text).is_absolute():
            start = self.root.rstrip(os.sep) + os.sep
            if not f"{text}{os.sep}".startswith(start):
                raise UnsafePathError(errno.EINVAL, f"does not lie in {self.root}", text)
            text = text[len(start) :]
        return [part for part in text.replace(os.sep, "/").split("/") if part]


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which takes its place once all of it is on the disk; after an error, never."""
    with Directory.at(str(path.parent)) as folder, folder.written_whole(path.name) as file:
        yield file


def digest_file(path: Path) -> str:
    """Return the BLAKE2b digest of a plain file, 16 bytes in hexadecimal."""
    with open_plain(path) as file:
        return digest_of(file)


def digest_of(file: BinaryIO) -> str:
    """Return the BLAKE2b digest of what an open file still has to read, 16 bytes in hexadecimal."""
    digest = blake2b(digest_size=16)
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def make_file_durable(path: Path) -> None:
    """Wait until all of a file is on the disk."""
    with open_plain(path) as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            error.filename = str(path)
            raise


def make_durable(target: Path) -> None:
    """Wait until all that was written to the file system of `target` is on the disk: one call for many files."""
    if _libc is None:
        os.sync()
        return
    descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(target))
    finally:
        os.close(descriptor)
