"""The output folder: what lies where, and who holds it."""

import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import filelock
import psutil

from parbatch.errors import FolderError, FolderHeldError
from parbatch.naming import folded
from parbatch.sharding import Shard

# Names that parbatch uses itself at the top of the output folder, besides the reports of shards.
OWN_NAMES = frozenset({"items", "run", "report.json", "report.html", "junit.xml", "merged.json", "merged.jsonl"})
_OF_A_SHARD = re.compile(r"(report-\d+-of-\d+\.(json|html)|junit-\d+-of-\d+\.xml)")

# A process's start is reckoned from the system's clock, which may have been set since; no process id is given anew
# within this time.
_CLOCK_STEP_S = 60


def is_own_name(name: str) -> bool:
    """Whether parbatch uses a name at the top of the output folder itself, so that nobody else may."""
    return folded(name) in OWN_NAMES or _OF_A_SHARD.fullmatch(folded(name)) is not None


class Folder:
    """Paths inside one output folder: of the whole, or of one shard, which shares `items/` with the others."""

    def __init__(self, root: Path, shard: Shard | None = None) -> None:
        self.root = root.absolute()
        self.shard = shard
        self.items = self.root / "items"
        self.shards = self.root / "run" / "shards"
        self.run = self.root / "run" if shard is None else self.shards / shard.name
        self.checkpoint = self.run / "checkpoint.sqlite"
        self.logs = self.run / "logs"
        self.sessions = self.run / "sessions"
        self.tmp = self.run / "tmp"
        self.baselines = self.root / "run" / "baselines"
        self.rejected = self.run / "rejected"
        self.context = self.root / "run" / "context"

    def log(self, stem: str, stream: str) -> Path:
        """Where an item's standard output or error is kept. A stem of joined checkpoints leads to another folder."""
        path = self.logs / f"{stem}.{stream}.txt"
        return Path(os.path.normpath(path)) if stem.startswith("../") else path

    def report(self, name: str) -> Path:
        """Where a report is, given its name as that of the whole, such as `report.json`."""
        kind, dot, extension = name.partition(".")
        return self.root / (name if self.shard is None else f"{kind}-{self.shard.name}{dot}{extension}")

    def rejected_of(self, stem: str) -> Path:
        """Where what an item's last attempt left is kept when validation rejects it.

        Where folders are joined, a stem leads from these logs to the part's own, and its rejected attempts lie beside.
        """
        log = Path(os.path.normpath(self.logs / stem))
        return log.parent.parent / self.rejected.name / log.name

    def session(self, run_id: str) -> Path:
        """Where the record of a run is kept."""
        return self.sessions / f"{run_id}.json"

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
        _holder_file(folder).write_text(json.dumps(_myself()._asdict()), encoding="utf-8")
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
        *([] if folder.shard is None else [folder.root / "run", folder.shards]),
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


class Holder(NamedTuple):
    """The process that holds a folder, as it wrote itself down."""

    pid: int
    host: str
    started_at: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, started {self.started_at}"

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to be no more: killed before it could take its name away.

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
    """Who holds the folder now, if anybody does. Only looks: a lock taken to find out could turn a run away."""
    written = _written_holder(folder)
    return None if written is None or written.is_gone else written


def _written_holder(folder: Folder) -> Holder | None:
    try:
        values = json.loads(_holder_file(folder).read_text(encoding="utf-8"))
        datetime.fromisoformat(values["started_at"])
        return Holder(int(values["pid"]), str(values["host"]), str(values["started_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _holder_file(folder: Folder) -> Path:
    return folder.run / "lock.json"


def _myself() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))


def _held_message(folder: Folder) -> str:
    who = _written_holder(folder) or "it has not said who it is"
    what = folder.root if folder.shard is None else f"shard {folder.shard} of {folder.root}"
    return f"Another run holds {what} ({who}). Wait for it, stop it, or give another folder with --out."


def _unusable(root: Path, error: BaseException) -> FolderError:
    named = getattr(error, "filename", None)
    for path in (*([Path(named)] if named else []), root, *root.parents):
        # On a disk that can only be read the lock is a file, as it should be.
        if isinstance(error, (FileExistsError, NotADirectoryError)) and path.exists() and not path.is_dir():
            return FolderError(f"{path} is a file, not a folder. Give another folder with --out.")
    reason = getattr(error, "strerror", None) or error
    return FolderError(f"The output folder {root} can't be used: {reason}. Mend that, or give another with --out.")
