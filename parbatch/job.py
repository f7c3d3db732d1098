"""A job as its author writes it: where the items come from, how one is rendered, and its limits."""

import copy
import functools
import inspect
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from parbatch.errors import DataError, JobError
from parbatch.phases import in_order
from parbatch.units import parse_duration, parse_size

Function = TypeVar("Function", bound=Callable[..., Any])

NEEDS = ("all", "ok")

_NAME = re.compile(r"[\w][\w .-]*")

# Documents are reference cycles around memory that Python's collector does not count: collecting every 25 of them
# holds a worker flat near 100 MB, where never collecting leaks 6 MB a document.
DEFAULT_GC_EVERY = 25


class Job:
    """What to run.

    `chunk_size` is a number of items or `"auto"` (about a second of work); `memory` a size such as `"512MB"`, the
    cap for each worker with the processes it starts; `timeout` seconds, or a duration such as `"2m"`, for one
    attempt; `attempts` how often an item is tried; `gc_every` after how many items a worker collects garbage;
    `files` what the outputs depend on besides the data (templates, tables), relative to the job's file:
    when one changes, every item is done again; `identity` names environment variables that logs and report show,
    secrets masked, and that have to be the same in every worker.

    `after` is a job, or several, whose outcomes this one's items are made from: its items function takes one argument
    for each, and runs when they have finished. With `needs="all"` it begins only once every item of these is ok; with
    `needs="ok"` it goes on with those that are.

    Raises JobError for an option that can't be used.
    """

    def __init__(
        self,
        name: str,
        *,
        chunk_size: int | str = "auto",
        memory: str | int | None = None,
        timeout: str | float | None = None,
        attempts: int = 1,
        gc_every: int = DEFAULT_GC_EVERY,
        files: Sequence[str | os.PathLike[str]] = (),
        identity: Sequence[str] = (),
        after: "Job | Sequence[Job]" = (),
        needs: str = "all",
    ) -> None:
        if not isinstance(name, str) or not is_name(name):
            raise JobError(f"Job({name!r}): a job's name is made of letters, digits, spaces, dots, hyphens.")
        self.name = name
        try:
            self.chunk_size = chunk_size_of(chunk_size)
            self.memory = None if memory is None else parse_size(memory, "memory")
            self.timeout = None if timeout is None else parse_duration(timeout, "timeout")
            self.attempts = positive(attempts, "attempts")
            self.gc_every = positive(gc_every, "gc_every")
        except DataError as error:
            raise JobError(f"Job({name!r}): {error}") from None
        self.files = tuple(os.fspath(file) for file in files)
        self.identity = tuple(identity)
        self.after = after
        if needs not in NEEDS:
            raise JobError(f"Job({name!r}): needs={needs!r} is not one of {', '.join(map(repr, NEEDS))}.")
        self.needs = needs
        self.functions: dict[str, Callable[..., Any]] = {}

    def __repr__(self) -> str:
        return f"Job({self.name!r})"

    @property
    def after(self) -> "tuple[Job, ...]":
        """The jobs that come before this one."""
        return self._after

    @after.setter
    def after(self, jobs: "Job | Sequence[Job]") -> None:
        given = (jobs,) if isinstance(jobs, Job) else jobs
        if not isinstance(given, (list, tuple)) or not all(isinstance(job, Job) for job in given):
            raise JobError(f"Job({self.name!r}): after={jobs!r} is neither a Job nor several.")
        self._after = tuple(given)

    def fed(self, previous: Sequence[Any]) -> "Job":
        """The same job with what its items function takes: one value for each job that comes before."""
        same = copy.copy(self)
        same.functions = {**self.functions, "items": functools.partial(self.functions["items"], *previous)}
        return same

    def items(self, function: Function) -> Function:
        """Say where the items come from: a function that returns or yields Items or mappings.

        It takes no arguments; in a job with `after`, the outcomes of each job that comes before (see `Previous`).
        """
        return self._add("items", function)

    def setup(self, function: Function) -> Function:
        """Run once in each worker process, before its first item; the value is `ctx.shared`."""
        return self._add("setup", function)

    def render(self, function: Function) -> Function:
        """Say how an item is rendered: a function of `(item, ctx)`."""
        return self._add("render", function)

    def overview(self, function: Function) -> Function:
        """Say what is made of all outcomes: a function of `(run, ctx)`, called once, in a worker of its own."""
        return self._add("overview", function)

    def _add(self, role: str, function: Function) -> Function:
        if not callable(function):
            raise JobError(f"{self!r}: @job.{role} takes a function, not {function!r}.")
        if role in self.functions:
            raise JobError(f"{self!r} has two functions under @job.{role}; keep one.")
        self.functions[role] = function
        return function

    def check(self) -> None:
        """Raise JobError unless the job, and each that comes before it, has all that a run needs."""
        for job in in_order(self):
            job.check_alone()

    def check_alone(self) -> None:
        """Raise JobError unless this job has all that a run needs, whatever comes before it."""
        for role, example in (("items", "def rows(): ..."), ("render", "def one(item, ctx): ...")):
            if role not in self.functions:
                raise JobError(f"{self!r} has no {role} function. Add one: @job.{role} above {example}")

        parameters = "previous" if len(self.after) == 1 else ", ".join(map(_as_parameter, self.after))
        for role, given, example in (("items", len(self.after), f"def rows({parameters})"), *_SIGNATURES):
            if role in self.functions and not _takes(self.functions[role], given):
                raise JobError(
                    f"{self!r}: its {role} function can't be called with {given} arguments: write {example}."
                )

    def source(self) -> Iterable[Any]:
        """What the items function gives, to be read lazily. Raises JobError when it is not iterable."""
        given = self.functions["items"]()
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise JobError(
                f"{self!r}: its items function returned {type(given).__name__}; return or yield Items or mappings."
            )
        return given


_SIGNATURES = (
    ("setup", 0, "def load()"),
    ("render", 2, "def one(item, ctx)"),
    ("overview", 2, "def summary(run, ctx)"),
)


def is_name(text: str) -> bool:
    """Whether a job can have that name, which is a folder's as well."""
    return _NAME.fullmatch(text) is not None


def _as_parameter(job: Job) -> str:
    name = re.sub(r"\W", "_", job.name)
    return name if name.isidentifier() else f"_{name}"


def _takes(function: Callable[..., Any], given: int) -> bool:
    """Whether a function can be called with so many positional arguments; True where that can't be told."""
    try:
        inspect.signature(function).bind(*[None] * given)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True


def chunk_size_of(value: int | str) -> int | None:
    """The number of items a chunk, or None for `auto`. Raises DataError."""
    if value == "auto":
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise DataError(f"chunk size: {value!r} is neither a number of items from 1 nor auto.")
    return int(text)


def positive(value: int, what: str) -> int:
    """The value, if it is a whole number from 1. Raises DataError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DataError(f"{what}: {value!r} is not a whole number from 1.")
    return value
