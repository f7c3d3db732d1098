"""Documents for the tests of checks, and where their problems are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docx

if TYPE_CHECKING:
    from pathlib import Path

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def saved(document: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document.save(path)
    return path


def saying(path: Path, *texts: str) -> Path:
    document = docx.Document()
    for text in texts:
        document.add_paragraph(text)
    return saved(document, path)


def places(problems: Any) -> list[str]:
    return [problem.where for problem in problems]
