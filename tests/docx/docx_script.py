"""Scripts of public python-docx calls and what running one leaves behind."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from docx.document import Document


class Machine:
    """Runs steps on one document. A step is an operation's name and numbers that pick what it works on."""

    def __init__(self, document: Document, operations: dict[str, Callable[..., Any]]) -> None:
        self.document = document
        self.operations = operations
        self.log: list[str] = []
        self.held: list[Any] = []
        self.tables: list[Any] = list(document.tables)
        self.cells: list[Any] = []
        self.paragraphs: list[Any] = list(document.paragraphs)
        self.runs: list[Any] = []

    def run(self, steps: list[tuple[str, int, int, int]]) -> None:
        """Run every step; what it raises or warns of goes to the log, as does what it reads."""
        for name, *numbers in steps:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    seen = self.operations[name](self, *numbers)
                except Exception as error:  # noqa: BLE001 - whatever it is, both ways must raise it
                    seen = f"{type(error).__mro__} {error}"
            told = [(w.category.__name__, str(w.message), w.filename) for w in caught]
            self.log.append(re.sub(r"0x[0-9a-f]+|id: [0-9]+", "id", f"{name}: {seen!r} {told}"))

    def pick(self, things: list[Any], number: int) -> Any:
        return things[number % len(things)] if things else None

    @property
    def containers(self) -> list[Any]:
        section = self.document.sections[0]
        return [self.document, self.document, *self.cells[-3:], section.header, section.footer]


def saved_parts(document: Document) -> dict[str, bytes]:
    """Return every member that saving writes, in order, times of day taken out."""
    stream = io.BytesIO()
    document.save(stream)
    with zipfile.ZipFile(stream) as archive:
        return {name: re.sub(rb' w:date="[^"]*"', b"", archive.read(name)) for name in archive.namelist()}
