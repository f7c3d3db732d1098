"""Noticing that somebody changes python-docx, at no cost, and setting aside the accelerated paths that it concerns.

Whoever puts another function, property or class in the place of one of python-docx's must see it at work. So each path
asks, each time it is taken, whether anything of python-docx has changed since all of it was looked at:

* Python forgets what it has looked up in a class when the class or one of its bases is changed. `Watched` has all
  classes of python-docx as its bases. Looking up `Watched.look` costs next to nothing as long as Python remembers it,
  and is the notice when it does not (`noticing`).
* A watched module itself says that one of its names is bound anew, and so does the class of element classes: members
  that were made again for these ask nothing, and are taken out at once.

After a notice all paths are aside, until the first that is asked has had everything compared. `look_closely` is for
what no notice comes of: contents of modules set past them, bodies of functions, enumerations. It is called when a
document is opened and when it is saved.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from docx.oxml import parser as parser_module
from docx.oxml.parser import register_element_cls
from docx.oxml.xmlchemy import MetaOxmlElement

from parbatch.docx.comparing import CLASSES, ENUMERATIONS, Comparison, solid_base
from parbatch.docx.noticing import watching_class
from parbatch.docx.stood_for import PATHS, FastPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from parbatch.docx.patching import Patches


#: Moves of a watcher in a process: Python numbers the changes of a class, and does not do so for ever.
_MOST_MOVES = 500


def _watchers() -> dict[type, Any]:
    """Return, for each layout of objects, a class that has all watched classes of that layout as its bases."""
    groups: dict[type, list[type]] = {}
    for cls in CLASSES:
        if cls not in ENUMERATIONS and not any(other is not cls and issubclass(other, cls) for other in CLASSES):
            groups.setdefault(solid_base(cls), []).append(cls)
    made = {}
    for solid, group in groups.items():
        meta = MetaOxmlElement if solid is object else type(group[0])
        made[solid] = watching_class(tuple(group), meta, partial(_watch.miss, solid))
    return made


class _Watch:
    """What was seen last, and what has been noticed since."""

    def __init__(self) -> None:
        self.patches: Patches | None = None  #: the replacements, while they are in place
        self.stale = True
        self.watchers: dict[type, Any] = {}
        self._lock = RLock()
        self._comparison = Comparison()
        self._busy = False
        self._missed: set[type] = set()
        self._wanted: dict[FastPath, bool] | None = None  #: what was found when it was looked last

    def notice(self) -> None:
        """Set all paths aside until somebody has looked at what has changed."""
        self.stale = True
        for path in PATHS.values():
            path.on = False

    def miss(self, solid: type) -> None:
        """Take down that Python has forgotten what it knew of a watcher, and so perhaps that something has changed."""
        self._missed.add(solid)
        self.notice()

    def changed(self) -> None:
        """Look at once at what has changed: for what asks nothing and has to be taken out."""
        self.notice()
        if self.patches is not None and not self._busy:
            self.look()

    def look(self) -> None:
        """Compare everything with what python-docx defines; put in and take out, and set paths on, accordingly."""
        with self._lock:
            if self._busy:
                return
            self._busy = True
            try:
                while self.stale:
                    self._look_once()
            finally:
                self._busy = False

    def _look_once(self) -> None:
        if self._wanted is not None and self._comparison.unchanged():
            self._move_on()
        for watcher in self.watchers.values():
            _ = watcher.look  # from here on, changes are noticed again
        self.stale = False
        self._missed.clear()
        if self._wanted is None or not self._comparison.unchanged():
            self._wanted = self._comparison.holding()
            self._hook_modules()
            if self.patches is not None and self.patches.arrange(self._wanted):
                self.stale = True
                return
        for path, on in self._wanted.items():
            path.on = on
        if self.stale:  # noticed while it was being compared
            self.notice()

    def _move_on(self) -> None:
        """Give watchers another place in Python's memory of look-ups, where one was forgotten without a change.

        That memory has 4,096 places, and something else in use may have the same.
        """
        for watcher in map(self.watchers.get, self._missed):
            if watcher is not None and watcher.moves < _MOST_MOVES:
                type.__setattr__(watcher, "moves", watcher.moves + 1)

    def holds(self, path: FastPath) -> bool:
        """Return whether a path may be taken that is not known to be on."""
        if self.stale and self.patches is not None:
            self.look()
        return path.on

    def begin(self, patches: Patches) -> None:
        """Put the replacements in, as far as what they stand for is python-docx's own."""
        self.patches = patches
        self._comparison.know(patches.made)
        self._comparison.holding()  # before anything is replaced
        self._wanted = None
        self.changed()

    def _hook_modules(self) -> None:
        for module in self._comparison.modules:
            if type(module) is ModuleType and self.patches is not None:
                module.__class__ = _WatchedModule

    def end(self) -> None:
        """Take the replacements out."""
        patches, self.patches = self.patches, None
        with self._lock:
            self.notice()
            if patches is not None:
                patches.arrange(dict.fromkeys(PATHS.values(), False))
                patches.end()
            modules: list[Any] = list(self._comparison.modules)
            for module in modules:
                if type(module) is _WatchedModule:
                    object.__setattr__(module, "__class__", ModuleType)

    def look_closely(self) -> None:
        """Notice what is changed without a notice: contents of modules, bodies of functions, classes of tags."""
        for watcher in self.watchers.values():
            _ = watcher.look
        if not self.stale and self._comparison.differs():
            self.notice()

    def undisturbed(self, path: FastPath) -> bool:
        """Return whether what a path stands for is all python-docx's own, also while nothing is replaced."""
        if self.patches is not None:
            self.look_closely()
            return path.on or self.holds(path)
        with self._lock:
            return self._comparison.holding()[path]


