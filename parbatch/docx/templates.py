"""Documents from templates that a process parses once.

The first opening of a template keeps the parsed package, out of everybody's reach. Each document made from it
gets packages, parts and relationships of its own, and a copy of the main document's tree. All other XML parts
are made without their tree: they share the template's until somebody asks for it, and get a copy of their own
at that moment. So an edit in one document is never seen by the next, and a styles part that nobody edits is
never parsed, copied, serialised or compressed again.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import docx
from docx import api
from docx.opc.exceptions import PackageNotFoundError
from docx.opc.part import Part, PartFactory
from docx.opc.rel import Relationships
from docx.package import ImageParts, Package
from docx.parts.document import DocumentPart
from docx.parts.image import ImagePart
from lxml.etree import XMLSyntaxError

from parbatch.docx.acceleration import accelerated
from parbatch.docx.shared_parts import ALSO, ELEMENT_NAMES, LAZY, SOURCE, SharedState, Source, share_elements
from parbatch.docx.stood_for import path
from parbatch.docx.unreadable import is_no_file, not_there, why_unreadable
from parbatch.docx.watching import look_closely
from parbatch.docx.word_formats import WordPackage, has_macros, is_kind_of_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from docx.document import Document

    from parbatch.docx.patching import Patches

#: Templates kept in one process; a job has one or a few, each as large as its parsed parts.
_LIMIT = 8

_KNOWN = LAZY | {DocumentPart, ImagePart, Part}
_OWN_NAMES = frozenset(("_partname", "_content_type", "_blob", "_package", "rels", "_rels", "_image"))

#: What python-docx raises for files that are no Word documents, or damaged.
_UNREADABLE = (BadZipFile, KeyError, XMLSyntaxError, AttributeError, ValueError, FileNotFoundError)


class Template:
    """A parsed package and how to make documents from it."""

    def __init__(self, package: Package) -> None:
        """Take over `package`; nobody else may use it from now on. Raises ValueError for what can't be
        shared.
        """
        self._package_class = type(package)
        parts = list(package.iter_parts())
        numbers = {id(part): number for number, part in enumerate(parts)}
        self._package_rels = _recorded(package.rels, numbers)
        self._parts = [self._record(part, numbers) for part in parts]
        images = package.__dict__.get("image_parts")
        self._images = None if images is None else [numbers[id(part)] for part in images]
        main = package.main_document_part
        self._main = numbers[id(main)]
        self._element = main._element

    @staticmethod
    def _record(part: Any, numbers: dict[int, int]) -> tuple[type, dict[str, Any], Any]:
        cls = type(part)
        also = ALSO.get(cls)
        state = {name: value for name, value in part.__dict__.items() if name not in ELEMENT_NAMES}
        if cls not in _KNOWN or not _OWN_NAMES.issuperset(state) or state.get("_image") is not None:
            raise ValueError(f"a part of class {cls.__name__} is none that can be shared")
        if also and part.__dict__[also] is not part.element:
            raise ValueError(f"{cls.__name__} does not keep its element as expected")
        state.pop("_rels", None)
        rels = state.pop("rels", None)
        state["_package"] = None
        if cls in LAZY:
            state[SOURCE] = Source(part.element, also)
        return cls, state, None if rels is None else _recorded(rels, numbers)

    @property
    def is_plain(self) -> bool:
        """Whether `docx.Document` opens the template's file to the same document."""
        return self._package_class is not WordPackage

    def new_document(self) -> Document:
        """Return a fresh document, the same as one opened from the template's file."""
        package = self._package_class()
        parts = []
        for cls, state, _ in self._parts:
            part: Any = object.__new__(cls)
            if cls in LAZY:
                part.__dict__ = SharedState(state)
            else:
                part.__dict__.update(state)
            if cls is not ImagePart:  # an image part is made without its package
                part.__dict__["_package"] = package
            parts.append(part)
        package.__dict__["rels"] = _related(self._package_rels, "/", parts)
        for part, (_, _, recorded) in zip(parts, self._parts, strict=True):
            if recorded is not None:
                part.__dict__["rels"] = part.__dict__["_rels"] = _related(recorded, part._partname.baseURI, parts)
        if self._images is not None:
            package.__dict__["image_parts"] = images = ImageParts()
            for number in self._images:
                images.append(parts[number])
        main: Any = parts[self._main]
        main._element = self._element.__deepcopy__(None)
        document: Document = main.document
        return document


def _recorded(rels: Any, numbers: dict[int, int]) -> list[tuple[str, str, Any, bool]]:
    """Return relationships as values: id, type, number of the target part or external target, whether external."""
    return [
        (
            rel.rId,
            rel.reltype,
            rel.target_ref if rel.is_external else numbers[id(rel.target_part)],
            rel.is_external,
        )
        for rel in rels.values()
    ]


def _related(recorded: list[tuple[str, str, Any, bool]], base_uri: str, parts: list[Any]) -> Relationships:
    rels = Relationships(base_uri)
    for r_id, reltype, target, is_external in recorded:
        rels.add_relationship(reltype, target if is_external else parts[target], r_id, is_external)
    return rels


