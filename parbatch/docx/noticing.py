"""Notice of changes of classes, through what Python remembers of its look-ups; and whether this Python gives it.

Python forgets what it has looked up in a class when the class or one of its bases is changed. A look-up that it has
forgotten compares keys of the class again, and one of these tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    Tell = Callable[[], object]

#: Look-ups in one place of the code, after which Python has done what it does to make them faster.
_MANY = 200
#: Places in Python's memory that are tried, as something else in use may have the same.
_PLACES = 8


class _Notice(str):  # noqa: SLOT000 - it has the layout that it is for
    """A key that a watcher has before the one that is looked up, with the same hash: it is compared first."""

    __hash__ = str.__hash__

    def __new__(cls, tell: Tell) -> Self:  # noqa: ARG004 - `__init__` takes it
        """Make a key that tells when it is compared."""
        return super().__new__(cls, "look")

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def __eq__(self, other: object) -> bool:
        self._tell()
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other


def watching_class(bases: tuple[type, ...], meta: Any, tell: Tell) -> Any:
    """Return a class derived from `bases`: looking up its `look` calls `tell` where one of them has changed."""
    return meta("Watched", bases, {"__slots__": (), _Notice(tell): None, "look": True, "moves": 0})


def gives_notice(watching: Callable[[tuple[type, ...], Any, Tell], Any] = watching_class) -> bool:
    """Return whether this Python gives notice of every change of a class, and none without one: it is tried."""
    return all(_gives_notice(layout, watching) for layout in (object, dict, str, int))


def _gives_notice(layout: type, watching: Callable[[tuple[type, ...], Any, Tell], Any]) -> bool:
    told: list[None] = []
    base: Any = type("Base", (layout,), {})
    watched = watching((type("Derived", (base,), {}),), type, lambda: told.append(None))
    for change in (setattr, setattr, delattr):
        if not _is_quiet(watched, told):
            return False
        change(base, "changed", *([object()] if change is setattr else []))
        _look(watched)
        if not told:
            return False
    return _is_quiet(watched, told)


def _is_quiet(watched: Any, told: list[None]) -> bool:
    """Return whether there comes a time from which on looking tells nothing."""
    for _ in range(_PLACES):
        watched.moves += 1
        _look(watched)
        told.clear()
        for _ in range(_MANY):
            _look(watched)
        if not told:
            return True
    return False


def _look(watched: Any) -> None:
    _ = watched.look