_watch = _Watch()
_watch.watchers = _watchers()
FastPath.check = staticmethod(_watch.holds)

#: Look up `Watched.look` before asking whether a path is on.
Watched: Any = _watch.watchers[object]
#: The same for `Relationships` and other dictionaries.
WatchedDicts: Any = _watch.watchers[dict]
#: The same for names of tags.
WatchedTexts: Any = _watch.watchers[str]
#: The same for lengths.
WatchedNumbers: Any = _watch.watchers[int]

begin, end, look_closely, undisturbed = _watch.begin, _watch.end, _watch.look_closely, _watch.undisturbed


class _WatchedModule(ModuleType):
    """A module of python-docx that says when one of its names is bound anew."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        _watch.changed()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        _watch.changed()

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """Pickle by name, as picklers that know modules do."""
        return import_module, (self.__name__,)


def _class_made(cls: Any, clsname: str, bases: Any, namespace: Any) -> None:
    _META.original(cls, clsname, bases, namespace)
    _watch.changed()


def _class_set(cls: Any, name: str, value: object) -> None:
    type.__setattr__(cls, name, value)
    _watch.changed()


def _class_deleted(cls: Any, name: str) -> None:
    type.__delattr__(cls, name)
    _watch.changed()


def _class_registered(tag: Any, cls: Any) -> None:
    # It runs inside python-docx's own module, where `install` puts the name.
    _parbatch_registered(tag, cls)  # type: ignore[name-defined]  # noqa: F821 -- see above


def _registered(tag: str, cls: Any) -> None:
    _REGISTER.original(tag, cls)
    _watch.changed()


def install(patches: Patches) -> None:
    """Let the class of element classes say that one of them was changed, made, or registered."""
    global _META, _REGISTER  # noqa: PLW0603
    names: Any = vars(parser_module)
    names["_parbatch_registered"] = _registered
    _REGISTER = patches.replace_body(register_element_cls, _class_registered, "docx.oxml.parser:register_element_cls")
    patches.add(MetaOxmlElement, "__setattr__", _class_set)
    patches.add(MetaOxmlElement, "__delattr__", _class_deleted)
    patches.replace(MetaOxmlElement, "__init__", _class_made, "docx.oxml.xmlchemy:MetaOxmlElement.__init__")
    _META = PATHS["docx.oxml.xmlchemy:MetaOxmlElement.__init__"]


_META: FastPath
_REGISTER: FastPath