# ---- the cache ---------------------------------------------------------------------------------------------

_templates: OrderedDict[tuple[Any, ...], Template | None] = OrderedDict()
_seen: OrderedDict[tuple[Any, ...], None] = OrderedDict()


def open_template(path: str | os.PathLike[str] | None = None, *, tell: Callable[[str], None] | None = None) -> Document:
    """Return a fresh document from the template at `path`, or from python-docx's default template if it is None.

    The template is parsed once in a process and again when its file has changed. The document is the same as
    one that `docx.Document(path)` returns. Without acceleration it is that very one. A .dotx, .docm or .dotm file is
    opened too; its document is saved as the kind of file that the new name says, without macros unless that is .docm
    or .dotm. `tell` is called with a sentence when macros are left out; without it, a warning says so.

    Raises FileNotFoundError if there is no such file and ValueError if it is not a Word document.
    """
    name = None if path is None else os.fspath(path)
    key = _key(api._default_docx_path() if name is None else name) if accelerated() and _opens_as_ever() else None
    template = None if key is None else _kept(key, name)
    document = _opened(name) if template is None else template.new_document()
    package: Any = document.part.package
    if isinstance(package, WordPackage):
        package.origin, package.tell = os.path.basename(name or ""), tell  # noqa: PTH119 - a string, as python-docx takes it
    return document


def _kept(key: tuple[Any, ...], name: str | None) -> Template | None:
    """Return the template that is kept under `key`, opened now if it is not there yet; None if it can't be shared."""
    if key in _templates:
        _templates.move_to_end(key)
    else:
        document = _opened(name)
        package: Any = document.part.package
        try:
            _templates[key] = Template(package)
        except ValueError:
            _templates[key] = None
        while len(_templates) > _LIMIT:
            _templates.popitem(last=False)
    return _templates[key]


def _opens_as_ever() -> bool:
    """Return whether all that opens a document is python-docx's own."""
    look_closely()
    return (_DOCUMENT.on or _DOCUMENT.holds()) and docx.Document is api.Document


def _opened(name: str | None) -> Document:
    if name is not None and is_no_file(name):
        raise ValueError(why_unreadable(name, OSError("it is a pipe, a socket or a device")))
    opens: Any = docx.Document
    try:
        document: Document = _original_document(name) if opens is api.Document else opens(name)
        if name is None or not has_macros(document):
            return document
    except PackageNotFoundError as error:
        if name is not None and not os.path.lexists(name):
            raise FileNotFoundError(not_there(name)) from None
        raise ValueError(why_unreadable(name, error)) from error
    except _UNREADABLE as error:
        if name is None or not is_kind_of_word(error):
            raise ValueError(why_unreadable(name, error)) from error
    try:
        return WordPackage.open(name).document
    except _UNREADABLE as error:
        raise ValueError(why_unreadable(name, error)) from error


def _key(name: str) -> tuple[Any, ...] | None:
    """Return what a template is kept under; None for what is no regular file or has no known way of being read."""
    try:
        status = os.stat(name)  # noqa: PTH116 - a string, as python-docx takes it
    except OSError:
        return None
    factory: Any = PartFactory
    classes = tuple(factory.part_type_for.items())
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return (os.path.abspath(name), *stamp, classes, factory.default_part_type, factory.part_class_selector)  # noqa: PTH100


_DOCUMENT = path("docx.api:Document")
_original_document: Any = docx.Document


def _document(docx: Any = None) -> Any:
    # It runs inside python-docx's own module, where `install` puts the name.
    return _parbatch_document(docx)  # type: ignore[name-defined]  # noqa: F821 -- see above


def _fast_document(source: Any) -> Any:
    """`docx.Document(path)`: from the second opening of the same unchanged file on, made from its template.

    The first opening is the original's, so that a file that is read once is not kept. Streams are always the
    original's.
    """
    if (source is None or type(source) is str) and _opens_as_ever():
        key = _key(api._default_docx_path() if source is None else source)
        if key is not None:
            if key in _seen or key in _templates:
                return _from_template_or_original(key, source)
            _seen[key] = None
            while len(_seen) > _LIMIT:
                _seen.popitem(last=False)
    return _original_document(source)


def _from_template_or_original(key: tuple[Any, ...], source: str | None) -> Any:
    try:
        template = _kept(key, source)
    except (FileNotFoundError, ValueError):
        template = None
    return template.new_document() if template is not None and template.is_plain else _original_document(source)


def install(patches: Patches) -> None:
    """Replace the body of `docx.Document`, which users import by name, and let XML parts share a template's tree."""
    global _original_document  # noqa: PLW0603
    api_names: Any = vars(api)
    api_names["_parbatch_document"] = _fast_document
    _original_document = patches.replace_body(api.Document, _document, _DOCUMENT.name).original
    share_elements()
    patches.at_end(_templates.clear)
    patches.at_end(_seen.clear)
