"""The parent's side of publishing: an attempt's files get their places before readers, all of them or none.

    run/tmp/<run>/<attempt>/a.docx ─── second name ──▶ items/a.docx           where nothing is
    run/tmp/<run>/<attempt>.old/a.docx ◀─ change places ─▶ items/a.docx       where an older output is

Nothing is given up until the outcome is committed: the staged file keeps its name, so its inode tells whose file is in
`items/`, and what was there before is kept beside it. So a publication can be taken back: by `take_back` at once, or
after a kill by `recovery`. A file that parbatch did not publish is never touched.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from parbatch.errors import PublishError
from parbatch.model.outcome import Output
from parbatch.storage.directory import Directory, place
from parbatch.storage.staged import mtime_of
from parbatch.storage.tree import Tree, UnsafePathError, digest_of

OLD = ".old"  # behind an attempt's name: the folder with what was in the places of its files before
MOVED = ".moved"  # and the list of its files, where the disk gives no file two names, or not this one

_NO_SECOND_NAME = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_TRIES = 100  # somebody else would have to make and remove a file as often


# What parbatch has published at a path, given what is there.
Known = Callable[[str, os.stat_result], Output | None]


class ForeignFileError(PublishError):
    """A file that parbatch did not publish is where an output should go."""


@dataclass(slots=True)
class Step:
    """One file in its place; `kept` says that what was there before is kept, `is_edited` that it was not as published.

    One that was there already, with the same bytes, is as it was (`is_there`).
    """

    path: str
    kept: bool = False
    is_edited: bool = False
    is_there: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    """A staged file, and the place that it gets."""

    output: Output
    origin: Directory
    staged_name: str
    folder: Directory
    name: str

    @property
    def place(self) -> str:
        """Where it goes, for a message."""
        return self.folder.path_of(self.name)


@dataclass(slots=True)
class Publication:
    """An attempt's files, in their places and not yet committed; `staged` is its name in the run's temporary folder."""

    staged: str
    outputs: list[Output] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    is_moved: bool = False

    @property
    def edited(self) -> list[str]:
        """The paths where somebody had edited what was published before."""
        return [step.path for step in self.steps if step.is_edited]


def is_as_published(state: os.stat_result, output: Output, folder: Directory, name: str) -> bool:
    """Whether a file is what was published: the same size and time, or at another time the same content."""
    if state.st_size != output.size or not stat.S_ISREG(state.st_mode):
        return False
    return mtime_of(state) == output.mtime_ns or _digest(folder, name) == output.digest


def _looks_like(state: os.stat_result, output: Output) -> bool:
    return stat.S_ISREG(state.st_mode) and (state.st_size, mtime_of(state)) == (output.size, output.mtime_ns)


def _digest(folder: Directory, name: str) -> str:
    with folder.open(name) as file:
        return digest_of(file)


def remove_published(folder: Directory, path: str) -> None:
    """Remove a file, and the folders on the way to it that this leaves empty."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), place(folder, path) as (parent, name):
        parent.remove(name)
    remove_empty_parents(folder, path)


def remove_empty_parents(folder: Directory, path: str) -> None:
    """Remove the folders on the way to a path that have nothing in them."""
    while "/" in path:
        path = path.rpartition("/")[0]
        with contextlib.suppress(OSError), place(folder, path) as (parent, name):
            if not parent.remove_empty(name):
                return


