"""Documents of libraries that stand on python-docx, such as docxtpl and docxcompose, saved by their own `save`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from parbatch.docx import is_document
from parbatch.docx.deflate import deflated
from parbatch.docx.saving import save
from parbatch.docx.zipping import zipped

if TYPE_CHECKING:
    import os


def save_document(document: Any, path: str | os.PathLike[str]) -> None:
    """Write a python-docx Document, or a DocxTemplate or Composer, to `path`; the same content gives the same bytes.

    What these put together last, such as exchanged pictures, is not in a python-docx Document yet, so it is their own
    `save` that has to be called. Raises what that raises, and TypeError where it leaves no file there.
    """
    if is_document(document):
        save(document, path)
        return
    place = Path(path)
    document.save(str(place))
    if not place.is_file():
        raise TypeError(f"{type(document).__name__}.save() has left no file {place.name!r}")
    with ZipFile(place) as archive:
        members = [(member.filename, deflated(archive.read(member))) for member in archive.infolist()]
    place.write_bytes(zipped(members))  # without the time of day, which zipfile has put there
