"""How the functions of a job have to be written, and whether one can be called so.

Used by `Job.check_alone`. It looks at functions and calls none of them.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

from parbatch.model.roles import MERGE, RENDER, RENDER_CHUNK, TEARDOWN, VALIDATE, VALIDATE_CHUNK

# The role, how many arguments it takes, and an example of its first line.
SIGNATURES = (
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


def as_parameter(name: str) -> str:
    """Return a job's name as the name of a parameter."""
    name = re.sub(r"\W", "_", name)
    return name if name.isidentifier() else f"_{name}"


def takes(function: Callable[..., Any], given: int) -> bool:
    """Tell whether a function can be called with so many positional arguments; True where that can't be told."""
    try:
        inspect.signature(function).bind(*[None] * given)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True
