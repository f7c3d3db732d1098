"""Failures by fingerprint, as markup: readable where scripts are off."""

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from parbatch.model.result import Failure, FailureGroup
from parbatch.model.text import in_one_line
from parbatch.model.units import counted
from parbatch.reports.failure_groups import group_failures
from parbatch.reports.html.text import markup, tail
from parbatch.reports.report_data import Material

MOST_CAUSES = 100
MOST_NAMED = 20
MOST_LOG_BYTES = 4_000
MOST_TRACEBACK = 12_000
# Characters of tracebacks and log tails in all; after that, causes are named without them.
MOST_DETAILS = 300_000


def causes(material: Material) -> Iterator[str]:
    """Return the section of failures, the most frequent cause first; nothing where all went well."""
    groups = group_failures(material.result.failures, MOST_NAMED)
    if not groups:
        return
    count = sum(group.count for group in groups)
    yield '<section id="failures" aria-labelledby="failures-title">'
    yield f'<h2 id="failures-title">{counted(count, "item")} not ok, {counted(len(groups), "cause")}</h2>'
    room = MOST_DETAILS
    for number, group in enumerate(groups[:MOST_CAUSES]):
        details = "".join(_details(group.first[0], material)) if room > 0 else ""
        room -= len(details)
        yield from _cause(group, details, opened=number == 0)
    if len(groups) > MOST_CAUSES:
        yield f'<p class="note">… and {len(groups) - MOST_CAUSES:,} more causes, in report.json.</p>'
    yield "</section>"


def _cause(group: FailureGroup, details: str, *, opened: bool) -> Iterator[str]:
    first = group.first[0]
    message = in_one_line(first.message)
    cause = f"{first.type}: {message}" if message else first.type
    yield f'<details class="cause s-{first.status}"{" open" if opened else ""}>'
    yield (
        f'<summary><b>{group.count:,}</b> <span class="badge s-{first.status}">{first.status}</span>'
        f" <bdi>{markup(cause, 300)}</bdi></summary><div>"
    )
    yield f"<h4>{counted(group.count, 'item')}, fingerprint {escape(first.fingerprint)}</h4>"
    yield '<ul class="named">'
    for failure in group.first:
        yield f"<li>{_named(failure)}</li>"
    if group.count > len(group.first):
        yield f"<li>… and {group.count - len(group.first):,} more</li>"
    yield f"</ul>{details}</div></details>"


def _named(failure: Failure) -> str:
    tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
    logs = [
        f' <a href="{escape(quote(path))}">{stream}</a>'
        for stream, path in (("stdout", failure.stdout_path), ("stderr", failure.stderr_path))
        if path
    ]
    return f"<bdi>{markup(failure.name, 120)}</bdi>{tries}{''.join(logs)}"


def _details(failure: Failure, material: Material) -> Iterator[str]:
    """Return what the group's first item left: its message, traceback and the ends of its logs."""
    whose = f"<bdi>{markup(failure.name, 120)}</bdi>"
    if failure.traceback:
        yield from _block(f"Traceback of {whose}", failure.traceback, MOST_TRACEBACK)
    elif "\n" in failure.message.strip():
        yield from _block(f"Message of {whose}", failure.message, MOST_TRACEBACK)
    for stream, path in (("stdout", failure.stdout_path), ("stderr", failure.stderr_path)):
        if path and (words := tail(material.logs, path, MOST_LOG_BYTES)).strip():
            yield from _block(f"End of {stream} of {whose}", words, 2 * MOST_LOG_BYTES)


def _block(heading: str, content: str, most: int) -> Iterator[str]:
    yield f'<h4>{heading}</h4><pre tabindex="0">{markup(content.rstrip(), most)}</pre>'
