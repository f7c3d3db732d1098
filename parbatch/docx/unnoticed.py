"""What of python-docx can be changed without a notice: contents of modules, bodies of functions, classes of tags.

All of it is compared twice a document, so the comparing is left to functions of Python's own as far as it goes. It is
compared by identity: what somebody has put there may say by itself what it is equal to, and would see that it is asked.
"""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any

from docx.oxml.ns import nsmap
from docx.oxml.parser import element_class_lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FunctionType, ModuleType

#: The tags of what paths make and fill.
_USED_TAGS = tuple(
    tag.encode()
    for tag in "p r t pPr rPr pStyle rStyle body tc tcPr tr tbl tblGrid sectPr styles style name".split()  # noqa: SIM905
)

_code_of = attrgetter("__code__")
_ABSENT = object()


class Unnoticed:
    """How all of this was, at one moment."""

    def __init__(
        self, modules: Mapping[ModuleType, Iterable[str]], functions: Iterable[FunctionType], classes: Iterable[type]
    ) -> None:
        """Look at these names of modules, these functions' bodies and the contents of these classes."""
        picked = [(vars(module).get, tuple(names)) for module, names in modules.items()]
        self._contents = [(get, names, [*map(get, names)]) for get, names in picked]
        self._functions = [*functions]
        self._codes = [*map(_code_of, self._functions)]
        self._classes = [(vars(cls), dict(vars(cls))) for cls in classes]
        self._prefixes, self._registered = prefixes(), _registered()

    def differs(self) -> bool:
        """Return whether any of it is different now."""
        for get, names, seen in self._contents:
            if not all(map(is_, map(get, names), seen)):
                return True
        for contents, members in self._classes:
            if not has_members(contents, members):
                return True
        return not (
            all(map(is_, map(_code_of, self._functions), self._codes))
            and all(map(is_, prefixes(), self._prefixes))
            and all(map(is_, _registered(), self._registered))
        )


def has_members(contents: Mapping[str, Any], members: dict[str, Any]) -> bool:
    """Return whether the contents of a class are these very objects."""
    return len(contents) == len(members) and all(
        map(is_, map(members.get, contents, repeat(_ABSENT)), contents.values())
    )


def prefixes() -> list[str | None]:
    """Return what the prefixes of names that are remembered stand for."""
    return [nsmap.get("w"), nsmap.get("xml")]


def _registered() -> list[Any]:
    """Return the classes that are registered for the tags of what paths make and fill."""
    classes = dict(element_class_lookup.get_namespace(nsmap.get("w")).items())
    return [*map(classes.get, _USED_TAGS)]
