"""Acceleration for code that imports python-docx at its own time, or never."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING

from parbatch.docx.acceleration import accelerate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def accelerate_on_import() -> None:
    """Call `accelerate` now if python-docx is loaded, else as soon as it is: before any code can use it."""
    if "docx" in sys.modules:
        accelerate()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds python-docx once, where it would have been found anyway, and adds a step to its loading."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 -- Python gives it
        target: ModuleType | None = None,  # noqa: ARG002 -- not asked for
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if fullname != "docx":
            return None
        sys.meta_path.remove(self)
        spec = find_spec("docx")
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_accelerate(module: ModuleType) -> None:
                load(module)
                accelerate()

            spec.loader.exec_module = load_and_accelerate  # type: ignore[method-assign]
        return spec
