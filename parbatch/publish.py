"""From an attempt's private folder to readers, whole or not at all.

A worker stages: it finishes the files and says what they are. The parent publishes: it moves them into place. A
worker can be ended at any instant, for its time or its memory, and must not be the one that moves files then.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from parbatch.files import digest_file
from parbatch.model import Output

_MOST_NS = 2**63 - 1  # in the year 2262; archives bring along any time


class PublishError(Exception):
    """What an attempt left behind can't be published; the message says which file and why."""


def stage(folder: Path) -> tuple[Output, ...]:
    """The files in an attempt's folder, in the order of their paths.

    Raises PublishError for anything but plain files and folders: a link could lead readers out of the output folder.
    """
    outputs = []
    for parent, folders, files in os.walk(folder):
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
            outputs.append(Output(shown, state.st_size, mtime_of(state), digest_file(path)))
    return tuple(sorted(outputs, key=lambda output: output.path))


def mtime_of(state: os.stat_result) -> int:
    """When a file was changed last, in nanoseconds; a time beyond what the checkpoint can hold is the last it can."""
    return max(-_MOST_NS, min(state.st_mtime_ns, _MOST_NS))


def publish(staged: Path, outputs: Iterable[Output], target: Path) -> None:
    """Move an attempt's files into `target`, each over what was there before.

    Every obstacle that can be seen beforehand is looked for before the first file moves. Raises PublishError.
    """
    outputs = tuple(outputs)
    try:
        for output in outputs:
            place = target / output.path
            if "/" in output.path:
                place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                raise IsADirectoryError(21, "a folder of that name is there", str(place))
        for output in outputs:
            os.replace(staged / output.path, target / output.path)
    except OSError as error:
        raise PublishError(f"{error.filename} can't be published: {error.strerror}") from None
    shutil.rmtree(staged, ignore_errors=True)


def withdraw(paths: Iterable[str], target: Path) -> None:
    """Remove published files, and the folders that this leaves empty; never anything outside `target`."""
    for path in paths:
        place = target / path
        if not is_inside(place, target):
            continue  # no attempt publishes there: somebody wrote it into the checkpoint, or put a link in the way
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
        for parent in place.relative_to(target).parents[:-1]:
            with contextlib.suppress(OSError):  # it still holds something, or is gone already
                (target / parent).rmdir()


def is_inside(place: Path, target: Path) -> bool:
    """Whether a path, its links followed but for the last, lies in `target`."""
    return place.name != ".." and place.parent.resolve().is_relative_to(target.resolve())


def is_intact(output: Output, target: Path) -> bool | None:
    """Whether a published file is what it was: True, False when it was changed, None when it is not there.

    A file of the same size and time is taken as unchanged; at another time its content decides.
    """
    place = target / output.path
    try:
        state = place.stat()
    except OSError:
        return None
    if state.st_size != output.size or not stat.S_ISREG(state.st_mode):
        return False
    return mtime_of(state) == output.mtime_ns or digest_file(place) == output.digest
