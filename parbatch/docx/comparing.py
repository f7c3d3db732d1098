"""Comparing python-docx, as it stands in this process, with what its source defines; and what that means for paths.

Only what the table of `stood_for` names is compared, and what changes an object's behaviour without being called by
name. Once something was python-docx's own it has to stay that very object.
"""

from __future__ import annotations

import enum
import sys
from importlib.util import find_spec
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from docx.api import Document
from docx.oxml.ns import nsmap, qn
from docx.oxml.parser import OxmlElement, element_class_lookup, register_element_cls
from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.etree import ElementBase

from parbatch.docx.own import functions_of, is_own_global, is_own_member
from parbatch.docx.stood_for import PATHS, FastPath, itself, resolve, table
from parbatch.docx.unnoticed import Unnoticed, has_members, prefixes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parbatch.docx.patching import Replacement

_ABSENT: Any = object()

#: Names that change what an object does without being called by name.
_SPECIAL = frozenset(
    (
        *("__init__", "__new__", "__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__call__"),
        *("__get__", "__set__", "__len__", "__bool__", "__iter__", "__getitem__", "__setitem__", "__contains__"),
        *("__eq__", "__ne__", "__str__", "__copy__", "__deepcopy__"),
    )
)
#: What paths use of elements that is lxml's, or the common base's of all element classes.
_OF_ELEMENTS = frozenset(
    name for name in {*dir(ElementBase), *vars(BaseOxmlElement)} if not name.startswith("__") or name in _SPECIAL
)
_META = "docx.oxml.xmlchemy:MetaOxmlElement.__init__"
#: Paths that never meet an element's class, or leave the choice of it to lxml.
_CLASSLESS = frozenset(
    (
        *("always", "generated", "save-document", "docx.oxml.parser:register_element_cls"),
        *("docx.api:Document", "docx.package:Package.save", "docx.oxml.ns:qn", "docx.oxml.parser:OxmlElement"),
        *("docx.oxml.xmlchemy:BaseOxmlElement.xpath", "docx.oxml.xmlchemy:MetaOxmlElement.__init__"),
    )
)
#: Paths whose members are in every element class, also in one that is derived by a user.
_MADE_AGAIN = frozenset(
    (
        "generated",
        "docx.oxml.xmlchemy:BaseOxmlElement.first_child_found_in",
        "docx.oxml.xmlchemy:BaseOxmlElement.remove_all",
    )
)
#: Paths that stand for nothing: they are on as long as acceleration is.
_ALWAYS = frozenset(("always", _META, "docx.oxml.parser:register_element_cls"))
_HOMES = frozenset(("docx", "lxml", "builtins", "enum", "typing", "abc", "collections"))

#: A class or module, and a name in it.
Key = tuple[Any, str]

_TABLE: dict[str, frozenset[Key]] = {
    path: frozenset((resolve(owner), name) for owner, name in names) for path, names in table().items()
}
_ITSELF: dict[str, Key] = {
    path: (resolve(owner), name) for path in _TABLE if ":" in path for owner, name in [itself(path)]
}
_OWNERS = {path: {owner for owner, _ in keys if isinstance(owner, type)} for path, keys in _TABLE.items()}
_KEYS = frozenset(key for keys in _TABLE.values() for key in keys) | frozenset(_ITSELF.values())
_ALL_NAMES = frozenset(name for _, name in _KEYS)
_DEFINED: dict[type, frozenset[str]] = {
    owner: frozenset(name for keys in _TABLE.values() for other, name in keys if other is owner)
    for owners in _OWNERS.values()
    for owner in owners
}
#: Functions that get another body, which the replacement itself looks after.
_BODIES: frozenset[Any] = frozenset((qn, OxmlElement, Document, register_element_cls))


