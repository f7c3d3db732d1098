"""Saving: the same document gives the same bytes, and parts that did not change are not compressed again.

Members, their names, order and contents are those of python-docx's own save; only the time stamps are fixed
and the compressed form may come from another library.
"""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from docx.document import Document as DocumentObject
from docx.opc.constants import CONTENT_TYPE
from docx.opc.oxml import CT_Relationships
from docx.opc.packuri import CONTENT_TYPES_URI, PACKAGE_URI, PackURI
from docx.opc.pkgwriter import _ContentTypesItem
from docx.opc.rel import Relationships
from docx.package import Package
from docx.parts.document import DocumentPart
from docx.parts.hdrftr import FooterPart, HeaderPart

from parbatch.docx import stood_for
from parbatch.docx.deflate import DeflateCache, Deflated, deflated
from parbatch.docx.shared_parts import source_of
from parbatch.docx.watching import look_closely, undisturbed
from parbatch.docx.word_formats import WordPackage, saved_as
from parbatch.docx.zipping import zipped

if TYPE_CHECKING:
    from docx.document import Document

    from parbatch.docx.patching import Patches

#: Enough for the styles, fonts, themes and pictures of a few templates.
_cache = DeflateCache(32 * 1024 * 1024)

_SAVE = stood_for.path("docx.package:Package.save")
_SAVE_DOCUMENT = stood_for.path("save-document")
_PACKAGES = frozenset((Package, WordPackage))

#: Parts that differ from one document to the next: nothing would be gained by remembering them.
_CHANGING = frozenset((DocumentPart, HeaderPart, FooterPart))


def save(document: Document, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write `document` to `path`, or to a stream open for writing.

    The bytes are a function of the document's content and of the deflate library in use. Errors are those of
    opening and writing a file. Unlike python-docx, it leaves nothing at `path` if a part can't be serialised, and
    what it writes is of the kind that the name says: .docx, .docm, .dotx or .dotm.
    """
    package = document.part.package
    with saved_as(package, path):
        if _saves_as_ever(document):
            _save_package(package, path)
        elif isinstance(path, (str, os.PathLike)):
            document.save(os.fspath(path))
            file = Path(path)
            file.write_bytes(_settled(file.read_bytes()))
        else:
            path.write(_saved_otherwise(document))


def document_bytes(document: Document) -> bytes:
    """Return what `save` writes into a .docx file."""
    package = document.part.package
    with saved_as(package, None):
        return zipped(_members(package)) if _saves_as_ever(document) else _saved_otherwise(document)


def _saves_as_ever(document: Any) -> bool:
    """Return whether all that saves a document is python-docx's own."""
    part = document.part
    own = type(document) is DocumentObject and type(part) is DocumentPart and type(part.package) in _PACKAGES
    return own and not any("save" in each.__dict__ for each in (part, part.package)) and undisturbed(_SAVE_DOCUMENT)


def _saved_otherwise(document: Document) -> bytes:
    stream = BytesIO()
    document.save(stream)
    return _settled(stream.getvalue())


def _settled(content: bytes) -> bytes:
    """Return a zip file with the same members and no time of day; what is none stays as it is."""
    try:
        with ZipFile(BytesIO(content)) as archive:
            return zipped([(info.filename, deflated(archive.read(info))) for info in archive.infolist()])
    except BadZipFile:
        return content


def _save_package(package: Any, target: str | os.PathLike[str] | IO[bytes]) -> None:
    members = _members(package)
    if isinstance(target, (str, os.PathLike)):
        with open(target, "w+b") as file:
            file.write(zipped(members))
        return
    try:
        start = target.tell()
    except (AttributeError, OSError):
        start = 0
    target.write(zipped(members, start))
    if hasattr(target, "flush"):
        target.flush()


def _members(package: Any) -> list[tuple[str, Deflated]]:
    """Return the members of the file, in python-docx's order: content types, package relationships, parts."""
    for part in package.parts:
        part.before_marshal()
    parts = package.parts
    entries = tuple((part.partname, part.content_type) for part in parts)
    # A plain string in a name's place is equal to the name, but python-docx fails on it.
    cached = all(type(partname) is PackURI for partname, _ in entries)
    members = [
        (
            CONTENT_TYPES_URI.membername,
            _content_types(entries) if cached else _content_types.__wrapped__(entries),
        ),
        (PACKAGE_URI.rels_uri.membername, _rels_member(package.rels)),
    ]
    for part in parts:
        members.append((part.partname.membername, _part(part)))
        if len(part.rels):
            members.append((part.partname.rels_uri.membername, _rels_member(part.rels)))
    _warn_of_duplicates(members)
    return members


def _part(part: Any) -> Deflated:
    """Return a part's content compressed; one that still shares its template's tree is neither copied nor
    serialised.
    """
    source = source_of(part)
    if source is not None:
        return _cache.get(source.blob)
    blob = _content(part.blob)
    return deflated(blob) if type(part) in _CHANGING else _cache.get(blob)


def _content(blob: Any) -> bytes:
    """Return as bytes what zipfile would write: text as UTF-8, and the bytes of any buffer.

    Raises what zipfile raises for anything else.
    """
    if type(blob) is bytes:
        return blob
    if isinstance(blob, str):
        return blob.encode("utf-8")
    len(blob)
    return memoryview(blob).tobytes()


@lru_cache(maxsize=256)
def _content_types(entries: tuple[tuple[str, str], ...]) -> Deflated:
    """Return the content types member; the same parts have the same one, and python-docx parses XML for each
    entry.
    """
    items = _ContentTypesItem()
    items._defaults["rels"] = CONTENT_TYPE.OPC_RELATIONSHIPS
    items._defaults["xml"] = CONTENT_TYPE.XML
    for partname, content_type in entries:
        items._add_content_type(partname, content_type)
    return deflated(items.blob)


@lru_cache(maxsize=1024)
def _relationships(entries: tuple[tuple[str, str, str, bool], ...]) -> Deflated:
    """Return a relationships member; the same relationships have the same one."""
    element = CT_Relationships.new()
    for entry in entries:
        element.add_rel(*entry)
    return deflated(element.xml)


def _rels_member(rels: Any) -> Deflated:
    if type(rels) is not Relationships:
        return deflated(rels.xml)
    return _relationships(tuple((rel.rId, rel.reltype, rel.target_ref, rel.is_external) for rel in rels.values()))


def _warn_of_duplicates(members: list[tuple[str, Deflated]]) -> None:
    """Warn as zipfile does if two members have the same name: readers see one of them only."""
    if len({name for name, _ in members}) < len(members):
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                warnings.warn(f"Duplicate name: {name!r}", stacklevel=5)
            seen.add(name)


def _save(self: Any, pkg_file: Any) -> None:
    """The same members as python-docx writes, with fixed time stamps; see `save`."""
    look_closely()
    if _SAVE.on or _SAVE.holds():
        _save_package(self, pkg_file)
    else:
        super(Package, self).save(pkg_file)


def install(patches: Patches) -> None:
    """Give `Package` a `save` of its own, which `Document.save` ends in; the inherited one stays as it is."""
    patches.add(Package, "save", _save, _SAVE.name)
