"""The job as its author writes it: its functions, its limits, and what it comes after.

Made by job files, read in every room. It knows nothing of runs, folders or processes.
"""

import copy
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from parbatch.errors import DataError, JobError
from parbatch.model.dependencies import in_order
from parbatch.model.file_names import is_job_name
from parbatch.model.merge_entries import HOW
from parbatch.model.roles import MERGE, RENDER, RENDER_CHUNK, TEARDOWN, VALIDATE, VALIDATE_CHUNK
from parbatch.model.signatures import check_functions
from parbatch.model.units import parse_duration, parse_size
from parbatch.model.values import chunk_size_of, one_of, positive

Function = TypeVar("Function", bound=Callable[..., Any])

NEEDS = ("all", "ok")

# Documents are reference cycles around memory that Python's collector does not count: collecting every 25 of them
# holds a worker flat near 100 MB, where never collecting leaks 6 MB a document.
DEFAULT_GC_EVERY = 25

# Tries at an item where validation tells the next one what was wrong; without it, a second try would be the same again.
TRIES_WITH_VALIDATION = 3
FRESH_WORKERS = ("chunk", "attempt")


class Job:
    """What to run.

    `chunk_size` is a number of items or `"auto"` (about a second of work); `memory` a size such as `"512MB"`, the
    cap for each worker with the processes it starts; `timeout` seconds, or a duration such as `"2m"`, for one
    attempt, or for a chunk that is rendered at once; `attempts` how often an item is tried: 1, or 3 with validation;
    `backoff` how long an item waits before its second attempt, twice that before its third, and so on; `fresh_worker`
    is `"chunk"` or `"attempt"` where each is to have a process that has seen nothing before; `merge` makes one file of
    all results: `"object"` and `"array"` are `merged.json`, `"lines"` is `merged.jsonl`;
    `gc_every` after how many items a worker collects garbage;
    `files` what the outputs depend on besides the data (templates, tables), relative to the job's file:
    when one changes, every item is done again; `identity` names environment variables that logs and report show,
    secrets masked, and that have to be the same in every worker; `max_entries` how many shared entries the items of a
    chunk may require in all.

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
        attempts: int | None = None,
        backoff: str | float | None = None,
        fresh_worker: str | None = None,
        merge: str | None = None,
        gc_every: int = DEFAULT_GC_EVERY,
        files: Sequence[str | os.PathLike[str]] = (),
        identity: Sequence[str] = (),
        after: "Job | Sequence[Job]" = (),
        needs: str = "all",
        max_entries: int = 200,
    ) -> None:
        if not isinstance(name, str) or not is_job_name(name):
            raise JobError(f"Job({name!r}): a job's name is made of letters, digits, spaces, dots, hyphens.")
        self.name = name
        try:
            self.chunk_size = chunk_size_of(chunk_size)
            self.memory = None if memory is None else parse_size(memory, "memory")
            self.timeout = None if timeout is None else parse_duration(timeout, "timeout")
            self._attempts = None if attempts is None else positive(attempts, "attempts")
            self.backoff = None if backoff is None else parse_duration(backoff, "backoff")
            self.fresh_worker = one_of(fresh_worker, "fresh_worker", FRESH_WORKERS)
            self._merge = one_of(merge, "merge", HOW)
            self.gc_every = positive(gc_every, "gc_every")
            self.max_entries = positive(max_entries, "max_entries")
        except DataError as error:
            raise JobError(f"Job({name!r}): {error}") from None
        self.files = self._several("files", files, (str, os.PathLike), '["letter.docx"]')
        self.identity = self._several("identity", identity, str, '["DATABASE_URL"]')
        self.after = after
        self.needs = self._checked_needs(needs)
        self.functions: dict[str, Callable[..., Any]] = {}
        self._baseline_key: str | Callable[[], str] | None = None

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

    def with_inputs(self, previous: Sequence[Any]) -> "Job":
        """Return the job with what its items function takes: one value for each job that comes before."""
        same = copy.copy(self)
        same.functions = {**self.functions, "items": functools.partial(self.functions["items"], *previous)}
        return same

    def counted(self) -> tuple["Job", "ItemCount"]:
        """Return the job, and how many items its items function has given so far."""
        same, count, given = copy.copy(self), ItemCount(), self.functions["items"]

        def counting() -> Any:
            source = given()
            readable = isinstance(source, Iterable) and not isinstance(source, (str, bytes))
            return count.passing(source) if readable else source

        same.functions = {**self.functions, "items": counting}
        return same, count

    @property
    def attempts(self) -> int:
        """How often an item is tried."""
        validates = VALIDATE in self.functions or VALIDATE_CHUNK in self.functions
        return self._attempts or (TRIES_WITH_VALIDATION if validates else 1)

    @property
    def merging(self) -> str | None:
        """How results are merged: `object`, `array` or `lines`; None where they are not."""
        return self._merge or ("array" if MERGE in self.functions else None)

    @property
    def rendering(self) -> Callable[..., Any]:
        """The function that renders: an item, or a whole chunk."""
        return self.functions.get(RENDER) or self.functions[RENDER_CHUNK]

    def items(self, function: Function) -> Function:
        """Say where the items come from: a function that returns or yields Items or mappings.

        It takes no arguments; in a job with `after`, the outcomes of each job that comes before (see `Previous`).
        """
        return self._add("items", function)

    def setup(self, function: Function) -> Function:
        """Run once in each worker process, before its first item; the value is `ctx.shared`."""
        return self._add("setup", function)

    def teardown(self, function: Function) -> Function:
        """Run once in each worker process that ends in order, after its last item: a function of what setup returned.

        It has ten seconds. Its failure is told, and fails no item.
        """
        return self._add(TEARDOWN, function)

    def context(self, function: Function) -> Function:
        """Say which large inputs items share: a function of no arguments that returns or yields Entries.

        An item names those it needs (`requires=`), and gets them as `ctx.context["the id"].content`.
        """
        return self._add("context", function)

    def render(self, function: Function) -> Function:
        """Say how an item is rendered: a function of `(item, ctx)`."""
        return self._add("render", function)

    def baseline(
        self, function: None = None, /, *, key: str | Callable[[], str] = ""
    ) -> Callable[[Function], Function]:
        """Compute a value once, for all items and workers: a function of no arguments that returns JSON values.

        The value is `ctx.baseline`. It is kept under its key for the next runs; the key is text, or a function of no
        arguments that returns text. With another key it is computed anew, and --resume does every item again.
        """
        if function is not None:
            raise JobError(f'{self!r}: @job.baseline needs a key. Write @job.baseline(key="prices-2026").')
        if not callable(key) and not (isinstance(key, str) and key):
            raise JobError(f"{self!r}: @job.baseline(key={key!r}): the key is text, or a function that returns text.")
        self._baseline_key = key
        return lambda function: self._add("baseline", function)

    def baseline_key(self) -> str | None:
        """Return the key of the job's baseline now, None without one. Raises JobError where there can't be one."""
        key = self._baseline_key
        if not callable(key):
            return key
        try:
            key = key()
        except Exception as error:
            raise JobError(
                f"{self!r}: the key of its baseline can't be had: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(key, str) or not key:
            raise JobError(f"{self!r}: the function under key= of its baseline returned {key!r}; return text.")
        return key

    def render_chunk(self, function: Function) -> Function:
        """Say how all items of a chunk are rendered at once: a function of `(items, ctx)`, in place of `render`.

        It returns or yields `{id: result}`, pairs of these, or Outcomes; `ctx.of(item)` has an item's `dir`, `feedback`
        and `metric`. An item that it leaves out failed.
        """
        return self._add(RENDER_CHUNK, function)

    def validate(self, function: Function) -> Function:
        """Say what is wrong with what came of an item: a function of `(item, ctx)`, called after its rendering.

        It looks at `ctx.dir` and `ctx.result`, and returns or yields Problems, or plain text. With problems the attempt
        is `invalid`: nothing is published, and with attempts left the item is rendered again, `ctx.feedback` having
        the problems and the result.
        """
        return self._add(VALIDATE, function)

    def validate_chunk(self, function: Function) -> Function:
        """Say what is wrong with items of a chunk, seen together: a function of `(items, ctx)`.

        It is given those that are ok so far; `ctx.of(item)` has an item's `dir` and `result`. It returns
        `{id: problems}`, or yields pairs of id and problem.
        """
        return self._add(VALIDATE_CHUNK, function)

    def merge(self, function: Function) -> Function:
        """Say what is merged: a function of the outcomes that are ok, in item order, that yields values.

        With `Job(merge="object")` it yields pairs of key and value, or mappings.
        """
        return self._add(MERGE, function)

    def overview(self, function: Function) -> Function:
        """Say what is made of all outcomes: a function of `(run, ctx)`, called once, in a worker of its own."""
        return self._add("overview", function)

    def _checked_needs(self, needs: str) -> str:
        if needs not in NEEDS:
            raise JobError(f"{self!r}: needs={needs!r} is not one of {', '.join(map(repr, NEEDS))}.")
        return needs

    def _several(self, name: str, given: Any, kind: Any, example: str) -> tuple[str, ...]:
        """Return the texts given for `files=` or `identity=`; one alone would be taken letter by letter."""
        if isinstance(given, (list, tuple)) and all(isinstance(one, kind) for one in given):
            return tuple(os.fspath(one) for one in given)
        raise JobError(f"{self!r}: {name}={given!r} is not a list of texts. Write {name}={example}.")

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
        check_functions(repr(self), self.functions, [job.name for job in self.after])

    def source(self) -> Iterable[Any]:
        """Return what the items function gives, to be read lazily. Raises JobError when it is not iterable."""
        return self._iterable("items", "Items or mappings")

    def entries(self) -> Iterable[Any]:
        """Return what the context function gives, to be read lazily. Raises JobError when it is not iterable."""
        return self._iterable("context", "Entries")

    def _iterable(self, role: str, what: str) -> Iterable[Any]:
        given = self.functions[role]()
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise JobError(f"{self!r}: its {role} function returned {type(given).__name__}; return or yield {what}.")
        return given


class ItemCount:
    """How many items were read so far; another thread may look."""

    def __init__(self) -> None:
        self.items = 0

    def passing(self, source: Iterable[Any]) -> Iterable[Any]:
        """Yield the same items, counted."""
        for item in source:
            self.items += 1
            yield item
