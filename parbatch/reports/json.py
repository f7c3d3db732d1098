"""The report as JSON, written whole or not at all."""

import os
from pathlib import Path

import msgspec

from parbatch.result import RunResult


def encode(result: RunResult) -> bytes:
    """The report as indented JSON text in UTF-8, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def write(result: RunResult, path: Path) -> None:
    """Write the report; readers see the old one or the new one."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(encode(result))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
