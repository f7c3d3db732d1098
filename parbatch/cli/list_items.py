"""`parbatch list`: a line, or JSON, for each item that is selected.

It reads a checkpoint that may be in use, and never loads the job where the folder is named.
"""

from collections.abc import Iterable, Iterator

import click
import msgspec

from parbatch.cli.options import takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    LOOKING_EXIT_CODES,
    folder_looked_at,
    job_argument,
    json_option,
)
from parbatch.model.outcome import STATUSES
from parbatch.model.selection import Selection
from parbatch.model.text import printable
from parbatch.model.units import format_duration
from parbatch.model.values import positive
from parbatch.reports.items import Listed, listed
from parbatch.reports.run_records import note_killed_runs_in_passing
from parbatch.storage.view import view_of

_HEADING = "status   tries      duration  id                        name"


@click.command(
    "list",
    epilog=LOOKING_EXIT_CODES,
    short_help="A line for each item, filtered.",
    help=f"""A line for each item: status, attempts, duration, id and name; works during a run.

    On a terminal in columns; else separated by tabs, the duration in seconds, for cut, sort and awk:

        parbatch list --status failed | cut -f 4

    {JOB_HELP}""",
)
@job_argument
@takes_options("list", "out")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; repeatable.")
@takes_options("list", "group", "only", "limit", "shard")
@json_option
def list_items(  # noqa: D103 -- its help is above
    job: str | None,
    out: str | None,
    *,
    statuses: tuple[str, ...],
    group: tuple[str, ...],
    only: tuple[str, ...],
    limit: int | None,
    shard: str | None,
    as_json: bool,
) -> None:
    most = limit if limit is None else positive(limit, "limit")
    selection = Selection(only=only, limit=most, groups=group, statuses=statuses)
    with standard_output(json=as_json, fields=True) as output:
        folder = folder_looked_at(job, out, shard)
        note_killed_runs_in_passing(folder)
        with view_of(folder) as view:
            items = listed(view, selection)
            if as_json:
                output.pieces(_json(items))
            else:
                output.lines(_columns(items) if output.is_terminal else map(_fields, items))


def _json(items: Iterable[Listed]) -> Iterator[bytes]:
    """Yield one JSON array, an item a line, written as it is read."""
    encoder, before = msgspec.json.Encoder(), b"[\n"
    for item in items:
        yield before + encoder.encode(item)
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _columns(items: Iterable[Listed]) -> Iterator[str]:
    heading: str | None = _HEADING
    for item in items:
        if heading is not None:
            yield heading
            heading = None
        duration = "" if item.duration_s is None else format_duration(item.duration_s)
        name = printable(item.name) if item.name != item.id else ""
        yield f"{item.status:<8} {item.attempts:>5}  {duration:>12}  {printable(item.id):<24}  {name}".rstrip()
    if heading is not None:
        yield "No item is like that."


def _fields(item: Listed) -> str:
    duration = "" if item.duration_s is None else f"{item.duration_s:.3f}"
    return "\t".join((item.status, str(item.attempts), duration, printable(item.id), printable(item.name)))