def _classes() -> Iterator[type]:
    """Yield the classes of python-docx that the table names, those that are derived from them, and their bases."""
    seen: set[type] = set()
    waiting = [resolve(owner) for names in table().values() for owner, _ in names if ":" in owner]
    while waiting:
        cls = waiting.pop()
        if cls not in seen and is_docx(cls):
            seen.add(cls)
            yield cls
            waiting += [*cls.__subclasses__(), *cls.__bases__]


def is_docx(cls: type) -> bool:
    """Return whether a class is one of python-docx's."""
    return cls.__module__.partition(".")[0] == "docx"


def solid_base(cls: type) -> type:
    """Return the built-in type that objects of this class are laid out as: no class is derived from two of these."""
    return next((base for base in (int, str, dict, tuple, BaseException) if issubclass(cls, base)), object)


#: All that is compared, and what of it nobody gives notice of: no class is derived from an enumeration with members.
CLASSES = tuple(cls for cls in _classes() if not (issubclass(cls, enum.Enum) and cls.__members__))
ENUMERATIONS = tuple(cls for cls in CLASSES if issubclass(cls, enum.Enum))


class Comparison:
    """What was found to be python-docx's own, and what is not just now."""

    def __init__(self) -> None:
        self.modules: dict[ModuleType, set[str]] = {}  #: what is watched of each module
        self._made: Callable[[Any, str], Replacement | None] = lambda *_: None
        self._seen: dict[type, tuple[tuple[type, ...], dict[str, Any]]] = {}
        self._own: dict[Key, Any] = {}
        self._codes: dict[Key, list[tuple[FunctionType, CodeType]]] = {}
        self._globals: dict[Key | None, set[Key]] = {}
        self._changed: dict[type, frozenset[str]] = {}
        self._last: Unnoticed | None = None
        self._prefixes, self._tags = prefixes(), _shipped_tags()
        for module, name in (key for keys in _TABLE.values() for key in keys if isinstance(key[0], ModuleType)):
            self.modules.setdefault(module, set()).add(name)

    def know(self, made: Callable[[Any, str], Replacement | None]) -> None:
        """Get told what was replaced, so that it is not taken for somebody's change."""
        self._made = made

    def holding(self) -> dict[FastPath, bool]:
        """Compare everything; return for each path whether all that it stands for is python-docx's own."""
        for cls in CLASSES:
            self._compare(cls)
        changed: set[Key] = {(cls, name) for cls, names in self._changed.items() for name in names}
        changed |= {key for key, codes in self._codes.items() if any(f.__code__ is not code for f, code in codes)}
        changed |= {(module, name) for module in list(self.modules) for name in self._rebound(module)}
        functions = [function for found in self._codes.values() for function, _ in found]
        self._last = Unnoticed(self.modules, functions, ENUMERATIONS)
        renamed, retagged = prefixes() != self._prefixes, self._retagged()
        overridden = any(_overriding(BaseOxmlElement))
        return {
            path: path.name in _ALWAYS
            or not (
                renamed
                or (retagged and path.name not in _CLASSLESS)
                or (overridden and path.name in _MADE_AGAIN)
                or any(self._concerns(key, path) for key in changed)
            )
            for path in PATHS.values()
        }

    def unchanged(self) -> bool:
        """Return whether all is as it was when `holding` was asked last."""
        seen = self._seen
        same = all(cls.__mro__ is seen[cls][0] and has_members(vars(cls), seen[cls][1]) for cls in CLASSES)
        return same and not self.differs()

    def differs(self) -> bool:
        """Return whether anything was changed, since `holding` was asked, in a way that nobody is told of."""
        return self._last is None or self._last.differs()

    # ---- members of classes --------------------------------------------------------------------------------

    def _compare(self, cls: type) -> None:
        members = vars(cls)
        before = self._seen.get(cls)
        if before is not None and before[0] is cls.__mro__ and has_members(members, before[1]):
            return
        self._seen[cls] = cls.__mro__, dict(members)
        matter = _ALL_NAMES | _SPECIAL | (_OF_ELEMENTS if issubclass(cls, BaseOxmlElement) else frozenset())
        defined = _DEFINED.get(cls, frozenset())
        looked_at = defined if issubclass(cls, enum.Enum) else defined | (members.keys() & matter)
        changed = {name for name in looked_at if not self._is_own(cls, name, members.get(name, _ABSENT))}
        for base in cls.__mro__:
            if base.__module__.partition(".")[0] not in _HOMES:
                changed |= vars(base).keys() & matter
        self._changed[cls] = frozenset(changed)

    def _is_own(self, cls: type, name: str, member: Any) -> bool:
        key = cls, name
        replacement = self._made(cls, name)
        if replacement is not None and replacement.new is member:
            return True
        if key in self._own:
            return member is self._own[key]
        if member is _ABSENT or not is_own_member(cls, name, member):
            return False
        self._accept(key, member)
        return True

    def _accept(self, key: Key, member: Any) -> None:
        self._own[key] = member
        functions = functions_of(member)
        if key in _KEYS and functions:
            self._codes[key] = [(function, function.__code__) for function in functions if function not in _BODIES]
            self._globals[key] = {used for function in functions for used in _globals_used(function)}
            for module, name in self._globals[key]:
                self.modules.setdefault(module, set()).add(name)

    # ---- names of modules ----------------------------------------------------------------------------------

    def _rebound(self, module: ModuleType) -> list[str]:
        """Return the names of a module that are bound to something else than python-docx's own."""
        rebound = []
        for name in list(self.modules[module]):
            value = vars(module).get(name, _ABSENT)
            key = module, name
            if key in self._own:
                if value is not self._own[key]:
                    rebound.append(name)
            elif value is not _ABSENT and is_own_global(value):
                self._accept(key, value)
            else:
                rebound.append(name)
        return rebound

    # ---- classes of elements -------------------------------------------------------------------------------

    def _retagged(self) -> bool:
        """Return whether a class that is not python-docx's is registered for one of its tags."""
        registered = dict(element_class_lookup.get_namespace(nsmap.get("w")).items())
        return any(not is_docx(registered.get(tag, object)) for tag in self._tags)

    # ---- what it means -------------------------------------------------------------------------------------

    def _concerns(self, key: Key, path: FastPath) -> bool:
        """Return whether a path stands for what has changed."""
        owner, name = key
        keys = _TABLE[path.name]
        if isinstance(owner, ModuleType):
            return key in keys or any(key in self._globals.get(each, ()) for each in (*keys, _ITSELF.get(path.name)))
        owners = _OWNERS[path.name]
        if name in _OF_ELEMENTS and issubclass(owner, BaseOxmlElement):
            return any(issubclass(other, BaseOxmlElement) for other in owners)
        return any(
            (issubclass(owner, other) or issubclass(other, owner)) and (name in _SPECIAL or (other, name) in keys)
            for other in owners
        )


def _globals_used(function: FunctionType) -> Iterator[Key]:
    """Yield the modules' names that a function may use: more than it does, where an attribute has the same name."""
    codes = [function.__code__]
    for code in codes:
        codes += [const for const in code.co_consts if isinstance(const, CodeType)]
        homes = [function.__module__, *(name for name in code.co_names if name.startswith("docx."))]
        for module in map(sys.modules.get, homes):
            if module is not None:
                yield from ((module, name) for name in code.co_names if name in vars(module))


def _overriding(base: Any) -> Iterator[bool]:
    """Yield for each class of the user's that is derived from an element class and has another of its members."""
    for cls in base.__subclasses__():
        if not is_docx(cls):
            yield not _OF_ELEMENTS.isdisjoint(vars(cls))
        yield from _overriding(cls)


def _shipped_tags() -> list[bytes]:
    """Return the tags that python-docx registers classes for: they are in its code, whatever is registered now."""
    spec = find_spec("docx.oxml")
    loader: Any = None if spec is None else spec.loader
    texts = [const for const in loader.get_code("docx.oxml").co_consts if isinstance(const, str)]
    return [text.removeprefix("w:").encode() for text in texts if text.startswith("w:")]
