"""The report as JSON."""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from parbatch.model.result import RunResult
from parbatch.reports.report_data import Material

_NO_FAILURES = b'\n  "failures": []'  # at the outermost level; within JSON text a line break is an escape


def encode(result: RunResult) -> bytes:
    """Return the report as indented JSON text in UTF-8, with a newline at the end."""
    return b"".join(pieces(result))


def pieces(result: RunResult) -> Iterator[bytes]:
    """Yield the report piece by piece: where all of 200,000 items failed, the text alone is 200 MB."""
    before, failures, after = _indented(msgspec.structs.replace(result, failures=[])).partition(_NO_FAILURES)
    yield before
    yield failures if not result.failures else failures.removesuffix(b"]")
    for number, failure in enumerate(result.failures):
        yield b",\n    " if number else b"\n    "
        yield _indented(failure).replace(b"\n", b"\n    ")
    yield b"\n  ]" if result.failures else b""
    yield after
    yield b"\n"


def write(material: Material, file: BinaryIO) -> None:
    """See Report."""
    file.writelines(pieces(material.result))


def _indented(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
