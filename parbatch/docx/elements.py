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

from parbatch.docx.names import clark, prototype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FunctionType

    from parbatch.docx.patching import Patches


def first_child(element: Any, name: str) -> Any:
    """Return the first child called `name` (in Clark notation) or None: what `element.find(name)` returns.

    Most elements have no child, or the wanted one is their first: no need to start an iterator then.
    """
    if not len(element):
        return None
    child = element[0]
    if child.tag == name:
        return child
    return next(element.iterchildren(name), None)


def first_successor(element: Any, ranks: dict[str, int]) -> Any:
    """Return the child whose tag has the lowest rank, the first of these in document order, or None.

    The same as looking for one tag after the other, in one pass over the children: these are few in property
    elements.
    """
    best, lowest = None, len(ranks)
    for child in element:
        rank = ranks.get(child.tag, lowest)
        if rank < lowest:
            best, lowest = child, rank
            if not rank:
                break
    return best


def insert_before(element: Any, child: Any, ranks: dict[str, int], only: str | None) -> None:
    """Insert `child` in schema order: before its first successor that is present, else at the end."""
    successor = None
    if ranks and len(element):
        successor = next(element.iterchildren(only), None) if only else first_successor(element, ranks)
    if successor is None:
        element.append(child)
    else:
        successor.addprevious(child)


def ranked(tags: tuple[str, ...]) -> tuple[dict[str, int], str | None]:
    """Return the ranks of successor tags, and the tag itself if there is only one."""
    ranks: dict[str, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(clark(tag), rank)
    return ranks, clark(tags[0]) if len(tags) == 1 else None


# ---- one maker for each kind of generated method: takes the declaration, returns the method ----------------


def _child_getter(spec: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)
    return lambda obj: first_child(obj, name)


def _required_child_getter(spec: Any) -> Callable[..., Any]:
    name, tag = clark(spec._nsptagname), spec._nsptagname

    def get(obj: Any) -> Any:
        child = first_child(obj, name)
        if child is None:
            raise InvalidXmlError(f"required ``<{tag}>`` child element not present")
        return child

    return get


def _list_getter(spec: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)
    return lambda obj: list(obj.iterchildren(name))


def _creator(spec: Any) -> Callable[..., Any]:
    copy = prototype(spec._nsptagname).__copy__
    return lambda _obj: copy()


def _inserter(spec: Any) -> Callable[..., Any]:
    ranks, only = ranked(spec._successors)

    def insert(obj: Any, child: Any) -> Any:
        insert_before(obj, child, ranks, only)
        return child

    def append(obj: Any, child: Any) -> Any:
        obj.append(child)
        return child

    return insert if ranks else append


def _adder(spec: Any) -> Callable[..., Any]:
    new_name, insert_name = spec._new_method_name, spec._insert_method_name

    def add(obj: Any, **attrs: Any) -> Any:
        child = getattr(obj, new_name)()
        for key, value in attrs.items():
            setattr(child, key, value)
        getattr(obj, insert_name)(child)
        return child

    return add


def _public_adder(spec: Any) -> Callable[..., Any]:
    add_name = spec._add_method_name
    return lambda obj: getattr(obj, add_name)()


def _get_or_adder(spec: Any) -> Callable[..., Any]:
    prop_name, add_name = spec._prop_name, spec._add_method_name

    def get_or_add(obj: Any) -> Any:
        child = getattr(obj, prop_name)
        return getattr(obj, add_name)() if child is None else child

    return get_or_add


def _remover(spec: Any) -> Callable[..., Any]:
    name = clark(spec._nsptagname)

    def remove(obj: Any) -> None:
        if len(obj):
            for child in list(obj.iterchildren(name)):
                obj.remove(child)

    return remove


def _optional_attribute_getter(spec: Any) -> Callable[..., Any]:
    name, default, simple_type = spec._clark_name, spec._default, spec._simple_type

    def get(obj: Any) -> Any:
        value = obj.get(name)
        return default if value is None else simple_type.from_xml(value)

    return get


def _optional_attribute_setter(spec: Any) -> Callable[..., Any]:
    name, default, simple_type = spec._clark_name, spec._default, spec._simple_type

    def set_(obj: Any, value: Any) -> None:
        text = None if value is None or value == default else simple_type.to_xml(value)
        if text is not None:
            obj.set(name, text)
        elif obj.get(name) is not None:
            del obj.attrib[name]

    return set_


def _required_attribute_getter(spec: Any) -> Callable[..., Any]:
    name, simple_type = spec._clark_name, spec._simple_type
    message = f"required '{spec._attr_name}' attribute not present on element "

    def get(obj: Any) -> Any:
        value = obj.get(name)
        if value is None:
            raise InvalidXmlError(f"{message}{obj.tag}")
        return simple_type.from_xml(value)

    return get


def _required_attribute_setter(spec: Any) -> Callable[..., Any]:
    name, simple_type = spec._clark_name, spec._simple_type

    def set_(obj: Any, value: Any) -> None:
        text = simple_type.to_xml(value)
        if text is None:
            raise ValueError(f"cannot assign {value} to this required attribute")
        obj.set(name, text)

    return set_


#: The qualified name of a generated function says which maker of python-docx's it came from.
_MAKERS: dict[str, Callable[[Any], Callable[..., Any]]] = {
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


def is_generated(function: Any) -> bool:
    """Whether `function` was generated by python-docx from a declaration."""
    return getattr(function, "__qualname__", "") in _MAKERS


def _remade(function: FunctionType | None) -> Any:
    """Return the faster equivalent of a generated function, or the function itself."""
    if function is None or function.__qualname__ not in _MAKERS:
        return function
    assert function.__closure__ is not None
    cells = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
    made: Any = _MAKERS[function.__qualname__](cells["self"].cell_contents)
    made.__name__, made.__qualname__, made.__doc__ = (
        function.__name__,
        function.__qualname__,
        function.__doc__,
    )
    made.__module__ = function.__module__
    return made


def _classes(base: Any) -> Iterator[Any]:
    for cls in base.__subclasses__():
        yield cls
        yield from _classes(cls)


def install(patches: Patches) -> None:
    """Make the generated members of every element class again."""
    for cls in dict.fromkeys(_classes(BaseOxmlElement)):
        if not cls.__module__.startswith("docx."):
            continue
        for name, member in list(vars(cls).items()):
            if isinstance(member, property):
                pair = _remade(member.fget), _remade(member.fset)  # type: ignore[arg-type]
                if pair != (member.fget, member.fset):
                    patches.replace(cls, name, property(*pair, member.fdel, member.__doc__))
            elif is_generated(member) and "self" in member.__code__.co_freevars:
                patches.replace(cls, name, _remade(member))
    patches.replace(BaseOxmlElement, "first_child_found_in", _first_child_found_in)
    patches.replace(BaseOxmlElement, "remove_all", _remove_all)


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
    for tag in tagnames:
        for child in list(self.iterchildren(clark(tag))):
            self.remove(child)
