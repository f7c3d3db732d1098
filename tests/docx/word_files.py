"""Word's kinds of file as the tests need them, macros and a ribbon in some."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import docx
from docx.opc.packuri import PackURI
from docx.opc.part import Part

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ".dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ".docm": "application/vnd.ms-word.document.macroEnabled.main+xml",
    ".dotm": "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
}
MICROSOFT = "http://schemas.microsoft.com/office/2006/relationships"
RIBBON = b'<customUI><ribbon><button onAction="Greet"/></ribbon></customUI>'
QUIET_RIBBON = b'<customUI><ribbon startFromScratch="true"/></customUI>'


def word_file(path: Path, kind: str, *, macros: bool = False, ribbon: bytes = b"") -> Path:
    """A file of that kind (".docm"), whatever its name says, with a paragraph, macros and a ribbon."""
    document: Any = docx.Document()
    document.add_paragraph("Dear reader")
    package = document.part.package
    if macros:
        project = Part(PackURI("/word/vbaProject.bin"), "application/vnd.ms-office.vbaProject", b"macros", package)
        data = Part(PackURI("/word/vbaData.xml"), "application/vnd.ms-word.vbaData+xml", b"<a/>", package)
        document.part.relate_to(project, f"{MICROSOFT}/vbaProject")
        project.relate_to(data, f"{MICROSOFT}/wordVbaData")
    if ribbon:
        part = Part(PackURI("/customUI/customUI.xml"), "application/xml", ribbon, package)
        package.relate_to(part, f"{MICROSOFT}/ui/extensibility")
    document.part.relate_to("https://example.org/", "urn:link", is_external=True)  # after the macros
    document.part._content_type = KINDS[kind]
    document.save(str(path))
    return path


def kind_of(path: Path) -> str:
    """The kind that a file's content types make it."""
    types = zipfile.ZipFile(path).read("[Content_Types].xml").decode()
    (found,) = [kind for kind, content_type in KINDS.items() if content_type in types]
    return found


def members(path: Path) -> set[str]:
    """The names of a file's members that have to do with macros."""
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if "vba" in name or "customUI" in name}


def text_of_members(path: Path) -> str:
    """Relationships and content types of a file, in one text."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith((".rels", "[Content_Types].xml"))]
        return "".join(archive.read(name).decode() for name in names)
