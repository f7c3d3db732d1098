"""Who holds an output folder: one process at a time, by a lock that the system lets go of when the process ends.

Called by the engine around everything that changes a folder, and by readers, who ask for the holder and take no lock.
It knows nothing of checkpoints and parts.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import filelock
import psutil

from parbatch.errors import FolderHeldError
from parbatch.storage.folder import Folder, unusable
from parbatch.storage.tree import UnsafePathError

_MOST_OF_HOLDER = 1 << 16  # bytes of lock.json, which has some 100

# A process's start is reckoned from the system's clock, which may have been set since; no process id is given anew
# within this time.
_CLOCK_STEP_S = 60


class Hold:
    """A folder that is held. Unless `keep` is called, all that was made for holding it goes again."""

    def __init__(self) -> None:
        self.kept = False

    def keep(self) -> None:
        """Say that the folder holds a run now."""
        self.kept = True

    def drop(self) -> None:
        """Say that it holds none after all."""
        self.kept = False


@contextlib.contextmanager
def hold(folder: Folder) -> Iterator[Hold]:
    """Hold the folder for this process alone. The system lets go of it when the process ends, however it ends.

    Where nothing was run, the empty folders that were made for it are removed again, and nothing else is.
    Raises FolderHeldError, which names the holder, and FolderError where the folder can't be used.
    """
    try:
        missing = [path for path in _own_folders(folder) if not path.exists()]
        folder.make_root()
        folder.tree.make_folder(folder.run)
        folder.tree.is_file(folder.run / "lock")
        lock = filelock.FileLock(folder.run / "lock")
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise FolderHeldError(_held_message(folder)) from None
    except (OSError, NotImplementedError) as error:
        raise unusable(folder.root, error) from None
    held = Hold()
    try:
        folder.make()
        with folder.in_use(), folder.tree.written_whole(_holder_file(folder), durable=False) as file:
            file.write(json.dumps(_myself()._asdict()).encode())
        yield held
    finally:
        # What has happened counts, and what is told of it: a name that stays behind is seen to be that of nobody.
        with contextlib.suppress(OSError):
            folder.tree.remove(_holder_file(folder))
        with contextlib.suppress(OSError):
            if not held.kept:
                _remove_empty(folder, missing)
        with contextlib.suppress(OSError):
            lock.release()


def _own_folders(folder: Folder) -> list[Path]:
    """List every folder that holding one may make, the outermost first."""
    return [
        *reversed(folder.root.parents),
        folder.root,
        folder.items,
        *reversed([path for path in folder.run.parents if path.is_relative_to(folder.root) and path != folder.root]),
        folder.run,
        folder.logs,
        folder.sessions,
        folder.tmp,
    ]


def _remove_empty(folder: Folder, made: list[Path]) -> None:
    if folder.run in made:
        folder.tree.remove(folder.run / "lock")
    for path in reversed(made):
        with contextlib.suppress(OSError):  # somebody else's files are in it by now
            path.rmdir()


class Holder(NamedTuple):
    """The process that holds a folder, as it wrote itself down."""

    pid: int
    host: str
    started_at: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, started {self.started_at}"

    @property
    def is_gone(self) -> bool:
        """Tell whether the process is known to be no more: killed before it could take its name away.

        Of a process on another host nothing can be known from here.
        """
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            is_another = process.create_time() > datetime.fromisoformat(self.started_at).timestamp() + _CLOCK_STEP_S
            return is_another or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def holder(folder: Folder) -> Holder | None:
    """Return who holds the folder now, if anybody does. Only look: a lock taken to find out could turn a run away."""
    written = _written_holder(folder)
    return None if written is None or written.is_gone else written


def _written_holder(folder: Folder) -> Holder | None:
    try:
        values = json.loads(folder.tree.read(_holder_file(folder), _MOST_OF_HOLDER))
        datetime.fromisoformat(values["started_at"])
        return Holder(int(values["pid"]), str(values["host"]), str(values["started_at"]))
    except UnsafePathError as error:
        raise unusable(folder.root, error) from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _holder_file(folder: Folder) -> Path:
    return folder.run / "lock.json"


def _myself() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))


def _held_message(folder: Folder) -> str:
    who = _written_holder(folder) or "it has not said who it is"
    return f"Another run holds {folder} ({who}). Wait for it, stop it, or give another folder with --out."
