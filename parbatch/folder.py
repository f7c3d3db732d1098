"""The output folder: what lies where, and who holds it."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from parbatch.errors import FolderError, FolderHeldError

# Names that parbatch uses itself at the top of the output folder.
OWN_NAMES = frozenset({"items", "run", "report.json", "report.html", "junit.xml"})


class Folder:
    """Paths inside one output folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.items = self.root / "items"
        self.report = self.root / "report.json"
        self.run = self.root / "run"
        self.checkpoint = self.run / "checkpoint.sqlite"
        self.logs = self.run / "logs"
        self.sessions = self.run / "sessions"
        self.tmp = self.run / "tmp"

    def log(self, stem: str, stream: str) -> Path:
        """Where an item's standard output or error is kept."""
        return self.logs / f"{stem}.{stream}.txt"

    def make(self) -> None:
        """Create what is missing. Raises FolderError where that can't be done."""
        try:
            for path in (self.items, self.logs, self.sessions, self.tmp):
                path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.run, os.W_OK) or not os.access(self.items, os.W_OK):
                raise PermissionError(13, "no permission to write", str(self.root))
        except OSError as error:
            raise _unusable(self.root, error) from None


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
def held(folder: Folder) -> Iterator[Hold]:
    """Hold the folder for this process alone. The system lets go of it when the process ends, however it ends.

    Where nothing was run, the empty folders that were made for it are removed again, and nothing else is.
    Raises FolderHeldError, which names the holder, and FolderError where the folder can't be used.
    """
    missing = [path for path in _own_folders(folder) if not path.exists()]
    try:
        folder.run.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.run / "lock")
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise FolderHeldError(_held_message(folder)) from None
    except (OSError, NotImplementedError) as error:
        raise _unusable(folder.root, error) from None
    hold = Hold()
    try:
        folder.make()
        _holder_file(folder).write_text(json.dumps(_myself()), encoding="utf-8")
        yield hold
    finally:
        _holder_file(folder).unlink(missing_ok=True)
        if not hold.kept:
            _remove_empty(folder, missing)
        lock.release()


def _own_folders(folder: Folder) -> list[Path]:
    """Every folder that holding one may make, the outermost first."""
    return [
        *reversed(folder.root.parents),
        folder.root,
        folder.items,
        folder.run,
        folder.logs,
        folder.sessions,
        folder.tmp,
    ]


def _remove_empty(folder: Folder, made: list[Path]) -> None:
    if folder.run in made:
        (folder.run / "lock").unlink(missing_ok=True)
    for path in reversed(made):
        with contextlib.suppress(OSError):  # somebody else's files are in it by now
            path.rmdir()


def _holder_file(folder: Folder) -> Path:
    return folder.run / "lock.json"


def _myself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _held_message(folder: Folder) -> str:
    try:
        holder = json.loads(_holder_file(folder).read_text(encoding="utf-8"))
        who = f"pid {holder['pid']} on {holder['host']}, started {holder['started_at']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "it has not said who it is"
    return f"Another run holds {folder.root} ({who}). Wait for it, stop it, or give another folder with --out."


def _unusable(root: Path, error: BaseException) -> FolderError:
    named = getattr(error, "filename", None)
    for path in (*([Path(named)] if named else []), root, *root.parents):
        if path.exists() and not path.is_dir():
            return FolderError(f"{path} is a file, not a folder. Give another folder with --out.")
    reason = getattr(error, "strerror", None) or error
    return FolderError(f"The output folder {root} can't be used: {reason}. Mend that, or give another with --out.")
