"""`parbatch status`: how a folder stands, in lines or JSON, once or until the run ends."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator

import click
import msgspec

from parbatch.cli.options import takes_options
from parbatch.cli.output import Output, standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    LOOKING_EXIT_CODES,
    folder_looked_at,
    job_argument,
    job_to_type,
    json_option,
    typed,
)
from parbatch.model.text import printable
from parbatch.model.units import counted, format_size
from parbatch.reports.console import UNREAD, as_typed, counts_in_words, failure_lines
from parbatch.reports.run_records import note_killed_runs_in_passing
from parbatch.reports.status import GOING_ON, FolderStatus, Held, ShardStatus, look
from parbatch.reports.withdrawn import out_of_date
from parbatch.storage.folder import Folder

REFRESH_S = 1.0
_MOST_NAMED = 5  # entries
_MOST_GROUPS = 10
_MOST_SHARDS = 10  # named in all

_STATES = {
    "finished": "finished",
    "interrupted": "INTERRUPTED",
    "stopped": "STOPPED",
    "killed": "KILLED or broken off: it is not running any more, and did not write down its end",
    "not begun": "not begun: the items are read, nothing is rendered",
}


_UNMADE = {"overview": "The overview", "merged": "Merging"}


@click.command(
    epilog=LOOKING_EXIT_CODES,
    short_help="How the job stands; works during a run, --watch follows it.",
    help=f"""How the job stands: counts by status and group, failures by cause, and the command that goes on.

    Works during a run and does not disturb it. With --watch it is shown anew each second until the run ends. It counts
    what the checkpoint knows; whether an output was removed or damaged since, plan and run --resume see.

    {JOB_HELP}""",
)
@job_argument
@takes_options("status", "out", "shard")
@click.option("--watch", is_flag=True, help="Go on until the run ends.")
@json_option
def status(  # noqa: D103 -- its help is above
    job: str | None, out: str | None, *, shard: str | None, watch: bool, as_json: bool
) -> None:
    with standard_output(json=as_json) as output:
        folder = folder_looked_at(job, out, shard)
        note_killed_runs_in_passing(folder)
        options = ["--resume", *(["--shard", shard] if shard else [])]
        go_on = typed("run", job_to_type(job, out), out=out, options=options)
        try:
            now = _watched(folder, go_on, output, as_json=as_json) if watch else look(folder)
        except KeyboardInterrupt:  # the run goes on: only the looking has ended
            sys.exit(130)
        if as_json:
            output.json(now)
        else:
            output.lines(lines(now, go_on))


def _watched(folder: Folder, go_on: str, output: Output, *, as_json: bool) -> FolderStatus:
    """Show the status until the run ends: the screen anew, or a line where there is news. Returns the last one."""
    shown = None
    while (status := look(folder)).state in GOING_ON:
        if as_json:
            output.pieces([msgspec.json.encode(status), b"\n"])
        elif output.is_terminal:
            height = shutil.get_terminal_size().lines - 1
            output.clear()
            output.lines([*lines(status, go_on)][:height])
        elif shown != status.counts.by_status:
            shown = status.counts.by_status
            output.lines([_headline(status)])
        time.sleep(REFRESH_S)  # the run is another process, which tells nobody: it is looked at again
    note_killed_runs_in_passing(folder)
    if output.is_terminal and not as_json:
        output.clear()
    return status


def lines(status: FolderStatus, go_on: str) -> Iterator[str]:
    """Yield the lines that people read; `go_on` is the command that goes on."""
    yield _headline(status)
    if status.shards:
        yield from _shards(status.shards)
    else:
        yield f"  last run  {_last_run(status)}"
    if status.held_by:
        by = status.held_by
        yield f"  held by   pid {by.pid} on {printable(by.host)}, started {printable(by.started_at)}"
    if status.held.references:
        yield f"  in use    {_in_use(status.held)}"
    if not status.phases:
        yield f"  outputs   {as_typed(status.out, 'items')}"
    for name, by_status in status.phases.items():
        how = f"{_counts(by_status)}; {as_typed(status.out, f'{name}/items')}" if by_status else "not begun"
        yield f"  phase     {printable(name)}: {how}"
    yield from _older(status)
    yield from _groups(status.counts.by_group)
    if status.causes:
        yield ""
        yield from failure_lines(status.causes, status.out)
    if status.state not in GOING_ON:
        yield ""
        yield _what_is_left(status, go_on)


def _groups(by_group: dict[str, dict[str, int]]) -> Iterator[str]:
    """Yield how the groups stand: those that are not all ok first, and at most ten in all."""
    if not set(by_group) - {""}:
        return
    yield ""
    whole = {group: by_status["ok"] == sum(by_status.values()) for group, by_status in by_group.items()}
    for group in sorted(by_group, key=whole.__getitem__)[:_MOST_GROUPS]:
        yield f"  {printable(group) or '(no group)'}: {_counts(by_group[group])}"
    if len(by_group) > _MOST_GROUPS:
        left = sum(not whole[group] for group in by_group)
        more = counted(len(by_group) - _MOST_GROUPS, "more group")
        yield f"  … and {more}; {left:,} of {len(by_group):,} are not all ok; --json has them all"


def _older(status: FolderStatus) -> Iterator[str]:
    """Yield lines about reports and products of earlier outcomes, and about withdrawn outputs."""
    for path in status.older:
        yield f"  older     {printable(as_typed(status.out, path))} is of earlier outcomes, and out of date"
    if status.withdrawn.out_of_date:
        yield f"  older     {out_of_date(status.withdrawn.out_of_date)}"
    if status.withdrawn.count:
        where = ", ".join(as_typed(status.out, path) for path in (status.withdrawn.path or "").split(", "))
        yield f"  withdrawn {counted(status.withdrawn.count, 'output')} kept in {printable(where)}"


def _in_use(held: Held) -> str:
    ids = [*held.references]
    more = f", … and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    named = ", ".join(map(printable, ids[:_MOST_NAMED]))
    return f"{counted(len(ids), 'entry')} held ({format_size(held.bytes)}): {named}{more}"


def _shards(shards: list[ShardStatus]) -> Iterator[str]:
    """Yield how many shards are in which state, and those that are not finished."""
    states = Counter(shard.state for shard in shards)
    counted_states = ", ".join(f"{count} {state}" for state, count in states.most_common())
    yield f"  shards    {counted_states} of {len(shards)}"
    left = [shard for shard in shards if shard.state != "finished" or shard.pending]
    for shard in left[:_MOST_SHARDS]:
        of = f", {shard.pending:,} of {counted(shard.total, 'item')} pending" if shard.total else ""
        yield f"      {shard.shard} {shard.state}{of}"
    if len(left) > _MOST_SHARDS:
        yield f"      … and {len(left) - _MOST_SHARDS} more"


def _headline(status: FolderStatus) -> str:
    return f"{as_typed(status.out, '')}: {_counts(status.counts.by_status)}"


def _counts(by_status: dict[str, int]) -> str:
    return f"{counts_in_words(by_status)} of {counted(sum(by_status.values()), 'item')}"


def _last_run(status: FolderStatus) -> str:
    if status.state == "running":
        return f"{status.run_id}, running"
    if status.state == "busy":
        return "another command holds the folder: a run that is about to begin or end, prune or overview"
    if status.run_id is None:
        return _STATES[status.state]
    stopped_by = (status.stopped_by or "").partition("\n")[0]
    why = f": {printable(stopped_by)}" if status.state == "stopped" and stopped_by else ""
    return f"{printable(status.run_id)}, {_STATES[status.state]}{why}"


def _what_is_left(status: FolderStatus, go_on: str) -> str:
    left = status.pending + status.errors
    for shard in status.shards:
        if shard.state != "finished" or shard.pending or shard.errors:
            resume = "" if shard.state == "not begun" else " --resume"
            go_on = go_on.replace(" --resume", f"{resume} --shard {shard.shard}", 1)
            break
    if not left and status.unmade:
        return f"{_UNMADE[status.unmade[0]]} is left. To go on: {go_on}"
    if not left and status.state == "finished" and status.unread:
        return f"{UNREAD} To go on: {go_on}"
    if not left and status.state == "finished":
        return "Nothing is left to do."
    if not status.pending and 0 < status.known_to_fail == status.errors:  # nothing else would be tried
        go_on = go_on.replace(" --resume", " --resume --retry-failed", 1)
    waiting = sum(shard.state == "not begun" for shard in status.shards)
    parts = [f"{counted(left, 'item')} {'is' if left == 1 else 'are'} left"] if left else []
    parts += [f"{counted(waiting, 'shard')} {'is' if waiting == 1 else 'are'} not begun"] if waiting else []
    what = f"{', and '.join(parts) or 'The end of the run is left'}."
    what += f" {UNREAD}" if status.unread else ""
    return f"{what} To go on: {go_on}"
