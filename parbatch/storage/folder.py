"""The output folder: what lies where, and who holds it."""

import contextlib
import errno
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

from parbatch.errors import CheckpointError, FolderError, FolderHeldError
from parbatch.model.file_names import folded
from parbatch.model.options import Options
from parbatch.model.shard import Shard
from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import Tree, UnsafePathError, is_safe_name

REPORT_NAMES = ("report.json", "junit.xml", "report.html")
# Names that parbatch uses itself at the top of the output folder, besides the reports of shards.
OWN_NAMES = frozenset({"items", "run", *REPORT_NAMES, "merged.json", "merged.jsonl"})
# How a stem of joined checkpoints leads from the logs of all to those of a part: a shard, or a phase.
_OF_A_PART = re.compile(r"\.\./(shards/\d+-of-\d+|\.\./[^./\0][^/\0]*/run)/logs/(?!\.\.?\Z)[^/\0]+")
_OF_A_SHARD = re.compile(r"(report-\d+-of-\d+\.(json|html)|junit-\d+-of-\d+\.xml)")

FOREIGN = "It was not made by parbatch, or is damaged: restore it, or use --fresh, which sets it aside."
_MOST_OF_HOLDER = 1 << 16  # bytes of lock.json, which has some 100

# A process's start is reckoned from the system's clock, which may have been set since; no process id is given anew
# within this time.
_CLOCK_STEP_S = 60


def folder_of(options: Options) -> "Folder":
    """Return the output folder of a run, or the shard of it that was asked for."""
    return Folder(options.out, options.shard)


def is_own_name(name: str) -> bool:
    """Whether parbatch uses a name at the top of the output folder itself, so that nobody else may."""
    return folded(name) in OWN_NAMES or _OF_A_SHARD.fullmatch(folded(name)) is not None


