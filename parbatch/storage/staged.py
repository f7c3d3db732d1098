"""From an attempt's private folder to readers, whole or not at all.

A worker stages: it finishes the files and says what they are. The parent publishes: it moves them into place. A
worker can be ended at any instant, for its time or its memory, and must not be the one that moves files then.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from parbatch.errors import PublishError
from parbatch.model.outcome import Output
from parbatch.storage.directory import place
from parbatch.storage.tree import Directory, digest_file, digest_of

_MOST_NS = 2**63 - 1  # in the year 2262; archives bring along any time


def stage(folder: Path, made: os.stat_result | None = None) -> tuple[Output, ...]:
    """List the files in an attempt's folder, in the order of their paths. `made` is the folder as it was when made.

    Raises PublishError for anything but plain files and folders: a link could lead readers out of the output folder;
    for a folder that is not the one that was made, or not there, and for what can't be read.
    """
    outputs: list[Output] = []
    try:
        _check_is_the_one(folder, made)
        for parent, folders, files in os.walk(folder, onerror=_raise):
            outputs += _staged(folder, parent, folders, files)
    except OSError as error:
        shown = os.path.relpath(error.filename, folder) if error.filename else "."
        what = "ctx.dir" if shown == "." else f"{shown} in ctx.dir"
        raise PublishError(f"{what} can't be read: {error.strerror}") from None
    return tuple(sorted(outputs, key=lambda output: output.path))


def _raise(error: OSError) -> None:
    raise error


def _check_is_the_one(folder: Path, made: os.stat_result | None) -> None:
    """Raise PublishError where an attempt's folder was removed, or something else is in its place."""
    try:
        now = folder.lstat()
    except FileNotFoundError:
        raise PublishError("ctx.dir was removed while the item was rendered; what was in it is lost") from None
    is_another = made is not None and (now.st_dev, now.st_ino) != (made.st_dev, made.st_ino)
    if is_another or not stat.S_ISDIR(now.st_mode):  # a link can get the number of the folder that was removed for it
        raise PublishError("ctx.dir is not the folder any more that it was: something else was put in its place")


def _staged(folder: Path, parent: str, folders: list[str], files: list[str]) -> Iterator[Output]:
    folders.sort()
    for name in [*files, *(f for f in folders if Path(parent, f).is_symlink())]:
        path = Path(parent, name)
        state = path.lstat()
        shown = path.relative_to(folder).as_posix()
        if not stat.S_ISREG(state.st_mode):
            raise PublishError(f"{shown} in ctx.dir is not a plain file; only files and folders are published")
        try:
            shown.encode()
        except UnicodeEncodeError:
            raise PublishError(f"{shown!r} in ctx.dir has a name that is not valid text") from None
        yield Output(shown, state.st_size, mtime_of(state), digest_file(path))


def mtime_of(state: os.stat_result) -> int:
    """When a file was changed last, in nanoseconds; a time beyond what the checkpoint can hold is the last it can."""
    return max(-_MOST_NS, min(state.st_mtime_ns, _MOST_NS))


def is_intact(output: Output, target: Path) -> bool | None:
    """Whether a published file is what it was: True, False when it was changed, None when it is not there.

    A file of the same size and time is taken as unchanged; at another time its content decides.
    """
    try:
        with Directory.at(str(target)) as there, place(there, output.path) as (folder, name):
            state = folder.state(name)
            if state is None:
                return None
            if state.st_size != output.size or not stat.S_ISREG(state.st_mode):
                return False
            if mtime_of(state) == output.mtime_ns:
                return True
            with folder.open(name) as file:
                return digest_of(file) == output.digest
    except OSError:
        return None
