"""Everything that touches python-docx: faster code paths, templates parsed once, the same bytes for the same
document.

Importing this package imports neither docx nor lxml: the names below are loaded when they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parbatch.docx import checks
    from parbatch.docx.acceleration import accelerate, accelerated, restore, unproved_version
    from parbatch.docx.build import add_paragraphs, add_table
    from parbatch.docx.explanations import explain
    from parbatch.docx.forbidden import clean_text, explain_forbidden, find_forbidden
    from parbatch.docx.foreign import save_document
    from parbatch.docx.on_import import accelerate_on_import
    from parbatch.docx.saving import document_bytes, save
    from parbatch.docx.templates import open_template

__all__ = [
    "accelerate",
    "accelerate_on_import",
    "accelerated",
    "add_paragraphs",
    "add_table",
    "checks",
    "clean_text",
    "document_bytes",
    "explain",
    "explain_forbidden",
    "find_forbidden",
    "is_document",
    "is_saved_as_document",
    "open_template",
    "restore",
    "save",
    "save_document",
    "unproved_version",
]

#: What `on_import.acceleration` says besides reasons: it is on; it is off because somebody wanted that.
ON, OFF = "on", "off"

_HOMES = {
    "accelerate": "acceleration",
    "accelerate_on_import": "on_import",
    "accelerated": "acceleration",
    "restore": "acceleration",
    "unproved_version": "acceleration",
    "add_paragraphs": "build",
    "add_table": "build",
    "clean_text": "forbidden",
    "explain": "explanations",
    "explain_forbidden": "forbidden",
    "find_forbidden": "forbidden",
    "document_bytes": "saving",
    "save": "saving",
    "save_document": "foreign",
    "open_template": "templates",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "checks":
        return import_module(f"{__name__}.checks")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


#: The classes of documents, where each is found once its library is imported.
_DOCUMENT = ("docx.document", "Document")
_SAVING_THEMSELVES = (("docxtpl.template", "DocxTemplate"), ("docxcompose.composer", "Composer"))


def is_document(obj: object) -> bool:
    """Whether `obj` is a python-docx document.

    Imports nothing: where docx was never imported there are none.
    """
    return _is_one_of(obj, _DOCUMENT)


def is_saved_as_document(obj: object) -> bool:
    """Whether `save_document` saves `obj`: a python-docx document, or one of docxtpl or docxcompose.

    Imports nothing, as above.
    """
    return is_document(obj) or _is_one_of(obj, *_SAVING_THEMSELVES)


def _is_one_of(obj: object, *classes: tuple[str, str]) -> bool:
    for home, name in classes:
        kind = getattr(sys.modules.get(home), name, None)
        if isinstance(kind, type) and isinstance(obj, kind):
            return True
    return False
