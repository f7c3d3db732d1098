"""How the functions of a job have to be written, and whether one can be called so.

Used by `Job.check_alone`. It looks at functions and calls none of them.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parbatch.errors import JobError
from parbatch.model.roles import MERGE, RENDER, RENDER_CHUNK, TEARDOWN, VALIDATE, VALIDATE_CHUNK
from parbatch.model.units import counted

# The role, how many arguments it takes, and an example of its first line.
_SIGNATURES = (
    ("context", 0, "def entries()"),
    ("setup", 0, "def load()"),
    (TEARDOWN, 1, "def close(shared)"),
    ("baseline", 0, "def prices()"),
    (RENDER, 2, "def one(item, ctx)"),
    (RENDER_CHUNK, 2, "def all(items, ctx)"),
    (VALIDATE, 2, "def check(item, ctx)"),
    (VALIDATE_CHUNK, 2, "def check(items, ctx)"),
    (MERGE, 1, "def merged(outcomes)"),
    ("overview", 2, "def summary(run, ctx)"),
)


def check_functions(job: str, functions: Mapping[str, Callable[..., Any]], after: Sequence[str]) -> None:
    """Raise JobError unless a job has the functions that a run needs, each with the arguments that it is called with.

    `job` is what the error calls the job, `after` has the names of those that it comes after.
    """
    for role, example in (("items", "def rows(): ..."), (RENDER, "def one(item, ctx): ...")):
        if role not in functions and not (role == RENDER and RENDER_CHUNK in functions):
            raise JobError(f"{job} has no {role} function. Add one: @job.{role} above {example}")
    if RENDER in functions and RENDER_CHUNK in functions:
        raise JobError(f"{job} has both @job.{RENDER} and @job.{RENDER_CHUNK}; keep one.")
    parameters = "previous" if len(after) == 1 else ", ".join(map(_as_parameter, after))
    for role, given, example in (("items", len(after), f"def rows({parameters})"), *_SIGNATURES):
        if role in functions and not _takes(functions[role], given):
            arguments = counted(given, "argument")
            raise JobError(f"{job}: its {role} function can't be called with {arguments}: write {example}.")


def _as_parameter(name: str) -> str:
    """Return a job's name as the name of a parameter."""
    name = re.sub(r"\W", "_", name)
    return name if name.isidentifier() else f"_{name}"


def _takes(function: Callable[..., Any], given: int) -> bool:
    """Tell whether a function can be called with so many positional arguments; True where that can't be told."""
    try:
        inspect.signature(function).bind(*[None] * given)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True
