"""Acceleration for code that imports python-docx at its own time, or never.

A worker, and the inline backend, ask for it once, before they load the job. python-docx may be loaded by then, or later
by the job, by a module that the job imports, by parbatch itself, or never: a job without documents does not pay for it.
Acceleration comes as soon as the outermost import that loads python-docx is done: in the middle of one, while the
modules with the replacements are themselves half loaded, is too soon. Where an import hook of the job's own finds
python-docx first, `accelerate_if_loaded` makes up for it.

A failure to accelerate never fails what is being imported or made: python-docx runs as it is, and `acceleration` says
why.
"""

from __future__ import annotations

import logging
import sys
import threading
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING, Any

from parbatch.docx import OFF, ON
from parbatch.docx.acceleration import accelerate, accelerated, restore, unproved_version, why_left_alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_TWICE = "python-docx was loaded a second time, and what is accelerated is the first"
_PAST_THE_HOOK = "python-docx was loaded by an import hook of the job's own, and used before the item ended"

_log = logging.getLogger("parbatch.docx")


class _State:
    """What has been asked for in this process, and what came of it."""

    def __init__(self) -> None:
        self.wanted = 0  # by so many: runs in this process may overlap
        self.is_settled = False  # tried, whatever came of it
        self.is_ours = False  # switched on here, and not by somebody's own accelerate() before
        self.why_not = ""
        self.module: Any = None  # docx.document as it was when acceleration was switched on
        self.counting = threading.Lock()
        self.changing = threading.Lock()


_state = _State()


def accelerate_on_import() -> None:
    """Call `accelerate` now if python-docx is loaded, else as soon as it is: before any code can use it.

    `no_longer_on_import` takes it back.
    """
    with _state.counting:
        _state.wanted += 1
    accelerate_if_loaded()
    if not _state.is_settled and _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def no_longer_on_import() -> None:
    """Take back one `accelerate_on_import`. With the last one python-docx is again as it was before the first."""
    with _state.counting:
        _state.wanted -= 1
        if _state.wanted:
            return
        _remove_finder()
        if _state.is_ours:
            restore()
        _state.is_settled = _state.is_ours = False
        _state.why_not, _state.module = "", None


def accelerate_if_loaded() -> None:
    """Call `accelerate` if it was asked for, python-docx is loaded, and that has not been tried yet.

    A failure is logged and kept for `acceleration`, not raised.
    """
    if _state.is_settled or not _state.wanted or not _is_loaded():
        return
    # Never waited for: who holds it may be waiting for a module that this very thread is importing.
    if not _state.changing.acquire(blocking=False):
        return
    try:
        _settle()
    finally:
        _state.changing.release()


def acceleration() -> str:
    """Return how python-docx runs in this process: "" where it is not loaded, `ON`, `OFF`, or why it can't be on."""
    if not _is_loaded():
        return ""
    if accelerated():
        return ON if _state.module in {None, sys.modules["docx.document"]} else _TWICE
    if not _state.wanted or (_state.is_settled and not _state.why_not):  # not wanted, or undone by restore()
        return OFF
    return _state.why_not or _PAST_THE_HOOK


def _is_loaded() -> bool:
    """Whether python-docx is loaded: `docx` alone can be somebody's own, its part alone left of a failure to load."""
    return "docx.document" in sys.modules and "docx" in sys.modules


def _settle() -> None:
    was_on = accelerated()
    try:
        is_on = accelerate()
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is told, and must not end the job's own import
        _state.why_not = f"it could not be switched on: {type(error).__name__}: {error}"
        _log.warning("python-docx runs without acceleration: %s", _state.why_not, exc_info=True)
    else:
        _state.is_ours = is_on and not was_on
        _state.module = sys.modules["docx.document"] if is_on else None
        if not is_on:
            unproved = f"python-docx {unproved_version()} is not one that parbatch was proved to make faster"
            _state.why_not = unproved if unproved_version() else why_left_alone()
    _state.is_settled = True
    _remove_finder()


def _remove_finder() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Here(threading.local):
    """How deep a thread is in imports that may load python-docx, and whether it is looking for such a module."""

    depth = 0
    is_searching = False


_here = _Here()


class _Finder(MetaPathFinder):
    """Finds python-docx, and parbatch's modules around it, where they would have been found anyway, and adds a step to
    their loading.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if (fullname != "docx" and not fullname.startswith("parbatch.docx.")) or _here.is_searching:
            return None
        _here.is_searching = True  # a finder that asks all others in its turn asks this one too
        try:
            spec = next((spec for find in _finders_below(self) if (spec := find(fullname, path, target))), None)
        finally:
            _here.is_searching = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)
        return spec


def _finders_below(finder: MetaPathFinder) -> Iterator[Any]:
    """Yield how those look for a module that would be asked next."""
    everybody = [*sys.meta_path]
    for other in everybody[everybody.index(finder) + 1 if finder in everybody else 0 :]:
        if (find := getattr(other, "find_spec", None)) is not None:
            yield find


class _Loader(Loader):
    """Loads as the module's own loader does, and accelerates when the outermost of such imports is done."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        """Give what else a loader can do, for those who look at one without loading."""
        if name.startswith("__"):  # as copy and pickle ask for, of an object that has no `_own` yet
            raise AttributeError(name)
        return getattr(self._own, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See Loader."""
        module: ModuleType | None = self._own.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """See Loader."""
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        _here.depth += 1
        try:
            self._own.exec_module(module)
        finally:
            _here.depth -= 1
        if not _here.depth:
            accelerate_if_loaded()


_finder = _Finder()
