"""The one place where something of python-docx is put aside for something faster, and put back again."""

from __future__ import annotations

from functools import WRAPPER_ASSIGNMENTS
from types import FunctionType
from typing import TYPE_CHECKING, Any

from parbatch.docx.own import functions_of, is_own_member
from parbatch.docx.stood_for import FastPath, path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ABSENT: Any = object()


class Replacement:
    """Something faster for one attribute of a class: put in where python-docx's own stands, taken out again.

    What a user has put there is left alone, before and after.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any], by: FastPath, *, added: bool = False) -> None:
        """`make` gets python-docx's own and returns the faster; `added` says that `owner` itself has none."""
        self.owner, self.name, self.path = owner, name, by
        self.new: Any = None
        self.old: Any = _ABSENT
        self._make = make
        self._added = added

    def put_in(self) -> bool:
        """Put the faster one in place; return whether it was not there and now is."""
        current = vars(self.owner).get(self.name, _ABSENT)
        if self.new is None:
            absent = current is _ABSENT
            if self._added != absent or not (absent or is_own_member(self.owner, self.name, current)):
                return False
            self.old, self.new = current, self._make(current)
        elif current is not self.old:
            return False
        setattr(self.owner, self.name, self.new)
        return True

    def take_out(self) -> bool:
        """Put python-docx's own back; return whether it was not there and now is."""
        if self.new is None or vars(self.owner).get(self.name) is not self.new:
            return False
        if self.old is _ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.old)
        return True


class Body(Replacement):
    """A faster body for a function that users import by name, such as `qn`.

    Binding the module's name anew would miss every copy of it that was made before. `new` may use globals of
    `function`'s own module only.
    """

    def __init__(self, function: FunctionType, new: FunctionType, by: FastPath) -> None:
        assert not function.__closure__
        assert not new.__closure__
        super().__init__(function, "__code__", lambda _: new.__code__, by)
        self.old, self.new = function.__code__, new.__code__
        by.original = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        look_like(by.original, function)

    def put_in(self) -> bool:
        """See Replacement."""
        return self._swap(self.old, self.new)

    def take_out(self) -> bool:
        """See Replacement."""
        return self._swap(self.new, self.old)

    def _swap(self, before: Any, after: Any) -> bool:
        if self.owner.__code__ is not before:
            return False
        self.owner.__code__ = after
        return True


class Patches:
    """All replacements. Each names the path that it belongs to, and so what it stands for: see `stood_for`."""

    def __init__(self) -> None:
        self._all: list[Replacement] = []
        self._new: dict[tuple[Any, str], Replacement] = {}
        self._at_end: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Replacement]:
        return iter(self._all)

    def replace(self, owner: Any, name: str, new: Any, by: str) -> None:
        """Let `owner.name` be `new`; the function that it was becomes its path's `original`."""
        fast = path(by)

        def make(old: Any) -> Any:
            for function, faster in zip(functions_of(old), functions_of(new), strict=True):
                look_like(faster, function)
                fast.original = function
            return new

        self._add(Replacement(owner, name, make, fast))

    def replace_getter(self, owner: Any, name: str, get: Callable[[Any], Any], by: str) -> None:
        """Give the property `owner.name` another getter; the one that it had becomes its path's `original`."""
        fast = path(by)

        def make(old: property) -> property:
            _look_alike(get, old.fget)
            fast.original = old.fget
            return property(get, old.fset, old.fdel, old.__doc__)

        self._add(Replacement(owner, name, make, fast))

    def replace_setter(self, owner: Any, name: str, set_: Callable[[Any, Any], None], by: str) -> None:
        """Give the property `owner.name` another setter; the one that it had becomes its path's `original`."""
        fast = path(by)

        def make(old: property) -> property:
            _look_alike(set_, old.fset)
            fast.original = old.fset
            return property(old.fget, set_, old.fdel, old.__doc__)

        self._add(Replacement(owner, name, make, fast))

    def add(self, owner: Any, name: str, new: Any, by: str = "always") -> None:
        """Let `owner`, which has no `name` of its own, have `new`."""
        self._add(Replacement(owner, name, lambda _: new, path(by), added=True))

    def replace_made(self, owner: Any, name: str, make: Callable[[Any], Any], by: str) -> None:
        """Let `owner.name` be what `make` makes of it."""
        self._add(Replacement(owner, name, make, path(by)))

    def replace_body(self, function: Callable[..., Any], new: Callable[..., Any], by: str) -> FastPath:
        """Give `function` the body of `new`; a copy of it as it was becomes its path's `original`."""
        assert isinstance(function, FunctionType)
        assert isinstance(new, FunctionType)
        self._add(Body(function, new, path(by)))
        return path(by)

    def _add(self, replacement: Replacement) -> None:
        self._all.append(replacement)
        self._new[replacement.owner, replacement.name] = replacement

    def at_end(self, action: Callable[[], None]) -> None:
        """Run `action` whenever the replacements have been taken out."""
        self._at_end.append(action)

    def made(self, owner: Any, name: str) -> Replacement | None:
        """Return the replacement of `owner.name`."""
        return self._new.get((owner, name))

    def arrange(self, wanted: Mapping[FastPath, bool]) -> bool:
        """Put in what belongs to wanted paths, and take out the rest; return whether anything was moved."""
        moved = [each.put_in() if wanted[each.path] else each.take_out() for each in self._all]
        return any(moved)

    def end(self) -> None:
        """Forget what was kept for the replacements, after they were taken out."""
        for action in self._at_end:
            action()


def _look_alike(new: Any, old: Any) -> None:
    if isinstance(new, FunctionType) and isinstance(old, FunctionType):
        look_like(new, old)


def look_like(new: FunctionType, old: FunctionType) -> None:
    """Give `new` the name and docstring of `old`, so that help() and tracebacks read as before."""
    for name in WRAPPER_ASSIGNMENTS:
        if name != "__annotations__" and hasattr(old, name):
            setattr(new, name, getattr(old, name))
