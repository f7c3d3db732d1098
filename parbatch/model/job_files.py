"""Job files as modules: the home of `parbatch.model.job_files.job_letters`, the module that
`letters.py` becomes.

Functions and classes go from process to process by the name of their module, and a job file is on no path that another
Python looks along. This module stands as the package of all job files: whoever imports one imports this first, and so
has the finder that knows the file. What an item starts (multiprocessing, loky, joblib, a Python of its own) learns of
the file from the environment.
"""

import contextlib
import importlib
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

# It makes this module a package, of which no folder holds a part.
__path__: list[str] = []

# A file of such a name in the current folder would be imported in place of the package.
_PACKAGES = frozenset({"parbatch", "docx", "lxml", "loky", "msgspec", "psutil", "cloudpickle"})

_NO_WORD = re.compile(r"\W")
VARIABLE = "PARBATCH_JOB_FILES"

_files: dict[str, str] = {}


class _Finder(MetaPathFinder):
    """Finds the modules whose files are known here, or to the process that has started this one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        file = _files.get(fullname)
        if file is None and fullname.startswith(f"{__name__}."):
            file = json.loads(os.environ.get(VARIABLE, "{}")).get(fullname)
        return None if file is None else spec_from_file_location(fullname, file, loader=_Loader(fullname, file))


class _Loader(SourceFileLoader):
    """Runs a job file. It may set the start method of multiprocessing, as a program may once, in every process."""

    def exec_module(self, module: ModuleType) -> None:
        before = multiprocessing.get_start_method(allow_none=True)
        multiprocessing.set_start_method(None, force=True)
        try:
            super().exec_module(module)
        finally:
            if multiprocessing.get_start_method(allow_none=True) is None:
                multiprocessing.set_start_method(before, force=True)


sys.meta_path.insert(0, _Finder())


def module_name(file: Path) -> str:
    """Return the name of the module that a job file becomes."""
    return f"{__name__}.job_{_NO_WORD.sub('_', file.stem)}"


def import_file(file: Path) -> ModuleType:
    """Run a job file as a module, anew if it was imported before. Raises what it raises."""
    name = module_name(file)
    know({name: str(file)})
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def know(files: Mapping[str, str]) -> None:
    """Let the modules of these names be imported from these files."""
    _files.update(files)


def tell(environment: MutableMapping[str, str], file: Path) -> None:
    """Let processes that get this environment import a job file by the name that it has here."""
    environment[VARIABLE] = json.dumps({module_name(file): str(file)})


def is_for_workers(name: str) -> bool:
    """Tell whether workers may import a module of this name that is no job's."""
    return name in _PACKAGES or name in sys.stdlib_module_names


def advice_on_hiding_files() -> str:
    """Return a sentence about files that are imported in place of modules; nothing where there are none."""
    hiding = [str(file) for file in files_that_hide_modules()]
    return f"Rename {' and '.join(hiding)}: workers import a module of that name." if hiding else ""


def files_that_hide_modules() -> list[Path]:
    """Return the files in the current folder, and in those that Python looks in before its own, which are imported in
    place of modules of Python's or parbatch's.
    """
    own = str(Path(os.__file__).parent)
    before = sys.path[: sys.path.index(own)] if own in sys.path else []
    found = []
    for folder in dict.fromkeys(["", *before]):
        with contextlib.suppress(OSError):  # it is gone, or an archive
            found += [file.absolute() for file in sorted(Path(folder).glob("*.py")) if is_for_workers(file.stem)]
    return list(dict.fromkeys(found))
