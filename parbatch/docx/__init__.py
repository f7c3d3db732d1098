"""Everything that touches python-docx."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docx.document import Document


def accelerate() -> bool:
    return False


def open_template(path: str | os.PathLike[str] | None) -> "Document":
    import docx

    return docx.Document(None if path is None else os.fspath(path))


def save(document: "Document", path: str | os.PathLike[str]) -> None:
    document.save(os.fspath(path))
