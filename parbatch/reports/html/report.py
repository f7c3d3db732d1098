"""The report for people: one page that opens without a network, also from an e-mail or a CI server's artefacts.

What comes from items reaches the page in two ways alone: escaped in the markup made here and in `causes`, and as
JSON that the scripts show by `textContent`. The page's policy lets no script run but its own, by its digest.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from importlib import resources
from itertools import islice
from string import Template
from typing import BinaryIO
from urllib.parse import quote

from parbatch.model.figures import ChunkFigures, MetricFigures
from parbatch.model.outcome import STATUSES
from parbatch.model.result import RunResult
from parbatch.model.units import counted, format_duration, format_figure, format_size
from parbatch.reports import withdrawn
from parbatch.reports.html.causes import causes
from parbatch.reports.html.figures import Figures, as_json, figures
from parbatch.reports.html.table import Table, table
from parbatch.reports.html.text import markup
from parbatch.reports.report_data import MOST_LISTED, Material

# The page stays under 1 MB for 600 items and under 3 MB for 100,000: see `causes` for the largest other part.
ROOM_FOR_ROWS = 250_000
ROOM_FOR_A_ROW = 21
MOST_ROOM = 2_300_000

MOST_GROUPS = 200
METRIC_HEADS = ("items", "sum", "median", "p95", "max", "gave none")


def write(material: Material, file: BinaryIO) -> None:
    """See Report."""
    result = material.result
    shown = figures(material)
    rows = table(material, min(ROOM_FOR_ROWS + ROOM_FOR_A_ROW * result.total, MOST_ROOM))
    style = _part("uPlot.min.css") + _part("report.css")
    script = _part("uPlot.iife.min.js") + _part("charts.js") + _part("table.js")
    page = Template(_part("report.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        title=markup(f"{result.job}: {result.success} of {result.total} ok"),
        job=markup(result.job),
        headline=_headline(result),
        tiles="\n".join(_tiles(result)),
        facts="\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in _facts(material)),
        failures="\n".join(_below_the_facts(material)),
        charts_note=_charts_note(shown),
        workers_text=_workers_text(result, shown),
        legend="\n".join(_legend(result, shown)),
        throughput_text=_throughput_text(result),
        durations_text=_durations_text(shown),
        memory_text=_memory_text(shown),
        items_note=_items_note(result, rows),
        groups="\n".join(_groups(result)),
        metrics="\n".join(_metrics(result)),
        environment="\n".join(_environment(result)),
        figures=as_json(shown),
        rows=rows.rows,
    )
    file.write(page.encode())


def _below_the_facts(material: Material) -> Iterator[str]:
    result = material.result
    yield from causes(material)
    yield from _warnings(result)
    yield from _acceleration(result)
    yield from withdrawn.details(result.withdrawn)


def _part(name: str) -> str:
    return resources.files("parbatch.reports.html").joinpath("page", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is fetched, nothing runs but this script, and text never becomes markup (Trusted Types)."""
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    return (
        f"default-src 'none'; script-src 'sha256-{digests[0]}'; style-src 'sha256-{digests[1]}'; base-uri 'none';"
        " form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _headline(result: RunResult) -> str:
    states = {
        "finished": "Finished",
        "interrupted": "Interrupted",
        "stopped": f"Stopped: {(result.stopped_by or '').partition(chr(10))[0]}",
        "running": "Still running",
        "killed": "Killed, or broken off",
    }
    at = f"{result.started_at[:16].replace('T', ' ')} UTC"
    took = "when it ended is not known" if result.duration_s is None else format_duration(result.duration_s)
    return markup(f"{states[result.state]}. Begun {at}, {took}.")


def _tiles(result: RunResult) -> Iterator[str]:
    yield f'<li class="s-all"><strong>{result.total:,}</strong><span>items</span></li>'
    for status in STATUSES:
        count = result.by_status.get(status, 0)
        if count or status in {"ok", "failed"}:
            none = "" if count else " none"
            yield f'<li class="s-{status}{none}"><strong>{count:,}</strong><span>{status}</span></li>'


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    result = material.result
    yield "Attempted in this run", f"{result.rendered:,}" + (f" ({result.kept:,} kept)" if result.kept else "")
    if result.phases:
        told = (f"{one.name} {one.state}, {one.success:,} of {one.total:,} ok" for one in result.phases)
        yield "Phases", markup("; ".join(told), 2000)
    yield "Workers", markup(f"{result.workers} ({result.backend})")
    yield "Workers restarted", f"{result.worker_restarts:,}"
    if result.chunks is not None:
        yield "Chunks", _chunks_text(result.chunks)
    if result.overview and result.overview.path:
        yield "Overview", f'<a href="{escape(quote(result.overview.path))}">{markup(result.overview.path)}</a>'
    elif result.overview and result.overview.error:
        yield "Overview", markup(f"failed: {result.overview.error}")
    if result.merged and result.merged.path:
        yield "Merged", f'<a href="{escape(quote(result.merged.path))}">{markup(result.merged.path)}</a>'
    elif result.merged and result.merged.error:
        yield "Merged", markup(f"failed: {result.merged.error}")
    for name, product in (("Overview", result.overview), ("Merged", result.merged)):
        if product is not None and product.out_of_date is not None:
            yield f"{name}, older", markup(withdrawn.of_earlier_outcomes(product, product.out_of_date))
    yield "Exit code", "none" if result.exit_code is None else str(result.exit_code)
    folders = [f"{phase.name}/items" for phase in result.phases] or ["items"]
    items = (f'<a href="{escape(quote(path))}/">{markup(path)}</a>' for path in folders)
    others = (material.folder.report(name).name for name in ("report.json", "junit.xml"))
    yield "Files", ", ".join([*items, *(f'<a href="{name}">{name}</a>' for name in others)])
    yield "Run", markup(result.run_id)
    if result.shard is not None:
        yield "Shard", result.shard


def _chunks_text(chunks: ChunkFigures) -> str:
    entries, took = chunks.entries, chunks.acquire_s.sum
    return markup(
        f"{chunks.count:,}, with {entries.median:,.0f} entries each (95 % up to {entries.p95:,.0f};"
        f" {entries.sum:,.0f} in all, {format_size(chunks.bytes.sum)}), acquired in {format_duration(took)}"
    )


def _charts_note(shown: Figures) -> str:
    if shown.every == 1:
        return ""
    return f'<p class="note">Drawn from one item in {shown.every}, evenly taken; every worker\'s death is marked.</p>'


def _workers_text(result: RunResult, shown: Figures) -> str:
    if not shown.slots:
        return "Nothing was rendered in this run."
    drawn = f"the first {shown.slots} of {result.workers}" if shown.slots < result.workers > 128 else f"{shown.slots}"
    deaths = f"; {counted(len(shown.marks), 'death')} in the middle of an item" if shown.marks else ""
    return (
        f"{drawn} {'slot' if drawn == '1' else 'slots'}, {counted(result.worker_restarts, 'restart')} in all{deaths}."
    )


def _legend(result: RunResult, shown: Figures) -> Iterator[str]:
    for status in STATUSES:
        if status != "pending" and result.by_status.get(status):
            yield f'<li class="s-{status}"><i></i>{status}</li>'
    if shown.marks:
        yield "<li><b>✕</b>worker died</li><li><b>▶</b>slot rendering again</li>"


def _throughput_text(result: RunResult) -> str:
    if not result.rendered or not result.duration_s:
        return "Nothing was rendered in this run."
    return f"{result.rendered / result.duration_s:,.1f} items a second on average."


def _durations_text(shown: Figures) -> str:
    durations = shown.durations
    if durations is None:
        return "No attempt has ended yet."
    half, most = _seconds(durations.below(0.5)), _seconds(durations.below(0.95))
    return f"Half of the items under {half}, 95 % under {most}; the longest took {_seconds(durations.longest)}."


def _memory_text(shown: Figures) -> str:
    largest = max((size for size in shown.memory if size), default=None)
    if largest is None:
        return "Not measured."
    if not shown.cap:
        return f"At most {format_size(largest)} seen; there was no cap."
    share = max(largest / shown.cap, 0.01)
    return f"At most {format_size(largest)} seen, {share:.0%} of the cap of {format_size(shown.cap)}."


def _seconds(seconds: float) -> str:
    return format_duration(seconds) if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _items_note(result: RunResult, rows: Table) -> str:
    if rows.listed == result.total:
        return f"All {counted(result.total, 'item')}, those that are not ok first."
    if result.total > MOST_LISTED:
        which = "only those that were tried and are not ok"
    else:
        which = "as many as there is room for, those that are not ok first"
    return f"{rows.listed:,} of {counted(result.total, 'item')}: {which}. The checkpoint has all."


def _groups(result: RunResult) -> Iterator[str]:
    groups = result.after.by_group
    if not any(groups):
        return
    present = [status for status in STATUSES if result.by_status.get(status)]
    heads = "".join(f'<th class="n" scope="col">{status}</th>' for status in present)
    yield f'<details class="more"><summary>{counted(len(groups), "group")}</summary><div class="scroll"><table>'
    yield f'<thead><tr><th scope="col">Group</th><th class="n" scope="col">ok before</th>{heads}</tr></thead><tbody>'
    for name, now in list(groups.items())[:MOST_GROUPS]:
        before = result.before.by_group.get(name, {}).get("ok", 0)
        cells = "".join(f'<td class="n">{now.get(status, 0):,}</td>' for status in present)
        yield f'<tr><td>{markup(name, 200) or "(none)"}</td><td class="n">{before:,}</td>{cells}</tr>'
    yield "</tbody></table></div>"
    if len(groups) > MOST_GROUPS:
        yield f'<p class="note">… and {len(groups) - MOST_GROUPS:,} more, in report.json.</p>'
    yield "</details>"


def _warnings(result: RunResult) -> Iterator[str]:
    warnings = result.warnings
    if not warnings.total:
        return
    heading = f"{counted(warnings.total, 'warning')} about {counted(warnings.items, 'item')} that are ok"
    yield f'<details class="more"><summary>{heading}</summary><ul class="named">'
    for warned in warnings.first:
        yield f"<li><bdi>{markup(warned.name, 120)}</bdi>: <bdi>{markup(str(warned.problem), 500)}</bdi></li>"
    if warnings.total > len(warnings.first):
        yield f"<li>… and {warnings.total - len(warnings.first):,} more</li>"
    yield "</ul></details>"


def _acceleration(result: RunResult) -> Iterator[str]:
    if warning := result.documents.warning:
        yield f'<p class="note">{markup(warning)}</p>'


def _metrics(result: RunResult) -> Iterator[str]:
    rows = list(islice(_metric_rows(result), MOST_GROUPS + 1))
    if not rows:
        return
    heads = "".join(f'<th class="n" scope="col">{head}</th>' for head in METRIC_HEADS)
    summary = counted(len(result.metrics), "metric")
    yield f'<details class="more"><summary>{summary}</summary><div class="scroll"><table>'
    yield f'<thead><tr><th scope="col">Metric</th><th scope="col">Group</th>{heads}</tr></thead><tbody>'
    yield from rows[:MOST_GROUPS]
    yield "</tbody></table></div>"
    if len(rows) > MOST_GROUPS:
        yield '<p class="note">… and more, in report.json.</p>'
    yield "</details>"


def _metric_rows(result: RunResult) -> Iterator[str]:
    """For each metric a row over all items, and below it, where there are groups, one for each."""
    for name, metric in result.metrics.items():
        yield _metric_row(name, "all", metric)
        if any(metric.by_group):
            for group, figures in metric.by_group.items():
                yield _metric_row("", group or "(none)", figures)


def _metric_row(name: str, group: str, metric: MetricFigures) -> str:
    figures = (metric.count, metric.sum, metric.median, metric.p95, metric.max, metric.missing)
    cells = "".join(f'<td class="n">{"" if one is None else format_figure(one)}</td>' for one in figures)
    return f"<tr><td>{markup(name, 200)}</td><td>{markup(group, 200)}</td>{cells}</tr>"


def _environment(result: RunResult) -> Iterator[str]:
    yield '<details class="more"><summary>Environment</summary><dl class="facts">'
    for name, value in result.environment.items():
        yield f"<div><dt>{markup(name, 200)}</dt><dd>{markup(value)}</dd></div>"
    yield "</dl></details>"
