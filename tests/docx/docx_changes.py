"""Changes that users make to python-docx in their own process, as steps of a script."""

from __future__ import annotations

import copy
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from docx.oxml.ns import nsmap
from docx.oxml.parser import element_class_lookup, register_element_cls
from docx.shared import lazyproperty

from parbatch.docx import accelerate, restore
from parbatch.docx.stood_for import itself, resolve, table
from tests.docx.docx_operations import OPERATIONS
from tests.docx.docx_script import Machine
from tests.docx.docx_values import of

if TYPE_CHECKING:
    from collections.abc import Callable

#: All that any accelerated path stands for: found from the table of replacements.
KEYS = sorted({key for names in table().values() for key in names})
#: No functions; and the base of enumerations, of whose changes paths learn when a document is opened, not within one.
_OTHERS = ("docx.styles:BabelFish", "style_aliases")
WRAPPED = [key for key in KEYS if key != _OTHERS and key[0] != "docx.enum.base:BaseXmlEnum"]

#: Names that modules of python-docx use for classes, which people swap for classes of their own.
SWAPPED = (
    ("docx.text.paragraph", "Run"), ("docx.blkcntnr", "Paragraph"), ("docx.table", "_Cell"), ("docx.table", "_Row"),
    ("docx.styles.style", "Font"), ("docx.text.run", "Font"), ("docx.text.font", "ColorFormat"),
    ("docx.parts.styles", "Styles"), ("docx.document", "_Body"), ("docx.table", "Table"),
    ("docx.opc.package", "PackageWriter"), ("docx.oxml.text.run", "_RunContentAppender"),
)  # fmt: skip
#: Tags, and members that a class of the user's own for them has otherwise.
REGISTERED = (
    ("w:p", "add_r"), ("w:p", "_insert_pPr"), ("w:r", "_insert_t"), ("w:r", "add_t"), ("w:pPr", "_insert_pStyle"),
    ("w:pPr", "get_or_add_pStyle"), ("w:tc", "clear_content"), ("w:body", "_insert_p"), ("w:p", "append"),
    ("w:body", "insert_element_before"), ("w:pPr", "insert_element_before"), ("w:t", "set"),
)  # fmt: skip
#: Members that a class of python-docx inherits, and users give it of its own.
SHADOWED = (
    ("docx.text.paragraph:Paragraph", "part"), ("docx.table:_Cell", "_add_paragraph"), ("docx.document:_Body", "part"),
    ("docx.oxml.text.paragraph:CT_P", "insert_element_before"), ("docx.oxml.text.run:CT_R", "append"),
    ("docx.oxml.document:CT_Body", "first_child_found_in"), ("docx.parts.document:DocumentPart", "part_related_by"),
    ("docx.package:Package", "iter_parts"), ("docx.parts.styles:StylesPart", "blob"),
    ("docx.oxml.text.parfmt:CT_PPr", "remove_all"), ("docx.oxml.table:CT_Tbl", "iterchildren"),
)  # fmt: skip


#: What the paths replace: the functions that users call themselves, and wrap most.
AT_TOP = [
    (owner, name)
    for owner, name in map(itself, table())
    if ":" in owner and "xmlchemy" not in owner and (owner, name) != ("docx.package:Package", "save")
]


class ChangingMachine(Machine):
    """Runs scripts in which python-docx is changed and put back; in a plain run, acceleration is left out."""

    def __init__(self, document: Any, *, plain: bool) -> None:
        super().__init__(document, {**OPERATIONS, **CHANGES})
        self.plain = plain
        self.called: list[str] = []
        self.undo: list[Callable[[], None]] = []

    def wrapped(self, label: str, function: Any) -> Any:
        """Return a function that takes down that it was called, and calls the one that was there."""

        def wrapper(*args: Any, **options: Any) -> Any:
            self.called.append(label)
            return function(*args, **options)

        return wrapper

    def remade(self, label: str, member: Any) -> Any:
        """Return a member of a class with its functions wrapped."""
        if isinstance(member, property):
            accessors = (member.fget, member.fset, member.fdel)
            return property(*(None if f is None else self.wrapped(label, f) for f in accessors))
        if isinstance(member, lazyproperty):
            getter = self.wrapped(label, member._fget)
            getter.__name__ = member._name
            return lazyproperty(getter)
        if isinstance(member, (classmethod, staticmethod)):
            return type(member)(self.wrapped(label, member.__func__))
        return self.wrapped(label, member)

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute, to be undone later."""
        had, before = name in vars(owner), vars(owner).get(name)
        setattr(owner, name, value)
        self.undo.append(lambda: setattr(owner, name, before) if had else delattr(owner, name))

    def undo_all(self) -> None:
        while self.undo:
            self.undo.pop()()


def _wrap(m: ChangingMachine, owner: str, name: str) -> None:
    home = resolve(owner)
    m.put(home, name, m.remade(f"{owner}.{name}", vars(home)[name]))


def wrap(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    _wrap(m, *of(WRAPPED, a + 100 * b))


def wrap_at_top(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    """Wrap one of the functions that users call themselves: these are the ones that they wrap most."""
    _wrap(m, *of(AT_TOP, a + b))


def shadow(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    owner, name = of(SHADOWED, a)
    cls = resolve(owner)
    inherited = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    if isinstance(inherited, (FunctionType, property)):
        m.put(cls, name, m.remade(f"{owner}.{name}", inherited))
    else:
        m.put(cls, name, m.wrapped(f"{owner}.{name}", inherited))


def swap(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    module, name = of(SWAPPED, a)
    home = sys.modules[module]
    base = vars(home)[name]

    def init(self: Any, *args: Any, **options: Any) -> None:
        m.called.append(f"{module}.{name}")
        base.__init__(self, *args, **options)

    m.put(home, name, type(base)(name, (base,), {"__init__": init}))


def register(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    tag, name = of(REGISTERED, a)
    registered = dict(element_class_lookup.get_namespace(nsmap["w"]).items())
    before = registered[tag.removeprefix("w:").encode()]
    inherited = getattr(before, name)
    own = m.wrapped(f"{tag}.{name}", inherited)
    register_element_cls(tag, type(before)("Own" + before.__name__, (before,), {name: own}))
    m.undo.append(lambda: register_element_cls(tag, before))


def undo(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    if m.undo:
        m.undo.pop()()


def undo_all(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    m.undo_all()


def by_hand(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    """Put another tree or content in place of a part's."""
    package: Any = m.document.part.package
    part = of(list(package.iter_parts()), a)
    if "_element" in vars(part):
        twin = copy.deepcopy(vars(part)["_element"])
        setattr(part, "_element", twin) if b % 2 else vars(part).update(_element=twin)
        twin.set("own", "1")
    else:
        part._blob = of([bytes, bytearray, memoryview], c)(b"<own/>")


def switch_on(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    if not m.plain:
        accelerate()


def switch_off(m: ChangingMachine, a: int, b: int, c: int) -> Any:
    if not m.plain:
        restore()


CHANGES: dict[str, Callable[..., Any]] = {
    "wrap": wrap, "wrap_at_top": wrap_at_top, "shadow": shadow, "swap": swap, "register": register, "undo": undo,
    "undo_all": undo_all, "by_hand": by_hand, "switch_on": switch_on, "switch_off": switch_off,
}  # fmt: skip