class Folder:
    """Paths inside one output folder: of the whole, or of one shard, which shares `items/` with the others.

    `within` is the folder that the user has named, where this one is that of a phase in it. Below that no link is
    followed. Raises FolderError for a path that can't be written down.
    """

    def __init__(self, root: Path, shard: Shard | None = None, *, within: Path | None = None) -> None:
        self.root = root.absolute()
        self.shard = shard
        self.tree = Tree(self.root if within is None else within)
        self.items = self.root / "items"
        self.shards = self.root / "run" / "shards"
        self.run = self.root / "run" if shard is None else self.shards / shard.name
        self.checkpoint = self.run / "checkpoint.sqlite"
        self.logs = self.run / "logs"
        self.sessions = self.run / "sessions"
        self.tmp = self.run / "tmp"
        self.baselines = self.root / "run" / "baselines"
        self.rejected = self.run / "rejected"
        self.withdrawn = self.run / "withdrawn"
        self.context = self.root / "run" / "context"
        try:
            str(self.root).encode()
        except UnicodeEncodeError:
            raise FolderError(
                f"The output folder's path {str(self.root)!r} is not valid UTF-8, and reports have to name it."
                " Give another with --out."
            ) from None

    def of_shard(self, shard: Shard) -> "Folder":
        """The same for a shard of this folder."""
        return Folder(self.root, shard, within=Path(self.tree.root))

    def of_phase(self, name: str) -> "Folder":
        """The folder of a phase in this one."""
        return Folder(self.root / name, within=Path(self.tree.root))

    @property
    def has_checkpoint(self) -> bool:
        """Whether something was run here. Raises FolderError where that can't be seen, or is no plain file."""
        with self.in_use():
            try:
                with self.tree.folder(self.run) as run:
                    for beside in ("-wal", "-shm"):
                        run.check_plain(f"{self.checkpoint.name}{beside}")
                    return run.check_plain(self.checkpoint.name)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def log(self, stem: str, stream: str) -> Path:
        """Where an item's standard output or error is kept. A stem of joined checkpoints leads to another folder."""
        return self._beside(self.logs, stem, f".{stream}.txt")

    def report(self, name: str) -> Path:
        """Where a report is, given its name as that of the whole, such as `report.json`."""
        kind, dot, extension = name.partition(".")
        return self.root / (name if self.shard is None else f"{kind}-{self.shard.name}{dot}{extension}")

    def rejected_of(self, stem: str) -> Path:
        """Where what an item's last attempt left is kept when validation rejects it.

        Where folders are joined, a stem leads from these logs to the part's own, and its rejected attempts lie beside.
        """
        log = self._beside(self.logs, stem)
        return log.parent.parent / self.rejected.name / log.name

    def session(self, run_id: str) -> Path:
        """Where the record of a run is kept. Raises CheckpointError for what is no run's id."""
        if not is_safe_name(run_id):
            raise CheckpointError(f"{self.checkpoint} names a run {run_id!r}, which no run is named. {FOREIGN}")
        return self.sessions / f"{run_id}.json"

    def make(self) -> None:
        """Create what is missing. Raises FolderError where that can't be done."""
        with self.in_use():
            self.make_root()
            for path in (self.items, self.logs, self.sessions, self.tmp):
                self.tree.make_folder(path)
            for path in (self.rejected, self.context, self.baselines):  # made when they are needed
                self.tree.check_folder(path)
            if not os.access(self.run, os.W_OK) or not os.access(self.items, os.W_OK):
                raise PermissionError(errno.EACCES, "no permission to write", str(self.root))
            self._check_is_one_disk()

    def _check_is_one_disk(self) -> None:
        """Raise OSError where no file can be moved from `run/tmp` to `items/`; the system says so before it looks."""
        nothing = ".one-disk"
        try:
            self.tree.rename(self.tmp / nothing, self.items / nothing)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            why = "it is on another disk, or mount, than run/tmp, from where finished files are moved there"
            raise OSError(errno.EXDEV, why, str(self.items)) from None

    def make_root(self) -> None:
        """Create the folder that the user has named, through links or not."""
        Path(self.tree.root).mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Turn an error of the system in what is done with the folder into FolderError."""
        try:
            yield
        except OSError as error:
            raise unusable(self.root, error) from None

    def _beside(self, logs: Path, stem: str, end: str = "") -> Path:
        if is_safe_name(stem):
            return logs / f"{stem}{end}"
        if _OF_A_PART.fullmatch(stem):
            return Path(os.path.normpath(logs / f"{stem}{end}"))
        raise CheckpointError(f"{self.checkpoint} names the logs of an item {stem!r}, outside of {logs}. {FOREIGN}")


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
    hold = Hold()
    try:
        folder.make()
        with folder.in_use(), folder.tree.written_whole(_holder_file(folder), durable=False) as file:
            file.write(json.dumps(_myself()._asdict()).encode())
        yield hold
    finally:
        # What has happened counts, and what is told of it: a name that stays behind is seen to be that of nobody.
        with contextlib.suppress(OSError):
            folder.tree.remove(_holder_file(folder))
        with contextlib.suppress(OSError):
            if not hold.kept:
                _remove_empty(folder, missing)
        with contextlib.suppress(OSError):
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
    what = folder.root if folder.shard is None else f"shard {folder.shard} of {folder.root}"
    return f"Another run holds {what} ({who}). Wait for it, stop it, or give another folder with --out."


def unusable(root: Path, error: BaseException) -> FolderError:
    """Say in words why an output folder can't be used."""
    if isinstance(error, UnsafePathError):
        return FolderError(f"{in_words(error)}. Remove it; another place for outputs is given with --out.")
    named = getattr(error, "filename", None)
    for path in (*([Path(named)] if named else []), root, *root.parents):
        # On a disk that can only be read the lock is a file, as it should be.
        if isinstance(error, (FileExistsError, NotADirectoryError)) and path.exists() and not path.is_dir():
            return FolderError(f"{path} is a file, not a folder. Give another folder with --out.")
    reason = in_words(error) or str(error)
    reason = reason.removeprefix(f"{root}: ")
    return FolderError(f"The output folder {root} can't be used: {reason}. Mend that, or give another with --out.")
