"""Which folders belong to a run: one, or one for each phase, or one for each shard.

A part is a folder with a `run/` of its own: lock, checkpoint, logs and records. Called by the engine to say what is to
be run, and by readers to find out what is there. What differs between a plain run, phases and shards is said here, so
that nobody else has to ask. It opens no checkpoint.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from parbatch.errors import CheckpointError, FolderError
from parbatch.model.options import Options
from parbatch.model.shard import Shard, named_shard, shard_of
from parbatch.storage.folder import Folder
from parbatch.storage.lock import holder
from parbatch.storage.phase_record import read_phases


class Part(NamedTuple):
    """A folder with a checkpoint of its own: its name for people, and what stands before its items' ids.

    A plain run's is named "", a phase's `lego` with the prefix `lego/`, a shard's `2/5`.
    """

    name: str
    folder: Folder
    prefix: str = ""
    shard: Shard | None = None

    @property
    def shard_name(self) -> str | None:
        """The part's name where it is a shard, such as `2/5`."""
        return None if self.shard is None else self.name


@dataclass(frozen=True)
class Layout:
    """The parts of a run, in order, below one root; `chosen` is the one part that is meant, None for all of them."""

    kind: Literal["single", "phases", "shards"]
    root: Folder
    parts: tuple[Part, ...]
    chosen: Part | None = None

    @property
    def folder(self) -> Folder:
        """The folder that is meant: the chosen part's, or the root."""
        return self.root if self.chosen is None else self.chosen.folder

    @property
    def is_split(self) -> bool:
        """Whether pieces of one list are meant, all of them: each is finished, and told of, for itself."""
        return self.kind == "shards" and self.chosen is None

    @property
    def meant(self) -> tuple[Part, ...]:
        """The parts that are meant: the chosen one, or all."""
        return self.parts if self.chosen is None else (self.chosen,)

    @property
    def is_single(self) -> bool:
        """Whether its one part is the root itself."""
        return self.kind == "single"

    @property
    def is_run_as_one(self) -> bool:
        """Whether one process does all parts in order, holding the root meanwhile, and reports on all: phases."""
        return self.kind == "phases"

    def begun(self) -> tuple[Part, ...]:
        """Return the parts that are meant and hold a checkpoint."""
        return tuple(part for part in self.meant if part.folder.has_checkpoint)

    def locate(self, item: str) -> tuple[Part, str]:
        """Return the part that has an item, and the item's id there. Of phases, an id without one is the last one's."""
        if self.kind == "shards":
            return self.parts[shard_of(item, len(self.parts)) - 1], item
        for part in self.parts:
            if part.prefix and item.startswith(part.prefix):
                return part, item.removeprefix(part.prefix)
        return self.parts[-1], item


def wanted_layout(out: Path, phases: Sequence[str] = (), shard: Shard | None = None) -> Layout:
    """Return the layout of a run that is asked for: of these phases, or of this shard, which is chosen, or of one part.

    Raises FolderError for a path that can't be written down.
    """
    root = Folder(out)
    if phases:
        return Layout("phases", root, _phases(root, phases))
    if shard is not None:
        parts = _shards(root, shard.of)
        return Layout("shards", root, parts, parts[shard.number - 1])
    return Layout("single", root, (Part("", root),))


def read_layout(folder: Folder) -> Layout | None:
    """Return what the disk holds; None where nothing was run. Of a part's folder, the whole with that part chosen.

    Raises FolderError where there are shards that can't belong together, CheckpointError for a damaged record.
    """
    root = folder.whole()
    if (phases := read_phases(root)) is not None:
        return Layout("phases", root, _phases(root, phases.names))
    if begun := _begun_shards(root):
        counts = {part.shard.of for part in begun if part.shard is not None}
        if len(counts) > 1:
            names = ", ".join(part.folder.run.name for part in begun)
            raise FolderError(
                f"{_shards_folder(root)} has shards that can't belong together: {names}. Move away those that are"
                " wrong."
            )
        return Layout("shards", root, _shards(root, counts.pop()), _part_of(folder))
    return Layout("single", root, (Part("", root),)) if root.has_checkpoint else None


def require_layout(folder: Folder) -> Layout:
    """Return what the disk holds of a folder, or of a part of it, for those who look.

    Raises FolderError where nothing was run there, or in other parts, and as `read_layout` does.
    """
    layout, part = read_layout(folder), _part_of(folder)
    if part is not None and part.shard is not None:
        check_compatible(wanted_layout(folder.root, shard=part.shard), layout)
    if layout is None or not layout.begun():
        require_checkpoint(folder)
    return layout or Layout("single", folder, (Part("", folder),))


