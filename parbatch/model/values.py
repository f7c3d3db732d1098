"""Checks of single values that a job or a person gives: each returns the value as it is used, or raises DataError.

Used by jobs and run options. Sizes and durations are in `units`.
"""

from collections.abc import Sequence

from parbatch.errors import DataError

# How items are rendered, and the module that does it.
BACKENDS = {
    "loky": "parbatch.dispatch.backends.loky",
    "inline": "parbatch.dispatch.backends.inline",
}
# How progress is shown.
MODES = ("auto", "bar", "lines", "none")


def chunk_size_of(value: int | str) -> int | None:
    """Return the number of items a chunk, or None for `auto`. Raises DataError."""
    if value == "auto":
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise DataError(f"chunk size: {value!r} is neither a number of items from 1 nor auto.")
    return int(text)


def one_of(value: str | None, what: str, names: Sequence[str]) -> str | None:
    """Return the value, if it is None or one of the names. Raises DataError otherwise."""
    if value is not None and value not in names:
        raise DataError(f"{what}: {value!r} is not one of {', '.join(names)}.")
    return value


def positive(value: int, what: str) -> int:
    """Return the value, if it is a whole number from 1. Raises DataError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DataError(f"{what}: {value!r} is not a whole number from 1.")
    return value


def check_mode(mode: str) -> None:
    """Raise DataError for a way of showing progress that there is not."""
    one_of(mode, "progress", MODES)
