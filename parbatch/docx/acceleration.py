"""Switching the faster equivalents on and off.

Each module named in `_MODULES` replaces what its docstring says and can be left out without harm to the
others.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parbatch.docx.patching import Patches

#: The versions of python-docx on which its own unit tests and the differential tests have passed with
#: everything on.
PROVED = ("1.2.0",)

_MODULES = (
    "watching",
    "names",
    "elements",
    "xpaths",
    "handles",
    "styles",
    "templates",
    "proxies",
    "runs",
    "paragraphs",
    "tables",
    "saving",
)

_log = logging.getLogger("parbatch.docx")
_patches: Patches | None = None
_on = False
_told = False
_why_not = ""


def accelerated() -> bool:
    """Whether python-docx is running with the faster equivalents in this process."""
    return _on


def unproved_version() -> str | None:
    """The version of python-docx if it is not one that the replacements were proved on: of what is loaded, which can
    be another than what is installed, or else of what would be.
    """
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 -- jobs without documents need none

    loaded = sys.modules.get("docx") if "docx.document" in sys.modules else None  # else it is somebody's own module
    try:
        found = version("python-docx") if loaded is None else str(getattr(loaded, "__version__", "unknown"))
    except PackageNotFoundError:
        found = "unknown"
    return None if found in PROVED else found


def accelerate() -> bool:
    """Replace python-docx's slow paths by faster ones that give the same documents, errors and side effects.

    Returns whether they are on now. Calling it again changes nothing. On a version of python-docx that it was
    not proved on, where one of its classes has been replaced in its own module before, and on a Python that does not
    tell of changed classes, it leaves python-docx alone, logs a warning (logger `parbatch.docx`) and returns False.
    What a user changes otherwise is left to work.
    """
    global _on, _told, _why_not  # noqa: PLW0603
    if _on:
        return True
    if "docx" not in sys.modules and find_spec("docx") is not None:
        import_module("docx")
    if (installed := unproved_version()) is not None:
        if not _told:
            _told = True
            _log.warning(
                "python-docx %s runs without acceleration, proved on %s only: documents take longer.",
                installed,
                ", ".join(PROVED),
            )
        return False
    if _why_not := _why_left_alone():
        _log.warning("python-docx runs without acceleration: %s.", _why_not)
        return False
    from parbatch.docx import watching  # noqa: PLC0415 - only here is python-docx needed

    watching.begin(_replacements())
    _on = True
    return True


def why_left_alone() -> str:
    """Return why `accelerate` has left a proved version of python-docx alone, when it was called last; else ""."""
    return _why_not


def _why_left_alone() -> str:
    from parbatch.docx.noticing import gives_notice  # noqa: PLC0415 - as above
    from parbatch.docx.own import replaced_homes  # noqa: PLC0415 - as above

    if _patches is None and (replaced := replaced_homes()):
        return f"{replaced[0]} was replaced in its own module before"
    return "" if gives_notice() else "this Python gives no notice when a class is changed"


def _replacements() -> Patches:
    """Return what is to be replaced; the same each time."""
    global _patches  # noqa: PLW0603
    if _patches is None:
        from parbatch.docx.patching import Patches  # noqa: PLC0415 - as above

        patches = Patches()
        for name in _MODULES:
            import_module(f"parbatch.docx.{name}").install(patches)
        _patches = patches
    return _patches


def restore() -> None:
    """Undo `accelerate()`. Documents that are open stay usable, and what a user has changed stays changed."""
    global _on  # noqa: PLW0603
    if _on:
        from parbatch.docx import watching  # noqa: PLC0415 - as above

        _on = False
        watching.end()
