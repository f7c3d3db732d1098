"""Loading of a job: from what a person names, in the parent, and by the same reference in each worker.

Called by commands, by `engine.api` and by the worker's process. It runs the job's code, and knows no output folder.
"""

import contextlib
import importlib
import linecache
import multiprocessing
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from parbatch.errors import JobError
from parbatch.model.dependencies import in_order
from parbatch.model.job import Job
from parbatch.model.job_files import import_file, is_for_workers
from parbatch.model.pickled_job import Pickled, pack, unpack
from parbatch.model.tracebacks import PACKAGE, innermost_own

_AS_MODULE = "relative to its package, which a file named by its path has not. Name the job by its module: "
# What this thread loads at the moment.
_under_way = threading.local()

SAMPLE_MODULE = "parbatch.sample.job"


class JobRef(msgspec.Struct, frozen=True):
    """How a worker finds the job: a file, a module, or, for a job of a script or notebook, its pickled self.

    With `phase` it is the job of that name among those which the one that is found so comes after.
    """

    kind: str
    where: str = ""
    name: str = ""
    pickled: Pickled = Pickled()
    phase: str = ""


class LoadedJob(msgspec.Struct, frozen=True):
    """A job, how workers find it, its source file if it has one, and what a person would type for it.

    `defaults` are run options that a TOML file gives, by their long name with underscores; that file is
    `defaults_from`.
    """

    job: Job
    ref: JobRef
    file: Path | None
    label: str
    defaults: Mapping[str, Any] = {}
    defaults_from: str = ""

    @property
    def base(self) -> Path:
        """The folder that the job's own relative paths start from."""
        return self.file.parent if self.file else Path.cwd()


def load(spec: str | None) -> LoadedJob:
    """Return the job that `spec` names: `file.py`, `file.py:name`, `package.module:name`, a `.toml` file, or None.

    Raises JobError when there is no such job, or it is not complete.
    """
    if spec is None:
        return _load_unnamed()
    path_text, _, name = spec.rpartition(":") if ":" in spec else (spec, "", "")
    if path_text.endswith(".toml") and name:
        raise JobError(f"{spec}: a TOML file names one job. Write {path_text}, or name the job in it.")
    if path_text.endswith(".toml"):
        return _load_toml(Path(path_text), table=())
    if path_text.endswith(".py") or "/" in path_text:
        return _complete(JobRef("file", str(Path(path_text).absolute()), name), spec)
    if name:
        return _complete(JobRef("module", path_text, name), spec)
    near = f" Did you mean {spec}.py?" if Path(f"{spec}.py").is_file() else ""
    raise JobError(
        f"No job named {spec!r}. Name a file (job.py), a file and job (job.py:letters), or module:name.{near}"
    )


def is_unnamed_sample(loaded: LoadedJob) -> bool:
    """Tell whether nobody named a job, so that the sample job stands in."""
    return loaded.label == "" and loaded.ref.where == SAMPLE_MODULE


def from_object(job: Job) -> LoadedJob:
    """Return a job that Python code holds. Functions of a script or notebook travel by value, others by their name."""
    if not isinstance(job, Job):
        raise JobError(f"parbatch.run takes a Job or the name of one, not {type(job).__name__}.")
    job.check()
    module = sys.modules.get(getattr(job.rendering, "__module__", ""))
    file = getattr(module, "__file__", None)
    return LoadedJob(job, JobRef("pickle", pickled=pack(job)), Path(file) if file else None, "")


def phases_of(loaded: LoadedJob) -> list[LoadedJob]:
    """Return the job and all that it comes after, in the order in which they are done, as workers find them."""
    return [_phase(loaded, job) for job in in_order(loaded.job)]


def _phase(last: LoadedJob, job: Job) -> LoadedJob:
    if job is last.job:
        return last
    ref = msgspec.structs.replace(last.ref, phase=job.name)
    return LoadedJob(job, ref, _file_of(job, last.file), last.label)


def _file_of(job: Job, last: Path | None) -> Path | None:
    """Return the file of an earlier phase: the last one's, if any of its functions is from there, else its own."""
    functions = (job.functions["items"], job.rendering)
    modules = (sys.modules.get(getattr(function, "__module__", "")) for function in functions)
    files = [Path(file) for module in modules if (file := getattr(module, "__file__", None))]
    return last if last in files or not files else files[-1]


def resolve(ref: JobRef) -> Job:
    """Return the job behind a reference. Raises JobError, or what the job's own code raises while it is imported."""
    job = _resolve(ref)
    if not ref.phase:
        job.check_alone()  # its file may have been changed during the run
        return job
    by_name = {earlier.name: earlier for earlier in in_order(job)}
    if ref.phase not in by_name:
        raise JobError(f"{job!r} comes after no job named {ref.phase!r} any more. Was its file changed during the run?")
    return by_name[ref.phase]


def _resolve(ref: JobRef) -> Job:
    with _being_loaded(ref.where or "the job's module"):
        if ref.kind == "pickle":
            return unpack(ref.pickled)
        module = _import_file(Path(ref.where)) if ref.kind == "file" else _import_module(ref.where)
    return _pick(module, ref.name, ref.where)


@contextlib.contextmanager
def _being_loaded(what: str) -> Iterator[None]:
    before = getattr(_under_way, "what", None)
    _under_way.what = what
    try:
        yield
    finally:
        _under_way.what = before


def refuse_while_loading(call: str) -> None:
    """Raise JobError where a module begins a run while it is loaded: each of its workers would do so too."""
    what = getattr(_under_way, "what", None)
    if what is None and getattr(multiprocessing.current_process(), "_inheriting", False):
        what = "the script that has started this process"  # multiprocessing loads it in every new Python
    if what is not None:
        caller = sys._getframe()  # noqa: SLF001 -- to say where the call is
        while caller.f_back and caller.f_code.co_filename.startswith(str(PACKAGE)):
            caller = caller.f_back
        raise JobError(
            f"{caller.f_code.co_filename}:{caller.f_lineno} calls parbatch.{call} while {what} is loaded, as each"
            ' worker has to load it. Put the call below a line `if __name__ == "__main__":`, or take it out.'
        )


