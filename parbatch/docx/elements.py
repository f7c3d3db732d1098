"""What python-docx generates for each element class from its declarations: getters, adders, inserters,
attributes.

The generated methods work everything out anew at each call: the qualified name, the names of the methods to
call, a search of the children for each of up to forty successors. Here the same methods are made again from
the same declarations, with all of that worked out once. They still call one another through the instance, so
that a class that overrides `_new_x` or `_insert_x` gets its own as before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from docx.oxml.exceptions import InvalidXmlError
from docx.oxml.xmlchemy import BaseOxmlElement

from parbatch.docx.children import first_child, first_successor, insert_before, ranked
from parbatch.docx.names import clark, prototype
from parbatch.docx.own import functions_of
from parbatch.docx.stood_for import path
from parbatch.docx.watching import Watched, WatchedTexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FunctionType

    from parbatch.docx.patching import Patches


# ---- one maker for each kind of generated method: takes the declaration and the method, returns the faster -----

_MADE = path("generated")
_FOUND_IN = path("docx.oxml.xmlchemy:BaseOxmlElement.first_child_found_in")
_REMOVE_ALL = path("docx.oxml.xmlchemy:BaseOxmlElement.remove_all")


def _child_getter(spec: Any, plain: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)
    return lambda obj: first_child(obj, name) if _MADE.on else plain(obj)


def _required_child_getter(spec: Any, plain: Any) -> Callable[..., Any]:
    name, tag = clark(spec._nsptagname), spec._nsptagname

    def get(obj: Any) -> Any:
        if not _MADE.on:
            return plain(obj)
        child = first_child(obj, name)
        if child is None:
            raise InvalidXmlError(f"required ``<{tag}>`` child element not present")
        return child

    return get


def _list_getter(spec: Any, plain: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)
    return lambda obj: list(obj.iterchildren(name)) if _MADE.on else plain(obj)


def _creator(spec: Any, plain: Any) -> Callable[..., Any]:
    copy = prototype(spec._nsptagname).__copy__
    return lambda obj: copy() if WatchedTexts.look and _MADE.on else plain(obj)


def _inserter(spec: Any, plain: Any) -> Callable[..., Any]:
    ranks, only = ranked(spec._successors)

    def insert(obj: Any, child: Any) -> Any:
        if not (Watched.look and _MADE.on):
            return plain(obj, child)
        insert_before(obj, child, ranks, only)
        return child

    def append(obj: Any, child: Any) -> Any:
        if not (Watched.look and _MADE.on):
            return plain(obj, child)
        obj.append(child)
        return child

    return insert if ranks else append


def _adder(spec: Any, _: Any) -> Callable[..., Any]:
    new_name, insert_name = spec._new_method_name, spec._insert_method_name

    def add(obj: Any, **attrs: Any) -> Any:
        child = getattr(obj, new_name)()
        for key, value in attrs.items():
            setattr(child, key, value)
        getattr(obj, insert_name)(child)
        return child

    return add


def _public_adder(spec: Any, _: Any) -> Callable[..., Any]:
    add_name = spec._add_method_name
    return lambda obj: getattr(obj, add_name)()


def _get_or_adder(spec: Any, _: Any) -> Callable[..., Any]:
    prop_name, add_name = spec._prop_name, spec._add_method_name

    def get_or_add(obj: Any) -> Any:
        child = getattr(obj, prop_name)
        return getattr(obj, add_name)() if child is None else child

    return get_or_add


def _remover(spec: Any, plain: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)

    def remove(obj: Any) -> None:
        if not _MADE.on:
            plain(obj)
        elif len(obj):
            for child in list(obj.iterchildren(name)):
                obj.remove(child)

    return remove


def _optional_attribute_getter(spec: Any, plain: Any) -> Callable[..., Any]:
    name, default, simple_type = spec._clark_name, spec._default, spec._simple_type

    def get(obj: Any) -> Any:
        if not (Watched.look and _MADE.on):
            return plain(obj)
        value = obj.get(name)
        return default if value is None else simple_type.from_xml(value)

    return get


def _optional_attribute_setter(spec: Any, plain: Any) -> Callable[..., Any]:
    name, default, simple_type = spec._clark_name, spec._default, spec._simple_type

    def set_(obj: Any, value: Any) -> None:
        if not (Watched.look and _MADE.on):
            plain(obj, value)
            return
        text = None if value is None or value == default else simple_type.to_xml(value)
        if text is not None:
            obj.set(name, text)
        elif obj.get(name) is not None:
            del obj.attrib[name]

    return set_


def _required_attribute_getter(spec: Any, plain: Any) -> Callable[..., Any]:
    name, simple_type = spec._clark_name, spec._simple_type
    message = f"required '{spec._attr_name}' attribute not present on element "

    def get(obj: Any) -> Any:
        if not (Watched.look and _MADE.on):
            return plain(obj)
        value = obj.get(name)
        if value is None:
            raise InvalidXmlError(f"{message}{obj.tag}")
        return simple_type.from_xml(value)

    return get


def _required_attribute_setter(spec: Any, plain: Any) -> Callable[..., Any]:
    name, simple_type = spec._clark_name, spec._simple_type

    def set_(obj: Any, value: Any) -> None:
        if not (Watched.look and _MADE.on):
            plain(obj, value)
            return
        text = simple_type.to_xml(value)
        if text is None:
            raise ValueError(f"cannot assign {value} to this required attribute")
        obj.set(name, text)

    return set_


#: The qualified name of a generated function says which maker of python-docx's it came from.
_MAKERS: dict[str, Callable[[Any, Any], Callable[..., Any]]] = {
    "_BaseChildElement._getter.<locals>.get_child_element": _child_getter,
    "OneAndOnlyOne._getter.<locals>.get_child_element": _required_child_getter,
    "_BaseChildElement._list_getter.<locals>.get_child_element_list": _list_getter,
    "_BaseChildElement._creator.<locals>.new_child_element": _creator,
    "_BaseChildElement._add_inserter.<locals>._insert_child": _inserter,
    "_BaseChildElement._add_adder.<locals>._add_child": _adder,
    "_BaseChildElement._add_public_adder.<locals>.add_child": _public_adder,
    "ZeroOrOne._add_get_or_adder.<locals>.get_or_add_child": _get_or_adder,
    "ZeroOrOne._add_remover.<locals>._remove_child": _remover,
    "OptionalAttribute._getter.<locals>.get_attr_value": _optional_attribute_getter,
    "OptionalAttribute._setter.<locals>.set_attr_value": _optional_attribute_setter,
    "RequiredAttribute._getter.<locals>.get_attr_value": _required_attribute_getter,
    "RequiredAttribute._setter.<locals>.set_attr_value": _required_attribute_setter,
}


def _spec(function: FunctionType | None) -> Any:
    """Return the declaration that python-docx generated a function from; None for what is to stay as it is.

    Names whose prefix users may change (`cp` is one that is) are looked up each time, as before.
    """
    if function is None or function.__qualname__ not in _MAKERS or not function.__closure__:
        return None
    spec = function.__closure__[function.__code__.co_freevars.index("self")].cell_contents
    name = str(getattr(spec, "_nsptagname", None) or getattr(spec, "_attr_name", ""))
    return spec if ":" not in name or name.startswith("w:") else None


def _remade(function: Any) -> Any:
    """Return the faster equivalent of a generated function, or the function itself."""
    spec = _spec(function)
    if spec is None:
        return function
    made: Any = _MAKERS[function.__qualname__](spec, function)
    made.__name__, made.__qualname__, made.__doc__ = (
        function.__name__,
        function.__qualname__,
        function.__doc__,
    )
    made.__module__ = function.__module__
    return made


def _remade_member(member: Any) -> Any:
    if isinstance(member, property):
        return property(_remade(member.fget), _remade(member.fset), member.fdel, member.__doc__)
    return _remade(member)


def _classes(base: Any) -> Iterator[Any]:
    for cls in base.__subclasses__():
        yield cls
        yield from _classes(cls)


def install(patches: Patches) -> None:
    """Make the generated members of every element class again."""
    for cls in dict.fromkeys(_classes(BaseOxmlElement)):
        if cls.__module__.startswith("docx."):
            for name, member in list(vars(cls).items()):
                if any(_spec(function) is not None for function in functions_of(member)):
                    patches.replace_made(cls, name, _remade_member, _MADE.name)
    patches.replace(BaseOxmlElement, "first_child_found_in", _first_child_found_in, _FOUND_IN.name)
    patches.replace(BaseOxmlElement, "remove_all", _remove_all, _REMOVE_ALL.name)


@lru_cache(maxsize=1024)
def _ranks_of(tagnames: tuple[str, ...]) -> dict[str, int] | None:
    try:
        return ranked(tagnames)[0]
    except Exception:  # noqa: BLE001 - whatever is wrong with a tag, the slow way raises it in its turn
        return None


def _first_child_found_in(self: Any, *tagnames: str) -> Any:
    """One pass over few children instead of one search for each of up to forty tags; the same child is found.

    For many children, or with a tag that can't be resolved, it goes tag by tag and raises where it did
    before.
    """
    if not _FOUND_IN.on:
        return _FOUND_IN.original(self, *tagnames)
    if len(self) <= len(tagnames):
        ranks = _ranks_of(tagnames)
        if ranks is not None:
            return first_successor(self, ranks) if len(self) else None
    for tag in tagnames:
        child = next(self.iterchildren(clark(tag)), None)
        if child is not None:
            return child
    return None


def _remove_all(self: Any, *tagnames: str) -> None:
    if not _REMOVE_ALL.on:
        _REMOVE_ALL.original(self, *tagnames)
        return
    for tag in tagnames:
        for child in list(self.iterchildren(clark(tag))):
            self.remove(child)
