"""The end summary: short, and with the command that goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

from parbatch.progress import cause, printable
from parbatch.result import Failure, RunResult
from parbatch.units import counted, format_duration

MOST_NAMED = 10
CAME_TO_NOTHING = (
    "Note: no item left a file in ctx.dir or returned anything. Does render end with `return document`?"
    " Files that it saves elsewhere are not published or resumed."
)


def summary(result: RunResult, go_on: str) -> str:
    """What is printed after a run. `go_on` is the command that goes on."""
    return "\n".join(_lines(result, go_on))


def _lines(result: RunResult, go_on: str) -> Iterator[str]:
    yield ""
    yield _headline(result)
    yield f"  outputs   {_shown(result.out, 'items')}"
    if result.overview and result.overview.path:
        yield f"  overview  {_shown(result.out, result.overview.path)}"
    elif result.overview and result.overview.error:
        yield f"  overview  failed: {printable(result.overview.error.splitlines()[0])}"
        if Path(result.out, "run", "overview.stderr.txt").exists():
            yield f"            log: {_shown(result.out, 'run/overview.stderr.txt')}"
    yield f"  report    {_shown(result.out, 'report.json')}"
    if result.failures:
        yield ""
        yield from _failures(result.failures, result.out)
    if result.exit_code:
        yield ""
        yield f"{_what_is_left(result)} To go on: {go_on}"
    elif result.pending:  # by a limit or a selection, which the same command with --resume would keep to
        yield ""
        yield f"{_what_is_left(result)} A run with --resume does them."


def _headline(result: RunResult) -> str:
    overview_failed = result.overview is not None and result.overview.error is not None
    left = result.rendered or result.errors or result.pending or overview_failed
    if result.state == "finished" and not left:
        return f"{result.job}: nothing to do, all {counted(result.total, 'item')} are ok."
    kept = f" ({result.kept} from before)" if result.kept else ""
    counts = [f"{result.success} ok{kept}"]
    counts += [f"{n} {status}" for status, n in result.by_status.items() if n and status not in {"ok", "pending"}]
    if result.pending:
        counts.append(f"{result.pending} pending")
    state = {"finished": "finished", "interrupted": "INTERRUPTED", "stopped": f"STOPPED: {result.stopped_by}"}
    return (
        f"{result.job} {state[result.state]}: {', '.join(counts)} of {counted(result.total, 'item')}"
        f" in {format_duration(result.duration_s)}"
    )


def _failures(failures: list[Failure], out: str) -> Iterator[str]:
    """Failures by fingerprint, the largest group first, at most ten items named in all."""
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.fingerprint, []).append(failure)
    named = 0
    for number, group in enumerate(sorted(groups.values(), key=len, reverse=True)):
        if named >= MOST_NAMED:
            rest = sum(len(g) for g in sorted(groups.values(), key=len, reverse=True)[number:])
            yield f"  … and {rest} more items with other causes; see the report"
            return
        first = group[0]
        place = f" ({printable(first.place)})" if first.place else ""
        alike = " and the like" if len({failure.message for failure in group}) > 1 else ""
        yield f"  {len(group)} {first.status}: {cause(first.type, first.message)}{alike}{place}"
        shown = group[: MOST_NAMED - named]
        named += len(shown)
        for failure in shown:
            logs = f"  log: {_shown(out, path)}" if (path := failure.stderr_path or failure.stdout_path) else ""
            tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
            named_by = failure.id if failure.name == failure.id else f"{failure.id} {failure.name}"
            yield f"      {printable(named_by)}{tries}{logs}"
        if len(group) > len(shown):
            yield f"      … and {len(group) - len(shown)} more"


def _what_is_left(result: RunResult) -> str:
    if result.pending:
        left = result.pending + result.errors
        return f"{counted(left, 'item')} {'is' if left == 1 else 'are'} left."
    if result.errors:
        return f"{counted(result.errors, 'item')} {'is' if result.errors == 1 else 'are'} not ok."
    return "The overview is left."


def _shown(out: str, path: str) -> str:
    """A path as a person in the current folder would type it."""
    whole = Path(out, path)
    try:
        return str(whole.relative_to(os.getcwd()))
    except ValueError:
        return str(whole)