def _load_unnamed() -> LoadedJob:
    if (here := configured_here()) is not None:
        return _load_toml(*here)
    return _complete(JobRef("module", SAMPLE_MODULE), "")


def configured_here() -> tuple[Path, tuple[str, ...]] | None:
    """Return the TOML file of the current folder that names a job, and its table; None when there is none."""
    if Path("parbatch.toml").is_file():
        return Path("parbatch.toml"), ()
    if Path("pyproject.toml").is_file() and "parbatch" in _read_toml(Path("pyproject.toml")).get("tool", {}):
        return Path("pyproject.toml"), ("tool", "parbatch")
    return None


def _load_toml(path: Path, table: tuple[str, ...]) -> LoadedJob:
    """Return the job that a TOML file points to with `job = "..."`; its other keys are run options."""
    settings = _read_toml(path)
    for key in table:
        settings = settings[key]
    spec = settings.get("job")
    if not isinstance(spec, str):
        raise JobError(f'{path}: it names no job. Add a line such as job = "letters.py".')
    if spec.endswith(".toml"):
        raise JobError(f"{path}: its job {spec!r} is a TOML file too. Name a Python file or module there.")
    inner = spec if Path(spec.partition(":")[0]).is_absolute() or ".py" not in spec else str(path.parent / spec)
    try:
        loaded = load(inner)
    except JobError as error:
        raise JobError(f"{path}: {error}") from error
    defaults = {key.replace("-", "_"): value for key, value in settings.items() if key != "job"}
    label = str(path) if not table and path.name != "parbatch.toml" else ""
    return LoadedJob(loaded.job, loaded.ref, loaded.file, label, defaults, str(path))


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 -- most jobs are named by their file, and workers read no TOML

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise JobError(f"No such job file: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobError(f"{path} is not valid TOML: {error}") from None


def _complete(ref: JobRef, label: str) -> LoadedJob:
    try:
        job = resolve(ref)
    except JobError:
        raise
    except (Exception, SystemExit) as error:
        place, line = innermost_own(error.__traceback__)
        if ref.kind == "file" and isinstance(error, ImportError) and _is_relative(ref.where, line):
            raise JobError(f"{ref.where}:{line} imports {_AS_MODULE}{_as_module(ref)}") from error
        where = f" at {place.partition(':')[0]}:{line}" if place and not isinstance(error, SyntaxError) else ""
        raise JobError(f"{ref.where} can't be loaded{where}: {type(error).__name__}: {error}") from error
    job.check()
    file = ref.where if ref.kind == "file" else getattr(sys.modules[ref.where], "__file__", None)
    return LoadedJob(job, ref, Path(file) if file else None, label)


def _is_relative(file: str, line: int) -> bool:
    return linecache.getline(file, line).lstrip().startswith("from .")


def _as_module(ref: JobRef) -> str:
    """Return how to name a job of a package by its module, and from which folder."""
    file = Path(ref.where)
    folder, names = file.parent, [file.stem]
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return f"{'.'.join(names)}:{ref.name or 'job'}, in {folder}."


def _import_file(path: Path) -> ModuleType:
    """Run a job file as a module of its own name, its folder importable as it is for a script."""
    if not path.is_file():
        raise JobError(f"No such job file: {path}{_close_to(path)}")
    if path.suffix != ".py":
        raise JobError(f"{path} is not a Python file.")
    if is_for_workers(path.stem):
        raise JobError(f"{path} has the name of a module that workers import. Rename it, to {path.stem}_job.py say.")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    return import_file(path)


def _close_to(path: Path) -> str:
    """Return a job file beside the one that is not there, where one is spelled alike, in a sentence."""
    names = [file.name for file in path.parent.glob("*.py")] if path.suffix == ".py" else []
    from difflib import get_close_matches  # noqa: PLC0415 -- for a name that was mistyped

    close = get_close_matches(path.name, names, 1)
    return f". Did you mean {close[0]}?" if close else ""


def _import_module(name: str) -> ModuleType:
    with contextlib.suppress(FileNotFoundError):  # the current folder was removed: nothing is imported from it
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise JobError(f"No module named {name!r} can be imported from here.") from None
        raise


def _pick(module: ModuleType, name: str, where: str) -> Job:
    jobs = {key: value for key, value in vars(module).items() if isinstance(value, Job)}
    by_name = {job.name: job for job in jobs.values()}
    if name:
        if name in jobs or name in by_name:
            return jobs[name] if name in jobs else by_name[name]
        found = f"It has: {', '.join(jobs)}." if jobs else "It has none: write job = Job(...)."
        raise JobError(f"{where} has no job named {name!r}. {found}")
    distinct = {id(job): key for key, job in jobs.items()}
    if len(distinct) == 1 or "job" in jobs:
        return jobs["job"] if "job" in jobs else next(iter(jobs.values()))
    if not jobs:
        raise JobError(f"{where} has no job. Write job = Job({Path(where).stem!r}), with items and render.")
    raise JobError(f"{where} has several jobs: {', '.join(jobs)}. Name one, as in {where}:{_last(jobs)}.")


def _last(jobs: Mapping[str, Job]) -> str:
    """Return the first job that none of the others comes after: with it, the phases before it are run as well."""
    before = {id(phase) for job in jobs.values() for phase in job.after}
    return next((key for key, job in jobs.items() if id(job) not in before), next(iter(jobs)))
