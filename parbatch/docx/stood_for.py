"""The accelerated paths, and what each stands for: the functions of python-docx that it does not call.

The table is `stood_for.txt`. Whoever replaces something of python-docx names its path; a path that the table does not
have is a KeyError.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: A class or module of python-docx, as `module:Class` or `module`, and a name in it.
Name = tuple[str, str]


class FastPath:
    """One accelerated path: whether it may be taken, and the function of python-docx that is taken otherwise."""

    __slots__ = ("name", "on", "original")

    #: Looks again at what has changed, and says whether the path may be taken; set by `watching`.
    check: Callable[[FastPath], bool]

    def __init__(self, name: str) -> None:
        self.name = name
        self.on = False
        self.original: Any = None

    def holds(self) -> bool:
        """Return whether the path may be taken, where it is not known to be on."""
        return type(self).check(self)


PATHS: dict[str, FastPath] = {}


def path(name: str) -> FastPath:
    """Return the path that replaces the attribute of this name."""
    if name not in PATHS:
        table()[name]
        PATHS[name] = FastPath(name)
    return PATHS[name]


@cache
def table() -> dict[str, frozenset[Name]]:
    """Return what each path stands for, other paths' included."""
    own: dict[str, set[Name]] = {}
    included: dict[str, list[str]] = {}
    current = ""
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    for entry in text.replace("\n        ", " ").replace("\n      ", " ").splitlines():
        if not entry or entry.startswith("#"):
            continue
        first, *names = entry.split()
        if not entry.startswith(" "):
            current = first
            own[current], included[current] = set(), []
        elif first == ">":
            included[current] += names
        else:
            own[current] |= {(first, name) for name in names}
    return {name: frozenset(_with(name, own, included, set()) - {itself(name)}) for name in own}


def _with(name: str, own: dict[str, set[Name]], included: dict[str, list[str]], seen: set[str]) -> set[Name]:
    if name in seen:
        return set()
    seen.add(name)
    return own[name].union(*(_with(other, own, included, seen) for other in included[name]))


def itself(name: str) -> Name:
    """Return the attribute that a path replaces."""
    owner, _, attribute = name.rpartition("." if ":" in name and "." in name.partition(":")[2] else ":")
    return owner, attribute


def resolve(owner: str) -> Any:
    """Return the class or module of this name in the table."""
    module, _, qualname = owner.partition(":")
    found: Any = import_module(module)
    return getattr(found, qualname) if qualname else found
