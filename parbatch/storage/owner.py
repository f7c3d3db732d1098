"""Whose an output folder is: a job's name, and its file or module.

A folder and its job may be moved together, to another place or machine; then the way from one to the other is what it
was. A file that was renamed is known by its content, where nothing is at its old place any more.
"""

import os
import sys
from pathlib import Path

import msgspec

from parbatch.model.loading import LoadedJob
from parbatch.model.tracebacks import PACKAGE
from parbatch.storage.tree import digest_file

# Folders of installed packages: another version of Python has them elsewhere, and they are the same module there.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A job as a folder remembers it.

    `file` is absolute, `way` leads to it from the output folder; both are empty for a job of a notebook, or of an
    installed module, which has its `module` alone. `digest` is that of the file when the job ran last.
    """

    job: str
    file: str = ""
    way: str = ""
    module: str = ""
    digest: str = ""

    def __str__(self) -> str:
        where = self.file or (f"module {self.module}" if self.module else "")
        return f"job {self.job!r}" + (f" of {where}" if where else "")

    def is_the_same_as(self, other: "Owner", root: Path) -> bool:
        """Whether a job that asks for the folder `root`, `other`, is the one that has it."""
        if self.job != other.job:
            return False
        if not self.file or not other.file:
            is_known = self.file or self.module
            return not is_known or (not self.file and not other.file and self.module == other.module)
        return self.file == other.file or self.way == other.way or self._was_renamed_to(other, root)

    def place_now(self, path: str, other: "Owner") -> str:
        """Where a file that this job depended on is, now that the job is `other`: moved along, or where it was."""
        if not self.file or not other.file or self.file == other.file or self.way != other.way:
            return path
        if not Path(path).is_absolute():
            return path
        way = os.path.relpath(path, Path(self.file).parent)
        moved = os.path.normpath(Path(other.file).parent / way)
        lay_beside = not way.startswith(os.pardir)
        return moved if os.path.lexists(moved) and (lay_beside or not os.path.lexists(path)) else path

    def _was_renamed_to(self, other: "Owner", root: Path) -> bool:
        places = (Path(self.file), Path(root, self.way))
        return bool(self.digest) and self.digest == other.digest and not any(place.exists() for place in places)


def owner_of(loaded: LoadedJob, root: Path) -> Owner:
    """Return the job, as the folder `root` is to remember it."""
    module = loaded.ref.where if loaded.ref.kind == "module" else _module_of(loaded)
    file = None if loaded.file is None else Path(os.path.realpath(loaded.file))
    if file is None or (loaded.ref.kind != "file" and _is_installed(file)):
        return Owner(job=loaded.job.name, module=module)
    digest = ""
    if file.is_file():
        digest = digest_file(file)
    way = Path(os.path.relpath(file, os.path.realpath(root))).as_posix()
    return Owner(job=loaded.job.name, file=str(file), way=way, module=module, digest=digest)


def _module_of(loaded: LoadedJob) -> str:
    """Return the module of a job's functions; that of a job file has a name that the loader gave it."""
    if loaded.ref.kind == "file":
        return ""
    name = getattr(loaded.job.rendering, "__module__", "") or ""
    return name if name in sys.modules else ""


def _is_installed(file: Path) -> bool:
    return not _INSTALLED.isdisjoint(file.parts) or file.is_relative_to(PACKAGE.resolve())