def part_folder(out: Path, shard: Shard | None) -> Folder:
    """Return the output folder, or the shard of it that is asked for."""
    return wanted_layout(out, shard=shard).folder


def folder_of(options: Options) -> Folder:
    """Return the output folder of a run, or the shard of it that was asked for."""
    return part_folder(options.out, options.shard)


def shard_of_folder(folder: Folder) -> Shard | None:
    """Return which shard a folder is; None for the folder of a whole."""
    return named_shard(folder.suffix.removeprefix("-"))


def check_compatible(wanted: Layout, found: Layout | None) -> None:
    """Raise FolderError where the folder is run in other shards than the one that is wanted, or in none.

    Asked once more by whoever holds a shard, it keeps two first runs apart that begin at the same moment: each has
    written itself down before it asks.
    """
    root, count = wanted.root.root, len(found.parts) if found is not None and found.kind == "shards" else 0
    if wanted.chosen is None:
        if count:
            raise FolderError(
                f"{root} is run in {_counted(count)}. Say which one with --shard {_typed(count)},"
                " or give another folder with --out."
            )
    elif count and count != len(wanted.parts):
        raise FolderError(
            f"{root} is run in {_counted(count)}, so there is no {wanted.chosen.name}. Give --shard {_typed(count)},"
            " or another folder with --out."
        )
    elif _is_run_as_a_whole(wanted.root, wanted.chosen):
        raise FolderError(
            f"{root} holds a run without shards. Leave out --shard to go on with it, or give another folder with --out."
        )


def check_on_disk(wanted: Layout) -> None:
    """Raise FolderError where what the disk holds is not compatible; see `check_compatible`."""
    check_compatible(wanted, read_layout(wanted.root))


def check_meant(folder: Folder) -> None:
    """Raise FolderError where what the disk holds is run in other parts than the one that the folder is, or in some."""
    check_on_disk(wanted_layout(folder.root, shard=shard_of_folder(folder)))


def require_checkpoint(folder: Folder) -> None:
    """Raise FolderError where nothing was run in the folder yet."""
    if folder.has_checkpoint:
        return
    if (busy := holder(folder)) is not None:
        raise FolderError(f"There is no checkpoint in {folder.root} yet: its first run ({busy}) is reading the items.")
    raise FolderError(
        f"There is no checkpoint in {folder.root}: nothing was run there yet. Start with parbatch run, or name the"
        " folder of a run with --out."
    )


def checkpoints_in(folder: Folder) -> list[Path]:
    """Return the checkpoints that what is told of a folder may come from: its own, its shards', its phases'."""
    folders = [folder]
    with contextlib.suppress(FolderError, CheckpointError):
        layout = read_layout(folder)
        folders += [part.folder for part in layout.begun()] if layout is not None else []
    with contextlib.suppress(FolderError):
        return list(dict.fromkeys(one.checkpoint for one in folders if one.has_checkpoint))
    return []


def _phases(root: Folder, names: Sequence[str]) -> tuple[Part, ...]:
    return tuple(Part(name, root.below(name), f"{name}/") for name in names)


def _shards(root: Folder, count: int) -> tuple[Part, ...]:
    return tuple(_shard(root, shard) for shard in Shard(1, count).all)


def _shard(root: Folder, shard: Shard) -> Part:
    folder = root.part(_shards_folder(root) / shard.name, f"-{shard.name}")
    return Part(str(shard), folder, shard=shard)


def _shards_folder(root: Folder) -> Path:
    return root.root / "run" / "shards"


def _part_of(folder: Folder) -> Part | None:
    """Return the part that a folder is, of a whole; None for the folder of a whole."""
    shard = shard_of_folder(folder)
    return None if shard is None else Part(str(shard), folder, shard=shard)


def _begun_shards(root: Folder) -> list[Part]:
    """Return the shards that somebody has run here, or is about to run."""
    with root.in_use():
        names = root.tree.names(_shards_folder(root))
    named = sorted(shard for name in names if (shard := named_shard(name)) is not None)
    return [part for part in (_shard(root, shard) for shard in named) if _is_begun(part.folder)]


def _is_begun(folder: Folder) -> bool:
    return folder.has_checkpoint or holder(folder) is not None


def _is_run_as_a_whole(root: Folder, wanted: Part) -> bool:
    if root.has_checkpoint:
        return True
    # Where shards have been run before, the holder of the whole only joins them.
    others = [part for part in _begun_shards(root) if part.shard != wanted.shard]
    return not others and not wanted.folder.has_checkpoint and holder(root) is not None


def _counted(count: int) -> str:
    return "one shard" if count == 1 else f"{count} shards"


def _typed(count: int) -> str:
    return "1/1" if count == 1 else f"1/{count} to {count}/{count}"
