"""Why a file can't be opened as a Word document, and what to do: for people, from the file and from the error."""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How the names of Word's documents and templates end.
SUFFIXES = (".docx", ".dotx", ".docm", ".dotm")

_ADVICE = "give the path of a .docx file that Word can open, or none for the default template"
_BEGINNINGS = {
    b"\xd0\xcf\x11\xe0": (
        "it is of Word's old format (.doc), or protected by a password",
        "open it in Word, take the password off, and save it as .docx",
    ),
    b"{\\rtf": ("it is an RTF file", "open it in Word and save it as .docx"),
    b"%PDF": ("it is a PDF file", "give the .docx file that it was made from"),
    b"version https://git-lfs": ("it is a pointer of Git LFS", "get the file itself with `git lfs pull`"),
}
_STRICT = b"http://purl.oclc.org/ooxml/"
_NO_MEMBER = re.compile(r"There is no item named '(?P<member>.*)' in the archive")
_FAILED_AT = re.compile(r"is not a Word file, content type is '(?P<type>[^']*)'")


def why_unreadable(name: str | None, error: BaseException) -> str:
    """Return why the template called `name`, at whose opening python-docx raised `error`, can't be used, and what to
    do about it.
    """
    cause, advice = hint(name, error) or (f"{type(error).__name__}: {error}", _ADVICE)
    return f"the template {name!r} can't be read ({cause}): {advice}"


def is_no_file(name: str | os.PathLike[str]) -> bool:
    """Return whether something is there that may have to be waited for, such as a pipe: neither a file nor a folder."""
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 -- it may be a string
    except (OSError, ValueError):  # not there, or no name that can be
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def hint(name: str | os.PathLike[str] | None, error: BaseException) -> tuple[str, str] | None:
    """Return what is the matter with a file, and what to do about it, where this can be told; else None."""
    if name is None or is_no_file(name):
        return None
    if os.path.isdir(name):  # noqa: PTH112 -- it may be a string
        return "it is a folder", _ADVICE
    try:
        return next(_causes(Path(name), error), None)
    except MemoryError:  # the worker's, not the file's
        raise
    except Exception:  # noqa: BLE001 -- whatever zipfile raises for a damaged file; `error` says what python-docx met
        return None


def _causes(path: Path, error: BaseException) -> Iterator[tuple[str, str]]:
    from zipfile import BadZipFile, ZipFile  # noqa: PLC0415 -- needed only where something is wrong

    with path.open("rb") as file:
        beginning = file.read(32)
    if not beginning:
        yield "the file is empty", "save it again, or copy it again"
    if path.name.startswith("~$"):
        yield "it is Word's note of who has the document open", f"give {path.name[2:]!r} or its like"
    for signature, told in _BEGINNINGS.items():
        if beginning.startswith(signature):
            yield told
    try:
        with ZipFile(path) as archive:
            members = set(archive.namelist())
            rels = archive.read("_rels/.rels") if "_rels/.rels" in members else b""
    except (BadZipFile, NotImplementedError):  # the latter: a method of packing that zipfile does not know
        yield "it is no zip file, or a part of one", _ADVICE
        return
    if "mimetype" in members and "content.xml" in members:
        yield "it is an OpenDocument file", "save it as .docx in LibreOffice"
    if _STRICT in rels:
        yield (
            "it is a Strict Open XML document, which python-docx can't read",
            "open it in Word and save it as 'Word Document (*.docx)', not as 'Strict Open XML Document'",
        )
    if found := _NO_MEMBER.search(str(error)):
        yield (
            f"one of its parts refers to {found['member']!r}, which is not in the file",
            "open it in Word or LibreOffice and save it again, which drops what leads nowhere",
        )
    if wrong := _FAILED_AT.search(str(error)):
        yield f"its content type is {wrong['type']!r}, which no Word document has", _ADVICE


def not_there(name: str) -> str:
    """Return what to say of a template that is missing: where it was looked for, and what may be meant there."""
    folder, wanted = os.path.split(os.path.abspath(name))  # noqa: PTH100 - a string, as python-docx takes it
    if not os.path.isdir(folder):  # noqa: PTH112
        return f"no template {wanted!r} in {folder!r}: there is no such folder"
    there = sorted(file for file in os.listdir(folder) if file.lower().endswith(SUFFIXES))  # noqa: PTH208
    advice = _ADVICE
    if close := get_close_matches(wanted, there, cutoff=0.5):
        advice = f"did you mean {' or '.join(map(repr, close))}?"
    return f"no template {wanted!r} in {folder!r}: {advice}"
