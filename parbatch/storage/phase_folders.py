"""A folder of phases as it lies on the disk: which phases it has, how its last run stands, and all of them as one.

Each phase has a folder of its name, as a job without phases has it; `run/phases.json` names them in order, with the
last run and its state.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parbatch.errors import CheckpointError, FolderError
from parbatch.model.job import is_name
from parbatch.model.json_values import NOT_JSON
from parbatch.model.result import RunEnd
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.owner import Owner
from parbatch.storage.reader import require_checkpoint
from parbatch.storage.shards import looking, shards_in
from parbatch.storage.view import Part, join


class Phases(msgspec.Struct, frozen=True):
    """The phases of a folder by their names, in the order in which they are done, their last run, and their job."""

    names: tuple[str, ...]
    run_id: str
    state: str
    end: RunEnd = RunEnd()
    owner: Owner | None = None


def remembered(root: Folder) -> Phases | None:
    """The phases of a folder; None for a folder without. Raises CheckpointError where that can't be read."""
    path = root.run / "phases.json"
    try:
        with root.in_use():
            if not root.tree.is_file(path):
                return None
            phases = msgspec.json.decode(root.tree.read(path), type=Phases)
    except NOT_JSON as error:
        raise CheckpointError(f"{path} can't be read: {error}. Restore it; each run writes it anew.") from None
    if not all(map(is_name, phases.names)):
        raise CheckpointError(f"{path} names phases that no job can have. Restore it; each run writes it anew.")
    return phases


def remember(root: Folder, phases: Phases) -> None:
    """Write down the phases of a folder, and how their run stands."""
    with root.in_use(), root.tree.written_whole(root.run / "phases.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(phases), indent=2) + b"\n")


def forget(root: Folder) -> None:
    """A job without phases has this folder now."""
    root.tree.remove(root.run / "phases.json")


def begun(root: Folder, names: tuple[str, ...]) -> list[Part]:
    """The phases that have a checkpoint, in order; their items' ids get the phase's name before them."""
    folders = {name: root.of_phase(name) for name in names}
    return [Part(name, folder, f"{name}/") for name, folder in folders.items() if folder.has_checkpoint]


def has_begun(root: Folder) -> bool:
    """Whether anything was run in a folder, with or without phases."""
    return root.has_checkpoint or remembered(root) is not None


def checkpoints_in(root: Folder) -> list[Path]:
    """The checkpoints that what is told of a folder may come from: its own, its shards', its phases'."""
    parts = [root]
    with contextlib.suppress(FolderError, CheckpointError):
        phases = remembered(root)
        parts += shards_in(root) if root.shard is None else []
        parts += [one.folder for one in begun(root, phases.names if phases else ())]
    with contextlib.suppress(FolderError):
        return [part.checkpoint for part in parts if part.has_checkpoint]
    return []


@contextlib.contextmanager
def viewing(root: Folder) -> Iterator[Checkpoint]:
    """The checkpoint of a folder for those who only look; of phases or shards, all as one. Raises as `looking` does."""
    phases = remembered(root)
    if phases is None:
        with looking(root) as checkpoint:
            yield checkpoint
        return
    parts = begun(root, phases.names)
    if not parts:
        require_checkpoint(root)
    with damage_in_words(*(part.folder.checkpoint for part in parts)), contextlib.closing(join(parts, root)) as joined:
        joined.set_run(phases.run_id, phases.state, phases.end)
        yield joined
