"""The report as JUnit XML, which CI servers read: an item is a test case.

The shape is that of Jenkins' schema (xunit-plugin, junit-10.xsd), which other servers' readers take too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from html import escape  # that of xml.sax loads all that speaks HTTP
from typing import BinaryIO

from parbatch.model.result import Failure, RunResult
from parbatch.reports.html.text import for_xml, shorten, tail
from parbatch.reports.report_data import MOST_LISTED, Material
from parbatch.storage.view import ItemRow

MOST_MESSAGE = 1_000
MOST_LOG_BYTES = 4_000
# Tracebacks and log tails of the first failures are written until they come to this many characters: enough for
# 1,000 usual ones, and a server that shows the file reads all of it into memory.
MOST_DETAILS = 16_000_000

# A failure is a verdict on the item; an error is an attempt that did not get so far.
_ELEMENT = {"failed": "failure", "invalid": "failure", "timeout": "error", "memory": "error", "crashed": "error"}

# Line breaks too: whoever reads an attribute takes them for blanks.
_IN_QUOTES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def write(material: Material, file: BinaryIO) -> None:
    """See Report."""
    writer = _Writer(file)
    result = material.result
    whole = _totals(result)
    with writer.element("testsuites", **whole):
        about = {
            "timestamp": result.started_at[:19],
            "hostname": result.environment.get("host", ""),
            "id": result.run_id,
        }
        with writer.element("testsuite", **whole, skipped=str(result.pending), **about):
            _properties(writer, material)
            _cases(writer, material)


def _totals(result: RunResult) -> dict[str, str]:
    failures = result.by_status["failed"] + result.by_status["invalid"]
    return {
        "name": result.job,
        "tests": str(result.total),
        "failures": str(failures),
        "errors": str(result.errors - failures),
        "time": f"{result.duration_s or 0:.3f}",
    }


def _properties(writer: "_Writer", material: Material) -> None:
    result = material.result
    told = {"state": result.state, "exit_code": str(result.exit_code), "workers": str(result.workers)}
    told |= {f"items.{status}": str(count) for status, count in result.by_status.items()}
    if not material.lists_all:
        told["listed"] = (
            f"only items that were tried and are not ok, {MOST_LISTED} at most, because there are more than"
            f" {MOST_LISTED} items; the totals count all of them"
        )
    with writer.element("properties"):
        for name, value in told.items():
            writer.empty("property", name=name, value=value)


def _cases(writer: "_Writer", material: Material) -> None:
    failures = iter(material.result.failures)  # in item order, as the rows are
    failure = next(failures, None)
    room = MOST_DETAILS
    for row in material.items(with_outputs=False) if material.lists_all else material.not_ok():
        start = _opening_of_case(row, material.result.job)
        if row.status == "ok":
            writer.raw(f"{start}/>\n")
            continue
        writer.raw(f"{start}>")
        if row.status == "pending":
            writer.empty("skipped", message="not done yet")
        elif failure is not None and failure.id == row.id:
            details = _details(failure, material) if room > 0 else {}
            room -= sum(map(len, details.values()))
            _failure(writer, failure, details)
            failure = next(failures, None)
        writer.raw("</testcase>\n")


def _opening_of_case(row: ItemRow, job: str) -> str:
    """Return a case's tag without its end. There may be 100,000: this is most of what the report costs."""
    name = row.name if row.name == row.id else f"{row.name} [{row.id}]"
    return f'<testcase classname={_class_name(job, row.group)} name={_quoted(name)} time="{row.duration_s or 0:.3f}"'


@lru_cache(1_000)
def _class_name(job: str, group: str) -> str:
    return _quoted(f"{job}.{group}" if group else job)


def _details(failure: Failure, material: Material) -> dict[str, str]:
    details = {"text": failure.traceback or failure.message}
    for element, path in (("system-out", failure.stdout_path), ("system-err", failure.stderr_path)):
        if path and (words := tail(material.logs, path, MOST_LOG_BYTES)):
            details[element] = words
    return details


def _failure(writer: "_Writer", failure: Failure, details: dict[str, str]) -> None:
    message = shorten(failure.message, MOST_MESSAGE)
    with writer.element(_ELEMENT[failure.status], type=failure.type, message=f"{failure.status}: {message}"):
        writer.text(details.pop("text", ""))
    for element, words in details.items():
        with writer.element(element):
            writer.text(words)


class _Writer:
    """XML with what XML can't hold dropped, written as it comes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.raw('<?xml version="1.0" encoding="utf-8"?>\n')

    def raw(self, xml: str) -> None:
        self._file.write(xml.encode())

    @contextmanager
    def element(self, tag: str, /, **attributes: str) -> Iterator[None]:
        self.raw(f"{_opening(tag, attributes)}>")
        yield
        self.raw(f"</{tag}>\n")

    def empty(self, tag: str, /, **attributes: str) -> None:
        self.raw(f"{_opening(tag, attributes)}/>\n")

    def text(self, text: str) -> None:
        self.raw(escape(for_xml(text), quote=False))


def _opening(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag}" + "".join(f" {key}={_quoted(value)}" for key, value in attributes.items())


def _quoted(value: str) -> str:
    return f'"{for_xml(value).translate(_IN_QUOTES)}"'