class Publisher:
    """Puts the files of attempts, which lie in `tmp`, into `target`; both are folders below the root of the tree."""

    def __init__(self, tree: Tree, target: str | os.PathLike[str], tmp: str | os.PathLike[str]) -> None:
        self._target = tree.folder(target)
        self._tmp = tree.folder(tmp)

    def close(self) -> None:
        """Let go of the folders."""
        self._target.close()
        self._tmp.close()

    def publish(self, staged: str, outputs: Sequence[Output], before: Known) -> Publication:
        """Put an attempt's files into their places: all of them or, with PublishError, none.

        `before` is asked what parbatch itself has published in a place where something is; None: nothing.
        """
        publication = Publication(staged)
        try:
            with self._tmp.enter(staged) as source:
                for output in outputs:
                    self._put(publication, source, output, before)
        except PublishError:
            self.take_back(publication)
            raise
        except OSError as error:
            self.take_back(publication)
            why = f"it {error.strerror}" if isinstance(error, UnsafePathError) else error.strerror
            raise PublishError(f"{error.filename} can't be published: {why}") from None
        return publication

    def take_back(self, publication: Publication) -> None:
        """Put everything back as it was before."""
        for step in reversed(publication.steps):
            if not step.is_there:
                # What can't be taken back now stays in the temporary folder's record, and `recovery` tries again.
                with contextlib.suppress(OSError):
                    take_back(self._target, self._tmp, publication.staged, step.path, kept=step.kept)

    def discard(self, publication: Publication) -> None:
        """Remove what was kept of an attempt that is committed."""
        folders = [publication.staged, *([publication.staged + OLD] if any(s.kept for s in publication.steps) else [])]
        for folder in folders:
            with contextlib.suppress(OSError), self._tmp.enter(folder) as opened:
                for output in publication.outputs:
                    if "/" not in output.path:
                        opened.remove(output.path)
            if not self._tmp.remove_empty(folder):
                self._tmp.remove_tree(folder)
        if publication.is_moved:
            self._tmp.remove(publication.staged + MOVED)

    # --- inside

    def _put(self, publication: Publication, source: Directory, output: Output, before: Known) -> None:
        with (
            place(self._target, output.path, make=True) as (folder, name),
            place(source, output.path) as (origin, staged_name),
        ):
            state = origin.state(staged_name)
            if state is None or not _looks_like(state, output):
                raise PublishError(f"{output.path} was changed in ctx.dir after the item had ended")
            file = _File(output, origin, staged_name, folder, name)
            try:
                self._place(publication, file, before, moves=False)
            except OSError as error:
                if error.errno not in _NO_SECOND_NAME:
                    raise
                self._note(publication, output)  # what goes where is written down first
                self._place(publication, file, before, moves=True)

    def _place(self, publication: Publication, file: _File, before: Known, *, moves: bool) -> None:
        """Put a file where nothing is, or over what is there; with `moves` one that can't have two names."""
        for _ in range(_TRIES):
            try:
                if moves:  # a place of its own, over which the file can be moved
                    file.folder.create_new(file.name).close()
                else:
                    file.origin.link(file.staged_name, file.folder, file.name)
            except FileExistsError:
                with contextlib.suppress(FileNotFoundError):  # gone again just now
                    if self._put_over(publication, file, before, moves=moves):
                        return
                continue
            publication.steps.append(Step(file.output.path))
            publication.outputs.append(file.output)
            if moves:
                file.origin.rename(file.staged_name, file.folder, file.name)
            return
        raise PublishError(f"{file.place} can't be published: a file there comes and goes")

    def _put_over(self, publication: Publication, file: _File, before: Known, *, moves: bool) -> bool:
        """Take the place of what is there, if it is parbatch's own. Returns False where nothing is there any more."""
        state = file.folder.state(file.name)
        if state is None:
            return False
        if stat.S_ISDIR(state.st_mode):
            raise PublishError(f"{file.place} can't be published: a folder of that name is there")
        output = file.output
        known = before(output.path, state)
        if known is None:
            self._accept_the_same(publication, file, state)
            return True
        with place(self._tmp, f"{publication.staged}{OLD}/{output.path}", make=True) as (old, old_name):
            step = Step(output.path, kept=True)
            if moves:
                file.folder.rename(file.name, old, old_name)
            else:
                _exchange(file, old, old_name)
            publication.steps.append(step)
            publication.outputs.append(output)
            if moves:
                file.origin.rename(file.staged_name, file.folder, file.name)
            kept = old.state(old_name)
            assert kept is not None
            step.is_edited = not any(is_as_published(kept, own, old, old_name) for own in (known, output))
        return True

    def _accept_the_same(self, publication: Publication, file: _File, state: os.stat_result) -> None:
        """Leave a file as it is that has the very bytes that belong there. Raises ForeignFileError for any other."""
        output = file.output
        is_alike = stat.S_ISREG(state.st_mode) and state.st_size == output.size
        if is_alike and _digest(file.folder, file.name) == output.digest:
            publication.steps.append(Step(output.path, is_there=True))
            publication.outputs.append(msgspec.structs.replace(output, mtime_ns=mtime_of(state)))
            return
        raise ForeignFileError(
            f"{file.place} is there already, and parbatch did not publish it. It is left as it is: move it"
            " away, then go on with --resume."
        )

    def _note(self, publication: Publication, output: Output) -> None:
        publication.is_moved = True
        with self._tmp.append(publication.staged + MOVED) as file:
            file.write(msgspec.json.encode(output) + b"\n")


def _exchange(file: _File, kept: Directory, kept_name: str) -> None:
    """Put a second name of the staged file into its place, at one instant, and keep what was there."""
    file.origin.link(file.staged_name, kept, kept_name)
    try:
        kept.exchange(kept_name, file.folder, file.name)
    except OSError as error:
        kept.remove(kept_name)
        if error.errno not in _NO_EXCHANGE:
            raise
        file.folder.link(file.name, kept, kept_name)
        file.origin.link(file.staged_name, kept, f"{kept_name}.new")
        kept.rename(f"{kept_name}.new", file.folder, file.name)


def take_back(target: Directory, tmp: Directory, staged: str, path: str, *, kept: bool) -> None:
    """Take one published file back: what was in its place before is there again, or nothing."""
    if not kept:
        remove_published(target, path)
        return
    with place(tmp, f"{staged}{OLD}/{path}") as (old, old_name), place(target, path, make=True) as (folder, name):
        old.rename(old_name, folder, name)
