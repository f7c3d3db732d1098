"""Which functions of python-docx run inside others: found by watching it at work, without acceleration."""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import docx
from docx.oxml.xmlchemy import BaseOxmlElement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

#: What is generated for element classes goes by one name.
GENERATED = "generated"

HOME = str(Path(docx.__file__).parent)


def functions_of(member: Any) -> Iterator[FunctionType]:
    """The functions that an attribute of a class consists of."""
    parts = (member, *(getattr(member, name, None) for name in ("fget", "fset", "fdel", "_fget", "__func__")))
    yield from (part for part in parts if isinstance(part, FunctionType))


def _element_classes(base: Any = BaseOxmlElement) -> Iterator[Any]:
    for cls in base.__subclasses__():
        yield cls
        yield from _element_classes(cls)


def label(owner: Any) -> str:
    """How the table names a class or module: `module:Class`, `module`."""
    return f"{owner.__module__}:{owner.__qualname__}" if isinstance(owner, type) else str(owner.__name__)


class Trace:
    """For each function of interest, what else of python-docx runs until it returns.

    What runs inside another function of interest counts for that one alone; that it is called is taken down too.
    """

    def __init__(self, originals: dict[CodeType, str]) -> None:
        self.originals = originals
        self.used: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.calls: dict[str, set[str]] = defaultdict(set)
        self._stack: list[tuple[FrameType, str]] = []
        self._generated: dict[tuple[CodeType, int], str] = {}
        for cls in _element_classes():
            for name, member in vars(cls).items():
                for function in functions_of(member):
                    if function.__closure__ and "self" in function.__code__.co_freevars:
                        at = function.__code__.co_freevars.index("self")
                        spec = function.__closure__[at].cell_contents
                        self._generated[function.__code__, id(spec)] = name

    def run(self, call: Callable[[], Any]) -> None:
        """Call it and watch."""
        sys.setprofile(self._event)
        try:
            call()
        finally:
            sys.setprofile(None)
            self._stack.clear()

    def _event(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if not code.co_filename.startswith(HOME):
            return
        if event == "call":
            path = self.originals.get(code)
            for inside in self._inside():
                self._take_down(inside, frame, path)
            if path is not None:
                self._take_down(path, frame, None)
                self._stack.append((frame, path))
        elif event == "return" and self._stack and self._stack[-1][0] is frame:
            self._stack.pop()

    def _inside(self) -> Iterator[str]:
        """The functions of interest that run: a generated one counts for what called it as well."""
        for _, path in reversed(self._stack):
            yield path
            if path != GENERATED:
                return

    def _take_down(self, inside: str, frame: FrameType, path: str | None) -> None:
        if path is not None and path != inside:
            self.calls[inside].add(path)
        found = self._entry(frame)
        if found is not None:
            self.used[inside].add(found)

    def _entry(self, frame: FrameType) -> tuple[str, str] | None:
        code = frame.f_code
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        if "self" in code.co_freevars and "<locals>" in code.co_qualname:
            name = self._generated.get((code, id(frame.f_locals.get("self"))))
            home = next((cls for cls in type(first).__mro__ if name in vars(cls)), None)
            return (label(home), name) if name is not None else None
        if "<" in code.co_qualname:
            return None
        owner, _, name = code.co_qualname.rpartition(".")
        module = sys.modules[frame.f_globals["__name__"]]
        return label(getattr(module, owner) if owner else module), name


def codes_of(owner: Any, name: str) -> list[CodeType]:
    """The code that an attribute of a class or module runs."""
    return [function.__code__ for function in functions_of(inspect.getattr_static(owner, name))]
