"""The report as JSON."""

from typing import BinaryIO

import msgspec

from parbatch.reports.material import Material
from parbatch.result import RunResult


def encode(result: RunResult) -> bytes:
    """The report as indented JSON text in UTF-8, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def write(material: Material, file: BinaryIO) -> None:
    """See Report."""
    file.write(encode(material.result))
