"""What a killed run had begun to publish or withdraw, brought to an end or taken back by whoever writes next.

The caller holds the folder. Nothing here depends on how far the killed run came: each step may be done, or not, or
have been done by an earlier recovery that was killed itself.
"""

import contextlib
import os
import re
import stat

import msgspec

from parbatch.model.file_names import folded
from parbatch.model.outcome import Output
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.directory import Directory, place
from parbatch.storage.folder import Folder
from parbatch.storage.publishing import MOVED, OLD, take_back
from parbatch.storage.staged import mtime_of
from parbatch.storage.tree import digest_of
from parbatch.storage.withdrawals import CUT_OFF, carry_out, waits_below

_ATTEMPT = re.compile(r"(-?)\d+\.\d+")
_OUTPUT = (
    "SELECT outputs.digest, mtime_ns, status FROM outputs LEFT JOIN items ON items.id = outputs.id WHERE place = ?"
)
_PRODUCT = "SELECT digest, mtime_ns, '' FROM products WHERE path = ?"


def recover(checkpoint: Checkpoint, folder: Folder) -> None:
    """Withdraw what is to be withdrawn, take back what was published and never committed, and remove what is half done.

    What can't be taken back now stays in `run/tmp`, for the next who comes by.
    """
    carry_out(checkpoint, folder)
    tree = folder.tree
    for run_id in tree.names(folder.tmp):
        run = folder.tmp / run_id
        with contextlib.suppress(OSError):
            if tree.is_folder(run):
                _bring_back(checkpoint, folder, run_id)
                with tree.folder(run) as tmp, tree.folder(folder.items) as items, tree.folder(folder.root) as root:
                    for name in tmp.names():
                        if (attempt := _ATTEMPT.fullmatch(name)) is not None:
                            _take_back(
                                checkpoint, tmp, name, root if attempt[1] else items, is_product=bool(attempt[1])
                            )
            if not waits_below(checkpoint, folder, run_id):
                tree.remove_tree(run)
    for name in tree.names(folder.sessions):
        if name.endswith(".json.new"):  # a record that was not written to its end
            tree.remove(folder.sessions / name)


def _take_back(checkpoint: Checkpoint, tmp: Directory, staged: str, target: Directory, *, is_product: bool) -> None:
    """Take back what one attempt has published and nobody has committed."""
    paths = _published(tmp, staged, target)
    for path in paths:
        kept = _state(tmp, f"{staged}{OLD}/{path}") is not None
        if not _is_committed(checkpoint, target, path, kept=kept, is_product=is_product):
            take_back(target, tmp, staged, path, kept=kept)


def _published(tmp: Directory, staged: str, target: Directory) -> list[str]:
    """Return the paths in `target` where the very files of an attempt are."""
    found = []
    for path in _files_below(tmp, staged):
        mine, there = _state(tmp, f"{staged}/{path}"), _state(target, path)
        if mine is not None and there is not None and os.path.samestat(mine, there):
            found.append(path)
    return found + [path for path in _moved(tmp, staged, target) if path not in found]


def _moved(tmp: Directory, staged: str, target: Directory) -> list[str]:
    """Name the files that could not have two names and are in place: as they were written down, or only begun."""
    try:
        lines = tmp.read(staged + MOVED).splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):  # the last line of a run that was killed while it wrote it
            output = msgspec.json.decode(line, type=Output)
            state = _state(target, output.path)
            if state is not None and _is_moved(state, output):
                found.append(output.path)
    return found


def _is_moved(state: os.stat_result, output: Output) -> bool:
    """Whether a file is one that was moved there, or the empty one that held its place."""
    if not stat.S_ISREG(state.st_mode):
        return False
    return not state.st_size or (state.st_size == output.size and mtime_of(state) == output.mtime_ns)


def _is_committed(checkpoint: Checkpoint, target: Directory, path: str, *, kept: bool, is_product: bool) -> bool:
    """Whether the checkpoint knows what is there: by its content and, where something was kept, by more than that.

    An item that is done anew, as after somebody edited its output, has the content that the checkpoint knows from
    before: then it counts as committed where its item is ok, or the file has the time that was written down.
    """
    query, value = (_PRODUCT, path) if is_product else (_OUTPUT, folded(path))
    row = checkpoint._db.execute(query, (value,)).fetchone()
    if row is None:
        return False
    digest, mtime_ns, status = row
    state = _state(target, path)
    if kept and status != "ok" and (state is None or mtime_of(state) != mtime_ns):
        return False
    with place(target, path) as (folder, name), folder.open(name) as file:
        return bool(digest_of(file) == digest)


def _bring_back(checkpoint: Checkpoint, folder: Folder, run_id: str) -> None:
    """Look for what was withdrawn and is not in the checkpoint, whose last commits a power cut can undo.

    It is put back where the checkpoint still has it; else it is written down.
    """
    tree, root = folder.tree, folder.withdrawn / run_id
    if not tree.is_folder(root):
        return
    with tree.folder(root) as withdrawn:
        paths = [*_files_below(withdrawn, "")]
    for path in paths:
        kept = (root / path).relative_to(folder.root).as_posix()
        if checkpoint._db.execute("SELECT 1 FROM withdrawn WHERE kept = ?", (kept,)).fetchone():
            continue
        row = checkpoint._db.execute("SELECT id FROM outputs WHERE place = ?", (folded(path),)).fetchone()
        if row is not None and tree.state(folder.items / path) is None:
            tree.make_folder((folder.items / path).parent)
            tree.rename(root / path, folder.items / path)
        else:
            checkpoint._db.execute(
                "INSERT INTO withdrawn VALUES (?, ?, ?, ?, ?, ?, 1)",
                (kept, f"items/{path}", path, row[0] if row else "", run_id, CUT_OFF),
            )


def _files_below(folder: Directory, path: str) -> list[str]:
    """Return the paths of all that lies below, and is no folder, from `path` on."""
    found: list[str] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), contextlib.ExitStack() as opened:
        here = opened.enter_context(folder.enter(path)) if path else folder
        for name in here.names():
            state = here.state(name)
            if state is not None and stat.S_ISDIR(state.st_mode):
                found += [f"{name}/{below}" for below in _files_below(here, name)]
            elif state is not None:
                found.append(name)
    return found


def _state(folder: Directory, path: str) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), place(folder, path) as (parent, name):
        return parent.state(name)
    return None
