"""The kinds of file that Word keeps a document in: .docx, .dotx, .docm and .dotm.

They differ in the content type of the main part, and in whether macros may be there. python-docx opens the first kind
only. `WordPackage` holds any of them as the document that it is; the name under which it is saved decides what it
becomes, as Word refuses a file whose content does not match its name.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, cast

from docx.opc.constants import CONTENT_TYPE as CT
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.package import Unmarshaller
from docx.opc.part import PartFactory
from docx.opc.pkgreader import PackageReader
from docx.package import Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docx.document import Document

#: The content type of the main part, by the ending of the file's name.
MAIN_TYPES = {
    ".docx": CT.WML_DOCUMENT_MAIN,
    ".dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ".docm": "application/vnd.ms-word.document.macroEnabled.main+xml",
    ".dotm": "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
}
_KINDS = {content_type.lower(): suffix for suffix, content_type in MAIN_TYPES.items()}
_WITH_MACROS = frozenset((".docm", ".dotm"))

_VBA_PROJECT = "http://schemas.microsoft.com/office/2006/relationships/vbaProject"
_RIBBONS = frozenset(
    f"http://schemas.microsoft.com/office/{year}/relationships/ui/extensibility" for year in (2006, 2007)
)
# What a ribbon of the document's own calls is in its macros: onAction="…", getLabel="…", loadImage="…".
_CALLBACK = re.compile(rb"""\s(?:on[A-Z]\w*|get[A-Z]\w*|loadImage)\s*=""")


def kind_of(content_type: str) -> str | None:
    """Return the ending of names of files whose main part is of this type; None if Word has no such document."""
    return _KINDS.get(content_type.lower())


class WordPackage(Package):
    """A document of any kind, held as if it were a .docx file, with its macros.

    `origin` is the name of its file, `tell` is called with what somebody should know about what was saved.
    """

    origin = "the template"
    tell: Callable[[str], None] | None = None

    @classmethod
    def open(cls, pkg_file: str | IO[bytes]) -> WordPackage:
        """Return the package in a file. Raises what `docx.package.Package.open` raises, and ValueError if it is no
        Word document.
        """
        reader: Any = PackageReader.from_file(pkg_file)
        for part in reader._sparts:
            if part.reltype == RT.OFFICE_DOCUMENT and kind_of(part.content_type) is not None:
                part._content_type = CT.WML_DOCUMENT_MAIN
        package = cls()
        Unmarshaller.unmarshal(reader, package, PartFactory)
        main = package.main_document_part
        if main.content_type != CT.WML_DOCUMENT_MAIN:
            raise ValueError(f"its content type is {main.content_type!r}, which no Word document has")
        return package

    @property
    def document(self) -> Document:
        """Return the document in this package."""
        document: Document = cast("Any", self.main_document_part).document
        return document

    def save(self, pkg_file: str | IO[bytes]) -> None:
        """Save this package as the kind of file that its name says; as .docx where there is no name."""
        with saved_as(self, pkg_file):
            super().save(pkg_file)


def has_macros(document: Document) -> bool:
    """Return whether a document that python-docx has opened, so a .docx by its content type, has macros."""
    return any(_is_of_macros(rel) for rel in document.part.rels.values())


def is_kind_of_word(error: BaseException) -> bool:
    """Return whether python-docx has raised this because a file is of one of Word's other kinds."""
    return isinstance(error, ValueError) and any(kind in str(error).lower() for kind in _KINDS)


@contextmanager
def saved_as(package: Any, target: object) -> Iterator[None]:
    """Let a package be of the kind that the name of its file asks for, while it is saved there.

    Macros of a `WordPackage` are taken out where the kind can't hold any, which is told. All is put back at the end.
    """
    suffix = _suffix(target)
    own = isinstance(package, WordPackage)
    if suffix == ".docx" and not own:
        yield
        return
    main: Any = package.main_document_part
    content_type = main._content_type
    taken = _take_macros(package) if own and suffix not in _WITH_MACROS else []
    main._content_type = MAIN_TYPES[suffix]
    try:
        yield
    finally:
        main._content_type = content_type
        for rels, before in taken:
            dict.clear(rels)
            dict.update(rels, before)
    if taken:
        _tell(package)


def _suffix(target: object) -> str:
    name = target if isinstance(target, (str, os.PathLike)) else getattr(target, "name", None)
    suffix = PurePath(os.fsdecode(name)).suffix.lower() if isinstance(name, (str, os.PathLike)) else ""
    return suffix if suffix in MAIN_TYPES else ".docx"


def _take_macros(package: WordPackage) -> list[tuple[Any, dict[str, Any]]]:
    """Take the relationships to macros, and to a ribbon that calls them, out; return what was there before."""
    taken = []
    for rels in [package.rels, *(part.rels for part in package.parts)]:
        before = dict(rels)
        for number in [number for number, rel in before.items() if _is_of_macros(rel)]:
            dict.pop(rels, number)
        if len(rels) < len(before):
            taken.append((rels, before))
    if taken:
        before = dict(package.rels)
        ribbons = [number for number, rel in before.items() if _is_ribbon_of_macros(rel)]
        for number in ribbons:
            dict.pop(package.rels, number)
        if ribbons:
            taken.append((package.rels, before))
    return taken[::-1]


def _is_of_macros(rel: Any) -> bool:
    return not rel.is_external and (
        rel.reltype == _VBA_PROJECT or rel.target_part.content_type.lower() == "application/vnd.ms-office.vbaproject"
    )


def _is_ribbon_of_macros(rel: Any) -> bool:
    return not rel.is_external and rel.reltype in _RIBBONS and _CALLBACK.search(rel.target_part.blob) is not None


def _tell(package: WordPackage) -> None:
    told = (
        f"the macros of {package.origin} are not in the documents made from it: a .docx or .dotx file can't hold any."
        " A name that ends in .docm keeps them"
    )
    if package.tell is not None:
        package.tell(told)
    else:
        warnings.warn(told, stacklevel=5)
