"""The one place where something of python-docx is put aside for something faster, and put back again."""

from __future__ import annotations

from functools import WRAPPER_ASSIGNMENTS
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ABSENT = object()


class Patches:
    """What has been replaced so far, so that it can be undone in the opposite order."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, new: Any) -> Any:
        """Bind `owner.name` to `new` and return what `owner` itself had under this name (None if nothing)."""
        old = vars(owner).get(name, _ABSENT)
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            look_like(new, old)
        setattr(owner, name, new)
        if old is _ABSENT:
            self._undo.append(lambda: delattr(owner, name))
            return None
        self._undo.append(lambda: setattr(owner, name, old))
        return old

    def replace_getter(self, owner: Any, name: str, get: Callable[[Any], Any]) -> property:
        """Give the property `owner.name` another getter and return the property as it was."""
        old = vars(owner)[name]
        assert isinstance(old, property)
        assert isinstance(get, FunctionType)
        if isinstance(old.fget, FunctionType):
            look_like(get, old.fget)
        self.replace(owner, name, property(get, old.fset, old.fdel, old.__doc__))
        return old

    def replace_setter(self, owner: Any, name: str, set_: Callable[[Any, Any], None]) -> property:
        """Give the property `owner.name` another setter and return the property as it was."""
        old = vars(owner)[name]
        assert isinstance(old, property)
        assert isinstance(set_, FunctionType)
        if isinstance(old.fset, FunctionType):
            look_like(set_, old.fset)
        self.replace(owner, name, property(old.fget, set_, old.fdel, old.__doc__))
        return old

    def replace_body(self, function: Callable[..., Any], new: Callable[..., Any]) -> Callable[..., Any]:
        """Give `function` the code of `new` and return a copy of it as it was.

        For functions that users import by name (`from docx.oxml.ns import qn`): rebinding the module's name
        would miss every copy of it that was made before. `new` may use globals of `function`'s own module
        only.
        """
        target = function
        assert isinstance(target, FunctionType)
        assert isinstance(new, FunctionType)
        assert not target.__closure__
        assert not new.__closure__
        original = FunctionType(
            target.__code__, target.__globals__, target.__name__, target.__defaults__, target.__closure__
        )
        look_like(original, target)
        code = target.__code__
        target.__code__ = new.__code__
        self._undo.append(lambda: setattr(target, "__code__", code))
        return original

    def on_undo(self, action: Callable[[], None]) -> None:
        """Run `action` when the replacements are undone."""
        self._undo.append(action)

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def look_like(new: FunctionType, old: FunctionType) -> None:
    """Give `new` the name and docstring of `old`, so that help() and tracebacks read as before."""
    for name in WRAPPER_ASSIGNMENTS:
        if name != "__annotations__" and hasattr(old, name):
            setattr(new, name, getattr(old, name))
