"""The output folder: what lies where.

Called by every room above. It knows the paths and opens nothing: `lock` says who holds a folder, `layout` which folders
belong together.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from parbatch.errors import CheckpointError, FolderError
from parbatch.model.file_names import folded
from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import Tree, UnsafePathError, is_safe_name

REPORT_NAMES = ("report.json", "junit.xml", "report.html")
# Names that parbatch uses itself at the top of the output folder, besides the reports of shards.
OWN_NAMES = frozenset({"items", "run", *REPORT_NAMES, "merged.json", "merged.jsonl"})
_OF_A_PART = re.compile(r"(report-\d+-of-\d+\.(json|html)|junit-\d+-of-\d+\.xml)")

FOREIGN = "It was not made by parbatch, or is damaged: restore it, or use --fresh, which sets it aside."


def is_own_name(name: str) -> bool:
    """Tell whether parbatch uses a name at the top of the output folder itself, so that nobody else may."""
    return folded(name) in OWN_NAMES or _OF_A_PART.fullmatch(folded(name)) is not None


class Folder:
    """Paths inside one output folder, or one part of it that keeps its checkpoint, logs and records apart.

    `run` is where these are, `root / "run"` unless it is said; `suffix` is added to the names of its reports, so that
    several parts can share a root and its `items/`. `within` is the folder that the user has named, where this one lies
    below it. Below that no link is followed. Raises FolderError for a path that can't be written down.
    """

    def __init__(self, root: Path, run: Path | None = None, suffix: str = "", *, within: Path | None = None) -> None:
        self.root = root.absolute()
        self.tree = Tree(self.root if within is None else within)
        self.items = self.root / "items"
        self.run = self.root / "run" if run is None else run.absolute()
        self.suffix = suffix
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

    def __str__(self) -> str:
        """Name the folder as people know it: its root, or which part of it this is."""
        return f"shard {self.suffix[1:].replace('-of-', '/')} of {self.root}" if self.suffix else str(self.root)

    def below(self, name: str) -> "Folder":
        """Return an output folder of its own below this one."""
        return Folder(self.root / name, within=Path(self.tree.root))

    def part(self, run: Path, suffix: str) -> "Folder":
        """Return a part of this folder, which shares its root and `items/`."""
        return Folder(self.root, run, suffix, within=Path(self.tree.root))

    def whole(self) -> "Folder":
        """Return the folder that this one is a part of; itself, where it is none."""
        return Folder(self.root, within=Path(self.tree.root)) if self.suffix else self

    @property
    def has_checkpoint(self) -> bool:
        """Tell whether something was run here. Raises FolderError where that can't be seen, or is no plain file."""
        with self.in_use():
            try:
                with self.tree.folder(self.run) as run:
                    for beside in ("-wal", "-shm"):
                        run.check_plain(f"{self.checkpoint.name}{beside}")
                    return run.check_plain(self.checkpoint.name)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def log(self, stem: str, stream: str) -> Path:
        """Return where an item's standard output or error is kept."""
        return self._beside(self.logs, stem, f".{stream}.txt")

    def report(self, name: str) -> Path:
        """Return where a report is, given its name as that of the whole, such as `report.json`."""
        kind, dot, extension = name.partition(".")
        return self.root / f"{kind}{self.suffix}{dot}{extension}"

    def rejected_of(self, stem: str) -> Path:
        """Return where what an item's last attempt left is kept when validation rejects it."""
        return self._beside(self.rejected, stem)

    def session(self, run_id: str) -> Path:
        """Return where the record of a run is kept. Raises CheckpointError for what is no run's id."""
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
        raise CheckpointError(f"{self.checkpoint} names the logs of an item {stem!r}, outside of {logs}. {FOREIGN}")


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
