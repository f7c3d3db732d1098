"""`parbatch show`: all there is to know of one item, in lines or JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence

import click

from parbatch.cli.options import takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    LOOKING_EXIT_CODES,
    folder_looked_at,
    hinting_at_order,
    item_argument,
    job_argument,
    job_to_type,
    json_option,
    typed,
)
from parbatch.model.outcome import STREAMS
from parbatch.model.text import printable
from parbatch.model.units import counted, format_duration, format_figure, format_size
from parbatch.reports.console import as_typed
from parbatch.reports.items import Attempt, History, LogTail, history_of
from parbatch.reports.run_records import note_killed_runs_in_passing
from parbatch.storage.folder import Folder
from parbatch.storage.view import view_of

_ABOVE = "(the traceback above)"
_MOST_DATA = 20  # lines
_MOST_WIDE = 500  # characters of a line that are shown; the log has the rest


@click.command(
    epilog=LOOKING_EXIT_CODES,
    short_help="All that is known of one item: attempts, evidence, logs.",
    help=f"""All that is known of one item, by id or name: its attempts with their evidence, outputs, result and logs.

    {JOB_HELP}""",
)
@item_argument
@job_argument
@takes_options("show", "out", "shard")
@json_option
def show(  # noqa: D103 -- its help is above
    item: str, job: str | None, out: str | None, *, shard: str | None, as_json: bool
) -> None:
    with standard_output(json=as_json) as output, hinting_at_order("show", item, job):
        folder = folder_looked_at(job, out, shard)
        note_killed_runs_in_passing(folder)
        with view_of(folder) as view:
            history = history_of(view, view.find(item))
        if as_json:
            output.json(history)
        else:
            output.lines(lines(history, folder, typed("render", history.id, job_to_type(job, out), out=out)))


def lines(history: History, folder: Folder, again: str) -> Iterator[str]:
    """Yield the lines that people read; `again` is the command that renders the item again."""
    root = str(folder.root)
    yield _headline(history)
    for attempt in history.history:
        yield ""
        yield from _attempt(attempt)
    yield from _data(history)
    yield from _what_came_of_it(history, root)
    shown = [attempt.evidence.traceback for attempt in history.history if attempt.evidence is not None]
    for stream in STREAMS:
        yield ""
        yield from _log(root, stream, history.logs.get(stream), shown)
    if history.status != "ok":
        yield ""
        yield f"To render it again: {again}"


def _data(history: History) -> Iterator[str]:
    """Yield the item's own data, as the source gave it."""
    if history.data in ({}, None):
        return
    yield ""
    yield "  data"
    lines = json.dumps(history.data, indent=2, ensure_ascii=False).splitlines()
    for line in lines[:_MOST_DATA]:
        yield f"      {_line(line)}"
    if len(lines) > _MOST_DATA:
        yield f"      … and {counted(len(lines) - _MOST_DATA, 'more line')}; --json has them all"


def _outputs(history: History, root: str) -> Iterator[str]:
    """Yield what is in `items/`, fresh or out of date, and what was there and is withdrawn."""
    for heading, paths in (
        ("outputs", [f"items/{path}" for path in history.outputs]),
        ("older outputs, out of date: the item is not ok", [f"items/{path}" for path in history.out_of_date]),
        ("withdrawn", [one.kept for one in history.withdrawn]),
    ):
        if paths:
            yield ""
            yield f"  {heading}"
        for path in paths:
            yield f"      {printable(as_typed(root, path))}"


def _what_came_of_it(history: History, root: str) -> Iterator[str]:
    yield from _outputs(history, root)
    if history.rejected is not None:
        yield ""
        yield f"  rejected: {printable(as_typed(root, history.rejected))}, what the last attempt left"
    if history.warnings:
        yield ""
        yield "  warnings"
        for problem in history.warnings:
            yield f"      {_line(str(problem))}"
    if history.result is not None:
        yield ""
        yield "  result" if history.status == "ok" else "  result of the last attempt"
        for line in json.dumps(history.result, indent=2, ensure_ascii=False).splitlines():
            yield f"      {_line(line)}"
    if history.metrics:
        yield ""
        yield "  metrics"
        for name, number in sorted(history.metrics.items()):
            yield f"      {printable(name)}: {format_figure(number)}"


def _headline(history: History) -> str:
    name = printable(history.name) + (f" ({printable(history.id)})" if history.name != history.id else "")
    group = f", group {printable(history.group)}" if history.group else ""
    why = f" ({printable(history.why_due)})" if history.why_due else ""
    tries = f" after {counted(history.attempts, 'attempt')}" if history.attempts else ""
    return f"{name}{group}: {history.status}{why}{tries}"


def _attempt(attempt: Attempt) -> Iterator[str]:
    figures = [
        format_duration(attempt.duration_s) if attempt.duration_s is not None else None,
        f"CPU {format_duration(attempt.cpu_s)}" if attempt.cpu_s is not None else None,
        f"peak {format_size(attempt.peak_memory_bytes)}" if attempt.peak_memory_bytes is not None else None,
        f"run {printable(attempt.run_id)}" if attempt.run_id is not None else None,
    ]
    yield f"  attempt {attempt.number}: {attempt.status}, {', '.join(filter(None, figures))}"
    evidence = attempt.evidence
    if evidence is None:
        return
    for line in f"{evidence.type}: {evidence.message}".splitlines():
        yield f"      {_line(line)}"
    if evidence.returncode is not None:
        by = f", {printable(evidence.signal)}" if evidence.signal else ""
        yield f"      (return code {evidence.returncode}{by})"
    for line in evidence.traceback.splitlines():
        yield f"        {_line(line)}"


def _log(root: str, stream: str, log: LogTail | None, shown: Sequence[str]) -> Iterator[str]:
    """Yield the end of a log, without the tracebacks that were `shown` already."""
    if log is None:
        yield f"  {stream}: nothing was printed"
        return
    part = "" if log.is_whole else f", {format_size(log.size)}, the last {counted(len(log.lines), 'line')}"
    yield f"  {stream}: {printable(as_typed(root, log.path))}{part}"
    for line in _without(log.lines, shown):
        yield f"      {_line(line)}"


def _without(lines: Sequence[str], tracebacks: Iterable[str]) -> Iterator[str]:
    """Yield lines of a log with a word in place of each traceback; the first may have lost its beginning."""
    left = [*lines]
    for traceback in tracebacks:
        wanted = traceback.splitlines()
        at = next((n for n in range(len(left)) if wanted and left[n : n + len(wanted)] == wanted), None)
        cut = next((n for n in range(1, len(wanted) - 1) if left[: len(wanted) - n] == wanted[n:]), None)
        if at is not None:
            left[at : at + len(wanted)] = [_ABOVE]
        elif cut is not None:
            left[: len(wanted) - cut] = [_ABOVE]
    yield from left


def _line(text: str) -> str:
    """Return a line for a terminal; a tab at its beginning is the indentation of a traceback or log."""
    shown = printable(text[:_MOST_WIDE].expandtabs(4))
    return f"{shown}…" if len(text) > _MOST_WIDE else shown
