"""Advice on how to write what JSON can't hold as JSON values: a sentence for people, for each type that they meet.

Called by `model.json_values` once a value was refused.
"""

import datetime as dt
import enum
import inspect
import pathlib
import uuid
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from decimal import Decimal
from numbers import Rational

# In this order: a datetime is a date, a set is a collection.
_BY_TYPE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (dt.timedelta, "use its total_seconds()"),
    ((dt.date, dt.time), "use its isoformat()"),
    (Decimal, "use str(), which keeps it exact, or float()"),
    (Rational, "use str(), which keeps it exact, or float()"),
    (complex, "use its real and imag"),
    (pathlib.PurePath, "use str()"),
    (
        (bytes, bytearray, memoryview),
        "use decode() if it is text, else base64.b64encode(…).decode(), or a file in ctx.dir",
    ),
    (enum.Enum, "use its value"),
    (uuid.UUID, "use str()"),
    (AbstractSet, "use sorted()"),
    (BaseException, "use str(), or raise it"),
)
# Of other libraries, which are not imported here to ask.
_BY_METHOD = (
    ("model_dump", 'use its model_dump(mode="json")'),
    ("to_dict", "use its to_dict()"),
    ("tolist", "use its tolist()"),
    ("isoformat", "use its isoformat()"),
    ("savefig", "save it in ctx.dir, with savefig(ctx.dir / …)"),
    ("save", "save it in ctx.dir, with save(ctx.dir / …)"),
    ("write", "write it to a file in ctx.dir"),
)
_MISSING = frozenset({"NaT", "<NA>"})


def advice_for(value: object) -> str:
    """Return how to write a value that JSON can't hold, such as `use str()`; nothing where its type is not known."""
    kind = type(value)
    if inspect.iscoroutine(value) or inspect.isasyncgen(value):
        return "an async function gives it; call asyncio.run(…) in a plain one"
    if inspect.isroutine(value) or isinstance(value, type):
        return "is a call, (), missing?"
    if kind.__module__.partition(".")[0] in {"numpy", "pandas"}:
        return _of_table(value)
    for types, advice in _BY_TYPE:
        if isinstance(value, types):
            return advice
    if is_dataclass(value):
        return "use dataclasses.asdict()"
    for method, advice in _BY_METHOD:
        if callable(getattr(kind, method, None)):
            return advice
    return "use list()" if isinstance(value, (Iterator, Collection)) else ""


def _of_table(value: object) -> str:
    """Return advice for values of NumPy and pandas, whose scalars are in no way Python's."""
    kind = type(value)
    if kind.__name__ in {"NaTType", "NAType"} or (kind.__name__.endswith("64") and str(value) in _MISSING):
        return "it stands for a missing value: use None"
    if kind.__name__ in {"Timestamp", "Timedelta"}:
        return "use its isoformat()"
    if kind.__name__ in {"datetime64", "timedelta64"}:
        return "use str()"
    if kind.__name__ == "DataFrame":
        return 'use its to_dict("records")'
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == ():
        return "use its item()"
    return "use its tolist()" if callable(getattr(kind, "tolist", None)) else "use str()"
