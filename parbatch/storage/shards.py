"""The shards of an output folder: which there are, how each stands, and all of them as one for those who look."""

import contextlib
from collections.abc import Iterator

from parbatch.errors import FolderError
from parbatch.model.shard import Shard, named_shard
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder, holder
from parbatch.storage.item_outputs import Before, known_in
from parbatch.storage.reader import reading
from parbatch.storage.view import Part, join


def shards_in(folder: Folder) -> list[Folder]:
    """The folders of all shards, in order, also of those that are not begun; none where nothing is run in shards.

    Raises FolderError where there are shards that can't belong together.
    """
    begun = _begun(folder)
    if not begun:
        return []
    counts = {shard.of for shard in begun}
    if len(counts) > 1:
        names = ", ".join(shard.name for shard in begun)
        raise FolderError(
            f"{folder.shards} has shards that can't belong together: {names}. Move away those that are wrong."
        )
    return [folder.of_shard(shard) for shard in begun[0].all]


def _begun(folder: Folder) -> list[Shard]:
    """The shards that somebody has run here, or is about to run."""
    with folder.in_use():
        names = folder.tree.names(folder.shards)
    named = sorted(shard for name in names if (shard := named_shard(name)) is not None)
    return [shard for shard in named if _is_begun(folder.of_shard(shard))]


def _is_begun(folder: Folder) -> bool:
    return folder.has_checkpoint or holder(folder) is not None


def check_shard(folder: Folder) -> None:
    """Raise FolderError where the folder is run in other shards than the one that was asked for, or in none.

    Asked once more by whoever holds a shard, it keeps two first runs apart that begin at the same moment: each has
    written itself down before it asks.
    """
    count = len(shards_in(folder))
    if folder.shard is None:
        if count:
            raise FolderError(
                f"{folder.root} is run in {_counted(count)}. Say which one with --shard {_typed(count)},"
                " or give another folder with --out."
            )
    elif count and count != folder.shard.of:
        raise FolderError(
            f"{folder.root} is run in {_counted(count)}, so there is no {folder.shard}. Give --shard {_typed(count)},"
            " or another folder with --out."
        )
    elif _is_run_as_a_whole(folder):
        raise FolderError(
            f"{folder.root} holds a run without shards. Leave out --shard to go on with it, or give another folder with"
            " --out."
        )


def _is_run_as_a_whole(folder: Folder) -> bool:
    whole = Folder(folder.root)
    others = [shard for shard in _begun(folder) if shard != folder.shard]
    # Where shards have been run before, the holder of the whole only joins them.
    return whole.has_checkpoint or (not others and not folder.has_checkpoint and holder(whole) is not None)


def _counted(count: int) -> str:
    return "one shard" if count == 1 else f"{count} shards"


def _typed(count: int) -> str:
    return "1/1" if count == 1 else f"1/{count} to {count}/{count}"


def parts_in(folder: Folder) -> list[Part]:
    """The shards that have a checkpoint, to be joined."""
    return [Part(str(part.shard), part) for part in shards_in(folder) if part.has_checkpoint]


@contextlib.contextmanager
def looking(folder: Folder) -> Iterator[Checkpoint]:
    """What is known in the folder at this moment, all shards joined where none is asked for; it can't be written.

    Raises as `reading` does, and FolderError for a shard that the folder has not.
    """
    if folder.shard is not None:
        check_shard(folder)
    parts = parts_in(folder) if folder.shard is None else []
    if not parts:
        with reading(folder) as checkpoint:
            yield checkpoint
        return
    with (
        damage_in_words(*(part.folder.checkpoint for part in parts)),
        contextlib.closing(join(parts, folder)) as joined,
    ):
        yield joined


def output_elsewhere(folder: Folder, place: str) -> Before | None:
    """What another shard of the folder has published in a place; first of all what one of its items is ok by."""
    if folder.shard is None:
        return None
    found = None
    for part in parts_in(folder):
        if part.folder.shard != folder.shard:
            with reading(part.folder) as checkpoint:
                known = known_in(checkpoint, place, f" of shard {part.name}")
            if known is not None and known.is_live:
                return known
            found = found or known
    return found


def unfinished(folder: Folder) -> dict[Shard, str]:
    """The shards of the folder that are not finished, and why in words. One whose items failed is finished."""
    found = {}
    for part in shards_in(folder):
        assert part.shard is not None
        if (why := _why_unfinished(part)) is not None:
            found[part.shard] = why
    return found


def with_work_left(folder: Folder) -> list[Shard]:
    """The shards of the folder that have items that are not ok, or are not finished."""
    found = []
    for part in shards_in(folder):
        assert part.shard is not None
        if _why_unfinished(part) is None:
            with reading(part) as checkpoint:
                counts = checkpoint.counts()
            if counts["ok"] == sum(counts.values()):
                continue
        found.append(part.shard)
    return found


def _why_unfinished(part: Folder) -> str | None:
    if not part.has_checkpoint:
        return "not begun"
    with reading(part) as checkpoint:
        last, pending, unread = checkpoint.last_run(), checkpoint.counts()["pending"], checkpoint.unread
    if last is not None and last[1] == "running":
        return "running" if holder(part) is not None else "killed"
    if last is None or last[1] != "finished":
        return last[1] if last else "not begun"
    if unread:
        return "its source not read to the end"
    return f"{pending:,} pending" if pending else None


def marks(folder: Folder) -> dict[str, str]:
    """A mark for each shard, by its name, that is another one as soon as an outcome in it has changed."""
    found = {}
    for part in parts_in(folder):
        with reading(part.folder) as checkpoint:
            found[part.name] = checkpoint.outcomes_mark
    return found
