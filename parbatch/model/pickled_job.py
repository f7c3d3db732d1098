"""Pickling of a job that Python code holds, on its way to workers: its functions by value or by name.

Called by `model.loading` in the parent and in workers.
"""

import contextlib
import itertools
import os
import sys
import types
import weakref
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import cloudpickle
import msgspec

from parbatch.errors import JobError
from parbatch.model.dependencies import in_order
from parbatch.model.job import Job
from parbatch.model.job_files import know

_packed: "weakref.WeakValueDictionary[str, Job]" = weakref.WeakValueDictionary()
_numbers = itertools.count()


class Pickled(msgspec.Struct, frozen=True):
    """A pickled job. `modules` are files by the names of modules that no import finds; `main_name` or `main_file` is
    the script that holds it, as Python itself knows it; by `token` the process that has packed it finds it again.
    """

    job: bytes = b""
    token: str = ""
    modules: dict[str, str] = {}
    main_name: str = ""
    main_file: str = ""


def pack(job: Job) -> Pickled:
    """Pickle a job. Functions of a script or notebook travel by value, others by their name. Raises JobError."""
    modules = [module for module in _modules(job) if module.__name__ != "__main__" and not _is_found(module)]
    files = {one.__name__: file for one in modules if "." not in one.__name__ and (file := _file_of(one))}
    main = sys.modules.get("__main__")
    try:
        with contextlib.ExitStack() as by_value:
            for module in modules:
                if module.__name__ not in files:
                    cloudpickle.register_pickle_by_value(module)
                    by_value.callback(cloudpickle.unregister_pickle_by_value, module)
            pickled = cloudpickle.dumps(job)
    except Exception as error:
        raise JobError(
            f"{job!r} can't be sent to workers: {type(error).__name__}: {error}. Open what can't be pickled in"
            " @job.setup, or put the job into a file of its own and name that."
        ) from error
    name = getattr(getattr(main, "__spec__", None), "name", None)
    token = f"{os.getpid()}-{next(_numbers)}"
    _packed[token] = job
    return Pickled(pickled, token, files, name or "", "" if name or main is None else _file_of(main))


def unpack(pickled: Pickled) -> Job:
    """Return the job again: itself in the process that packed it, with the script's own functions, else a copy.

    Raises what the job's modules raise when they are imported.
    """
    packed = _packed.get(pickled.token)
    if packed is not None:
        return packed
    know(pickled.modules)
    job: Job = cloudpickle.loads(pickled.job)
    return job


def stand_in_for_main(pickled: Pickled, job: Job) -> None:
    """Let a worker have the `__main__` that the job's functions come from, as if the script had been started here.

    What an item starts by multiprocessing then finds these functions by their names: a forked process among what is
    here, a new Python by loading the script, as it does wherever a script is run.
    """
    main = types.ModuleType("__main__")
    for one in in_order(job):
        for function in one.functions.values():
            if getattr(function, "__module__", "") == "__main__":
                vars(main).update(getattr(function, "__globals__", {}))
    vars(main).update(__name__="__main__", __spec__=None)
    if pickled.main_name:
        main.__spec__ = ModuleSpec(pickled.main_name, None)
    if pickled.main_file:
        main.__file__ = pickled.main_file
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main  # the other is its name in new Pythons


def _modules(job: Job) -> Iterator[types.ModuleType]:
    """Return the modules that the job's functions come from, each once."""
    functions = [function for one in in_order(job) for function in one.functions.values()]
    names = dict.fromkeys(getattr(function, "__module__", None) for function in functions)
    return (sys.modules[name] for name in names if name in sys.modules)


def _is_found(module: types.ModuleType) -> bool:
    """Tell whether another process gets this module, and no other, when it imports its name."""
    parent = module.__name__.rpartition(".")[0]
    if parent and parent not in sys.modules:
        return False
    path = getattr(sys.modules[parent], "__path__", None) if parent else None
    for finder in sys.meta_path:
        with contextlib.suppress(Exception):  # a finder is somebody else's code, and the next one may know
            spec = finder.find_spec(module.__name__, path)
            if spec is not None:
                own = _file_of(module)
                return not own or not spec.origin or not Path(spec.origin).exists() or Path(spec.origin).samefile(own)
    return False


def _file_of(module: types.ModuleType) -> str:
    """Return the Python file that a module was made from, if there is one."""
    file = getattr(module, "__file__", None)
    return str(Path(file).absolute()) if file and file.endswith(".py") and Path(file).is_file() else ""
