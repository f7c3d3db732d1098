"""`parbatch plan`: what a run would do, and why, in lines or JSON; it leaves the folder as it is."""

from collections.abc import Iterator
from typing import Any

import click

from parbatch.cli.options import as_given, as_words, takes_options
from parbatch.cli.output import Output, standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    job_argument,
    json_option,
    typed,
)
from parbatch.engine.announcements import remarks
from parbatch.engine.preview import previews
from parbatch.model import loading
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options, read_options
from parbatch.model.selection import Selection
from parbatch.model.text import printable
from parbatch.model.units import counted
from parbatch.planning.plan import Plan, reasons_due
from parbatch.reports.progress import reading_items
from parbatch.reports.run_records import note_killed_runs_in_passing
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder_owner import check_owner
from parbatch.storage.layout import folder_of, read_layout
from parbatch.storage.lock import holder


@click.command(
    epilog="Exit codes: 0 whatever there is to do; 2 the job, its data, the selection or the checkpoint can't be used.",
    short_help="What a run would do and why; touches nothing.",
    help=f"""What a run would do and why: the first run, or one with --resume. Nothing in the folder is touched.

    The items are read and compared with the checkpoint, the outputs and the files that the job depends on.

    {JOB_HELP}""",
)
@job_argument
@takes_options("plan", "out")
@click.option("--items", "each", is_flag=True, help="Each item that is due, with its reason.")
@takes_options("plan", without={"out"})
@json_option
def plan(job: str | None, *, each: bool, as_json: bool, **given: Any) -> None:  # noqa: D103 -- its help is above
    with standard_output(json=as_json, fields=each) as output:
        loaded = loading.load(job)
        options = read_options(loaded, {**as_given(given), "workers": 1, "resume": True})
        folder = folder_of(options)
        check_owner(folder, loaded)
        note_killed_runs_in_passing(folder)
        due = _plan(loaded, options, output, each=each, as_json=as_json)
        if as_json:
            return
        if (busy := holder(folder)) is not None:
            output.lines([f"A run is at work there ({busy}): this is what it would leave if it ended now."])
        elif due:
            resume = ["--resume"] if _has_begun(options) else []
            to_run = typed("run", job, out=given["out"], options=[*resume, *as_words(given, without={"out"})])
            output.lines([f"To do it: {to_run}"])


def _plan(loaded: LoadedJob, options: Options, output: Output, *, each: bool, as_json: bool) -> bool:
    """Say what a run would do in each part, as far as that is known. Returns whether there is anything."""
    values: list[dict[str, Any]] = []
    parts = previews(loaded, options, lambda read: reading_items(read, *output.telling))
    for part in parts:
        is_one_of_several = bool(part.part.prefix)
        values.append({"phase": part.name, "waits_for": part.waits_for} if is_one_of_several else {})
        if part.checkpoint is not None and part.plan is not None:
            out = str(part.part.folder.root)
            values[-1] |= _as_json(part.checkpoint, part.plan, part.selection, out, each=each)
        if as_json:
            continue
        if part.plan is None or part.checkpoint is None:
            output.lines([f"{part.name}: not known yet: {part.waits_for}"])
            continue
        if each:
            output.lines(_items(part.checkpoint, part.selection, in_columns=output.is_terminal))
        output.lines(lines(part.name, part.plan))
    if as_json:
        whole = {"out": str(folder_of(options).root), "phases": values}
        output.json(whole if "phase" in values[0] else values[0])
    return any(value.get("due", 1) for value in values)


def lines(name: str, found: Plan) -> Iterator[str]:
    """Yield the lines that people read."""
    yield f"{name}: {found.due:,} of {counted(found.total, 'item')} {'is' if found.due == 1 else 'are'} due"
    all_due = sum(found.reasons.values())
    for reason, count in found.reasons.items():
        yield f"  {count:>9,} {printable(reason)}"
    if found.due < all_due:
        yield f"  {all_due - found.due:>9,} of them left for later by --limit"
    if found.known_to_fail:
        yield f"  {found.known_to_fail:>9,} known to fail"
    if found.matching > all_due + found.known_to_fail:
        yield f"  {found.matching - all_due - found.known_to_fail:>9,} done already"
    if found.total > found.matching:
        yield f"  {found.total - found.matching:>9,} not selected"
    yield from remarks(found)


def _items(checkpoint: Checkpoint, selection: Selection, *, in_columns: bool) -> Iterator[str]:
    columns = "{:<20}  {:<24}  {}" if in_columns else "{}\t{}\t{}"
    for item_id, name, _, reason in reasons_due(checkpoint, selection):
        yield columns.format(printable(reason), printable(item_id), printable(name))
    yield ""


def _as_json(checkpoint: Checkpoint, found: Plan, selection: Selection, out: str, *, each: bool) -> dict[str, Any]:
    items = [
        {"id": item_id, "name": name, "group": group, "reason": reason}
        for item_id, name, group, reason in (reasons_due(checkpoint, selection) if each else ())
    ]
    return {
        "out": out,
        "total": found.total,
        "matching": found.matching,
        "due": found.due,
        "reasons": found.reasons,
        "known_to_fail": found.known_to_fail,
        "stale": found.stale,
        "older_code": found.older_code,
    } | ({"items": items} if each else {})


def _has_begun(options: Options) -> bool:
    layout = read_layout(folder_of(options))
    return layout is not None and bool(layout.chosen is None or layout.begun())
