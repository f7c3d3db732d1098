"""Completion in shells, besides commands and options: job files, and the ids of items.

Called by click whenever somebody presses Tab: it runs none of the job's code, looks at few things, never complains.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from parbatch.storage.id_lookup import ids_beginning

_MOST = 200
_MOST_FOLDERS = 5
_JOB_FILES = (".py", ".toml")
_CHECKPOINT = "run/checkpoint.sqlite"
_OF_SHARDS = "run/shards/*/checkpoint.sqlite"


def complete_job(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return files that can hold a job, and the folders on the way to them."""
    folder, slash, begun = incomplete.rpartition("/")
    found = []
    with contextlib.suppress(OSError):
        for entry in sorted(Path(folder + slash or ".").iterdir()):
            if not entry.name.startswith(begun) or (entry.name.startswith((".", "__")) and not begun):
                continue
            if entry.is_dir():
                found.append(CompletionItem(f"{folder}{slash}{entry.name}/"))
            elif entry.suffix in _JOB_FILES:
                found.append(CompletionItem(f"{folder}{slash}{entry.name}"))
    return found[:_MOST]


def complete_folder(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return a folder, which the shell itself knows best."""
    return [CompletionItem(incomplete, type="dir")]


def complete_item(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return ids from the checkpoints in the folder of --out, or in those below `outputs` here."""
    out = ctx.params.get("out")
    folders = [Path(out)] if out else sorted(Path("outputs").glob("*"))[:_MOST_FOLDERS]
    ids = (item_id for folder in folders for item_id in _ids_in(folder, incomplete))
    return [CompletionItem(item_id) for item_id in islice(dict.fromkeys(ids), _MOST)]


def _ids_in(folder: Path, begun: str) -> Iterator[str]:
    """Yield the ids of a folder's own checkpoint, its shards' and its phases', whose name is part of the id."""
    for checkpoint in [folder / _CHECKPOINT, *sorted(folder.glob(_OF_SHARDS))]:
        yield from _ids(checkpoint, begun)
    for checkpoint in sorted(folder.glob(f"*/{_CHECKPOINT}")):
        prefix = f"{checkpoint.parent.parent.name}/"
        if begun.startswith(prefix) or prefix.startswith(begun):
            yield from (f"{prefix}{item_id}" for item_id in _ids(checkpoint, begun.removeprefix(prefix[: len(begun)])))


def _ids(checkpoint: Path, begun: str) -> Iterator[str]:
    # A line each is what the shell reads.
    return (item_id for item_id in ids_beginning(checkpoint, begun, _MOST) if item_id.isprintable())
