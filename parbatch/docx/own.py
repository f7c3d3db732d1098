"""Whether what stands in a class or module of python-docx is what its source defines, or something of the user's."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from docx.oxml import xmlchemy
from docx.shared import lazyproperty

from parbatch.docx.stood_for import resolve, table

_FUNCTIONS = ("docx.api:Document", "docx.oxml.ns:qn", "docx.oxml.parser:OxmlElement")
_HOME = str(sys.modules["docx"].__file__).rpartition("__init__")[0]


def replaced_homes() -> list[str]:
    """Return which classes and functions are something else in their own modules than python-docx defines there.

    What is made faster is found by these names.
    """
    replaced = []
    for owner in sorted({owner for names in table().values() for owner, _ in names} | set(_FUNCTIONS)):
        value = resolve(owner)
        module, _, name = owner.partition(":")
        if isinstance(value, FunctionType):
            own = value.__code__.co_filename.startswith(_HOME)
        else:
            own = not name or (value.__module__, value.__qualname__) == (module, name)
        if not own:
            replaced.append(owner)
    return replaced


def functions_of(member: Any) -> list[FunctionType]:
    """Return the functions that a member of a class consists of: a method's own, a property's two or three."""
    if isinstance(member, property):
        parts: tuple[Any, ...] = (member.fget, member.fset, member.fdel)
    elif isinstance(member, lazyproperty):
        parts = (member._fget,)
    elif isinstance(member, (classmethod, staticmethod)):
        parts = (member.__func__,)
    else:
        parts = (member,)
    return [part for part in parts if isinstance(part, FunctionType)]


def is_own_member(cls: type, name: str, member: Any) -> bool:
    """Return whether `member` is what python-docx defines as `cls.name`.

    Of a member that holds no function nothing can be told: it is taken for python-docx's.
    """
    kind = type(member)
    if kind is FunctionType:
        return _is_own(member, cls, name)
    if kind is property:
        parts = [part for part in (member.fget, member.fset, member.fdel) if part is not None]
        return all(type(part) is FunctionType and _is_own(part, cls, name) for part in parts)
    if kind in (classmethod, staticmethod):
        return type(member.__func__) is FunctionType and _is_own(member.__func__, cls, name)
    if kind is lazyproperty:
        return type(member._fget) is FunctionType and _is_own(member._fget, cls, name)
    return not callable(member) and not hasattr(kind, "__get__")


def _is_own(function: FunctionType, cls: type, name: str) -> bool:
    code = function.__code__
    if code.co_qualname == f"{cls.__qualname__}.{name}":
        return function.__globals__ is vars(sys.modules[cls.__module__]) and code.co_filename.startswith(_HOME)
    if code.co_filename != xmlchemy.__file__ or "self" not in code.co_freevars or not function.__closure__:
        return False
    spec = function.__closure__[code.co_freevars.index("self")].cell_contents
    return type(spec).__module__ == xmlchemy.__name__ and spec._prop_name in name


def is_own_global(value: Any) -> bool:
    """Return whether a module of python-docx may have `value` because it defines or imports it.

    Of values that are no classes, functions or modules nothing can be told: they are taken for python-docx's.
    """
    if isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(_HOME) or _is_standard(value.__module__)
    if isinstance(value, type):
        home = sys.modules.get(value.__module__)
        return vars(home).get(value.__name__) is value and (
            value.__module__.partition(".")[0] in {"docx", "lxml"} or _is_standard(value.__module__)
        )
    return isinstance(value, (ModuleType, BuiltinFunctionType)) or type(value).__module__ != "unittest.mock"


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names or module == "typing_extensions"
