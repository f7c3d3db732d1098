"""The end summary: short, and with the command that goes on."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from parbatch.model.figures import MetricSummary
from parbatch.model.result import FailureGroup, RunResult
from parbatch.model.shard import parse_shard
from parbatch.model.text import printable
from parbatch.model.units import counted, format_duration, format_figure
from parbatch.reports import withdrawn
from parbatch.reports.failure_groups import MOST_NAMED, group_failures
from parbatch.reports.progress import cause
from parbatch.storage.folder import Folder
from parbatch.storage.layout import part_folder

# How a command begins that tries what is known to fail all the same.
_RETRIES = ("parbatch retry", "parbatch.retry")

UNREAD = "The source was not read to its end, and may have more."
MOST_METRICS = 3  # in the summary, in one line
MOST_KINDS = 5  # of warnings, there as well

CAME_TO_NOTHING = (
    "Note: no item left a file in ctx.dir or returned anything. Does render end with `return document`?"
    " Files that it saves elsewhere are not published or resumed."
)


def summary(result: RunResult, go_on: str) -> str:
    """Return what is printed after a run. `go_on` is the command that goes on."""
    return "\n".join(_lines(result, go_on))


def _lines(result: RunResult, go_on: str) -> Iterator[str]:
    yield ""
    yield _headline(result)
    yield from _outputs(result)
    if result.overview and result.overview.path:
        yield f"  overview  {as_typed(result.out, result.overview.path)}"
    elif result.overview and result.overview.error:
        yield f"  overview  failed: {printable(result.overview.error.splitlines()[0])}"
        if Path(result.out, "run", "overview.stderr.txt").exists():
            yield f"            log: {as_typed(result.out, 'run/overview.stderr.txt')}"
    yield from _merged(result)
    yield from _older(result)
    yield from _warnings(result)
    report = _folder(result).report("report.html")
    if result.stopped_by is None or report.exists():  # where an error stopped it, there may be none
        yield f"  report    {as_typed(result.out, report.name)}"
    yield from _changes(result)
    if result.left_out_by_samples:
        yield f"  left out  {counted(result.left_out_by_samples, 'item')} of groups whose sample is not ok"
    if result.metrics:
        yield f"  metrics   {_metrics(result.metrics)}"
    if result.failures:
        yield ""
        yield from failure_lines(group_failures(result.failures), result.out)
    if result.exit_code:
        yield ""
        yield f"{_what_is_left(result, tries_known=go_on.startswith(_RETRIES))} To go on: {go_on}"
    elif result.pending or result.unread:  # by a limit or a selection, which the command that goes on leaves out
        yield ""
        yield f"{_what_is_left(result, tries_known=False)} To go on: {go_on}"


def _outputs(result: RunResult) -> Iterator[str]:
    """Where the outputs are; of phases a line for each: how it stands, what was done of it, where its outputs are."""
    if not result.phases:
        yield f"  outputs   {as_typed(result.out, 'items')}"
    for phase in result.phases:
        if phase.state == "not begun" and not phase.total:
            yield f"  phase     {printable(phase.name)}: not begun"
            continue
        done = f", {phase.rendered:,} of them this time" if phase.state != "not begun" else ", not begun this time"
        counts = f"{phase.success} ok of {counted(phase.total, 'item')}{done}"
        yield f"  phase     {printable(phase.name)}: {counts}; {as_typed(result.out, f'{phase.name}/items')}"


def _older(result: RunResult) -> Iterator[str]:
    """Yield what does not tell of the items as they are now: what was withdrawn, and what is still there."""
    for product in (result.overview, result.merged):
        if product is not None and product.out_of_date is not None:
            shown = as_typed(result.out, product.out_of_date)
            yield f"  older     {withdrawn.of_earlier_outcomes(product, shown)}"
    where = ", ".join(as_typed(result.out, path) for path in (result.withdrawn.path or "").split(", "))
    yield from withdrawn.lines(result.withdrawn, where)


def _merged(result: RunResult) -> Iterator[str]:
    if result.merged and result.merged.path:
        yield f"  merged    {as_typed(result.out, result.merged.path)}"
    elif result.merged and result.merged.error:
        yield f"  merged    failed: {printable(result.merged.error.splitlines()[0])}"


def _warnings(result: RunResult) -> Iterator[str]:
    if result.warnings.total:
        about = counted(result.warnings.items, "item")
        yield f"  warnings  {result.warnings.total} about {about}: {_kinds(result.warnings.by_type)}"
    if told := result.documents.warning:
        yield f"  warning   {printable(told)}"


def _folder(result: RunResult) -> Folder:
    return part_folder(Path(result.out), None if result.shard is None else parse_shard(result.shard))


def _headline(result: RunResult) -> str:
    name = result.job if result.shard is None else f"{result.job}, shard {result.shard},"
    failed = any(product and product.error for product in (result.overview, result.merged))
    left = result.rendered or result.errors or result.pending or failed
    if result.state == "finished" and not left:
        if not result.total:  # as in one of many shards
            return f"{name.removesuffix(',')}: nothing to do, no item belongs to it."
        return f"{name.removesuffix(',')}: nothing to do, all {counted(result.total, 'item')} are ok."
    kept = f" ({result.kept:,} from before)" if result.kept else ""
    state = {"finished": "finished", "interrupted": "INTERRUPTED", "stopped": f"STOPPED: {_stopped_by(result)}"}
    told = f"{state[result.state]}{';' if result.state == 'stopped' else ':'}"
    return (
        f"{name} {told} {counts_in_words(result.by_status, kept)}"
        f" of {counted(result.total, 'item')} in {format_duration(result.duration_s or 0)}"
    )


def _stopped_by(result: RunResult) -> str:
    """Return what stopped a run, in a line: the error that did is shown whole below the summary."""
    return printable((result.stopped_by or "").partition("\n")[0])


def _changes(result: RunResult) -> Iterator[str]:
    """Yield counts before and after, where they differ, in all and by group; a first run has nothing before it."""
    before, after = result.before, result.after
    if before.by_status.get("pending", 0) == result.total or not (
        changed := _changed(before.by_status, after.by_status)
    ):
        return
    yield f"  changed   {changed}"
    by_group = {
        group: changed
        for group, counts in after.by_group.items()
        if (changed := _changed(before.by_group.get(group, {}), counts))
    }
    if len(after.by_group) < 2:
        return
    for group in list(by_group)[:MOST_NAMED]:
        yield f"      {printable(group) or '(no group)'}: {by_group[group]}"
    if len(by_group) > MOST_NAMED:
        yield f"      … and {counted(len(by_group) - MOST_NAMED, 'more group')}; see the report"


def _kinds(by_type: Mapping[str, int]) -> str:
    """`12 large order, 3 no image`; of many kinds those that come most often."""
    most_often = sorted(by_type.items(), key=lambda kind: -kind[1])[:MOST_KINDS]
    more = f" … and {counted(len(by_type) - MOST_KINDS, 'more kind')}" if len(by_type) > MOST_KINDS else ""
    return ", ".join(f"{count} {printable(kind[:60])}" for kind, count in most_often) + more


def _metrics(metrics: Mapping[str, MetricSummary]) -> str:
    """`pages 1,204 in all, tokens 88,310 in all … and 2 more; see the report`."""
    named = [f"{printable(name[:60])} {format_figure(metric.sum)} in all" for name, metric in metrics.items()]
    more = f" … and {len(named) - MOST_METRICS} more; see the report" if len(named) > MOST_METRICS else ""
    return ", ".join(named[:MOST_METRICS]) + more


def _changed(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """`ok 500 → 590, failed 92 → 2`; empty where nothing has changed."""
    return ", ".join(
        f"{status} {before.get(status, 0):,} → {n:,}" for status, n in after.items() if n != before.get(status, 0)
    )


def counts_in_words(by_status: Mapping[str, int], kept: str = "") -> str:
    """`590 ok, 2 failed, 3 pending`: ok always, the others where there are any, pending last; `kept` is said of ok."""
    others = [status for status in by_status if status not in {"ok", "pending"} and by_status[status]]
    last = ["pending"] if by_status["pending"] else []
    counts = [f"{by_status[status]:,} {status}" for status in [*others, *last]]
    return ", ".join([f"{by_status['ok']:,} ok{kept}", *counts])


def failure_lines(groups: Sequence[FailureGroup], out: str) -> Iterator[str]:
    """Failures by fingerprint, the largest group first, at most ten items named in all, of each group some."""
    for group, share in zip(groups, _shares(groups), strict=False):
        first = group.first[0]
        place = f" ({printable(first.place)})" if first.place else ""
        alike = "" if group.same_message else " and the like"
        yield f"  {group.count:,} {first.status}: {cause(first.type, first.message)}{alike}{place}"
        for failure in group.first[:share]:
            logs = f"  log: {as_typed(out, path)}" if (path := failure.stderr_path or failure.stdout_path) else ""
            tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
            named_by = failure.id if failure.name == failure.id else f"{failure.id} {failure.name}"
            known = ", known to fail" if failure.known_to_fail else ""
            yield f"      {printable(named_by)}{tries}{known}{logs}"
        if group.count > share:
            yield f"      … and {group.count - share:,} more"
    if rest := sum(group.count for group in groups[MOST_NAMED:]):
        yield f"  … and {counted(rest, 'more item')} with other causes; see the report"


def _shares(groups: Sequence[FailureGroup]) -> list[int]:
    """How many items each of the first groups may name: one, and then one more in turn while there is room."""
    shares = [1 for _ in groups[:MOST_NAMED]]
    hungry = True
    while hungry:
        hungry = False
        for number, group in enumerate(groups[:MOST_NAMED]):
            if sum(shares) < MOST_NAMED and shares[number] < len(group.first):
                shares[number] += 1
                hungry = True
    return shares


def _what_is_left(result: RunResult, *, tries_known: bool) -> str:
    left = result.pending + result.errors
    if not left and result.stopped_by is not None:
        return "Further phases are left." if result.phases else "What is made of all items is left."
    if not left and result.unread:
        return UNREAD
    if not left:
        return "The overview is left." if result.overview and result.overview.error else "Merging is left."
    text = f"{counted(left, 'item')} {'is' if left == 1 else 'are'} {'left' if result.pending else 'not ok'}."
    if result.unread:
        text += f" {UNREAD}"
    if result.known_to_fail and not tries_known:
        text += f" Known to fail, and tried again only with --retry-failed: {result.known_to_fail:,}."
    if result.used_up_its_time:
        text += " The time budget counts over resumptions: give a larger one, or none."
    return text


def as_typed(out: str, path: str) -> str:
    """Return a path in the output folder as a person in the current folder would type it."""
    whole = Path(os.path.normpath(Path(out, path)))  # of one phase among several, it leads out of items/ first
    try:
        return str(whole.relative_to(os.getcwd()))
    except ValueError:
        return str(whole)
