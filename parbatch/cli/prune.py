"""`parbatch prune`: outputs of items that are gone are removed, or listed with `--dry-run`."""

from collections.abc import Iterator
from pathlib import Path

import click

from parbatch.cli.options import takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import JOB_HELP, hinting_at_sample, job_argument, json_option
from parbatch.engine.prune import Pruned
from parbatch.engine.prune import prune as prune_folder
from parbatch.model import loading
from parbatch.model.options import out_folder
from parbatch.model.shard import parse_shard
from parbatch.model.text import printable
from parbatch.model.units import counted
from parbatch.reports.console import as_typed
from parbatch.reports.progress import reading_items
from parbatch.storage.folder_owner import check_owner
from parbatch.storage.layout import part_folder


@click.command(
    epilog="Exit codes: 0 done, or nothing to remove; 2 there is no checkpoint yet, or the job or its items can't be"
    " read; 3 a run holds the folder.",
    short_help="Remove outputs of items that are gone.",
    help=f"""Remove the outputs of items that are gone from the source, and what killed runs left half done.

    What somebody has edited of these outputs is not removed, but withdrawn: moved to run/withdrawn.

    Nothing is asked; --dry-run shows what would be removed, and touches nothing. The items are read to see which are
    gone; those that are new or changed are pending from then on.

    {JOB_HELP}""",
)
@job_argument
@takes_options("prune", "out", "shard")
@click.option("--withdrawn", is_flag=True, help="Remove what was withdrawn before, too: all in run/withdrawn.")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@json_option
def prune(  # noqa: D103 -- its help is above
    job: str | None, out: str | None, *, shard: str | None, withdrawn: bool, dry_run: bool, as_json: bool
) -> None:
    with standard_output(json=as_json, fields=True) as output:
        loaded = loading.load(job)
        part = None if shard is None else parse_shard(shard)
        folder = part_folder(Path(out) if out else out_folder(loaded), part)
        with hinting_at_sample(loaded):
            check_owner(folder, loaded)
            pruned = prune_folder(
                loaded,
                folder,
                lambda read: reading_items(read, *output.telling),
                dry_run=dry_run,
                withdrawn=withdrawn,
            )
        if as_json:
            output.json(pruned)
        else:
            output.tell(lines(pruned))


def lines(pruned: Pruned) -> Iterator[str]:
    """Yield the lines that people read: each path, and what it comes to."""
    done = "would remove" if pruned.dry_run else "removed"
    for path in (*pruned.outputs, *pruned.leftovers):
        yield f"{done} {printable(as_typed(pruned.out, path))}"
    for path in pruned.edited:
        what = "would withdraw" if pruned.dry_run else "withdrew"
        yield f"{what} {printable(as_typed(pruned.out, path))}, which was edited, to run/withdrawn"
    for name in pruned.left_alone:
        yield f"Phase {printable(name)} was left alone: what its items are made from is not finished."
    if pruned.withdrawn_removed and pruned.withdrawn:
        yield f"{done} {counted(pruned.withdrawn, 'withdrawn output')}"
    elif pruned.withdrawn:
        them = "it" if pruned.withdrawn == 1 else "them"
        yield f"{counted(pruned.withdrawn, 'withdrawn output')} kept in run/withdrawn; --withdrawn removes {them}."
    if not pruned.outputs and not pruned.leftovers:
        if not pruned.edited and not (pruned.withdrawn_removed and pruned.withdrawn):
            yield "Nothing to remove."
        return
    outputs, leftovers = counted(len(pruned.outputs), "file"), counted(len(pruned.leftovers), "leftover")
    yield f"{done.capitalize()} {outputs} of {counted(pruned.gone, 'item')} gone from the source, and {leftovers}."
