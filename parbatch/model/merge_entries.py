"""Entries of a merged file: the ways to put results together, and what a job's own merge function yields.

Job files and workers import it, so it stays light; the engine writes the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parbatch.errors import MergeError
from parbatch.model.json_values import encode

# "object": all keys in one object; "array": an element an item; "lines": a line of JSON an item.
HOW = ("object", "array", "lines")

# What a worker calls the file with the entries that a job's own function yields.
ENTRIES = "entries.jsonl"


def file_name(how: str) -> str:
    """Return the name of the merged file in the output folder."""
    return "merged.jsonl" if how == "lines" else "merged.json"


def entries(values: Any, how: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a job's merge function returned or yields, as pairs for `merge_writer.merge`, read as they are needed.

    For "object" these are `(key, value)` pairs or mappings, and a mapping returned is taken as a whole; otherwise JSON
    values. In errors they are called entry 1, entry 2 and so on. None is left out, as an item without a result is.
    Raises MergeError for what is of another form, NotJSONError for what JSON can't hold.
    """
    if how == "object" and isinstance(values, Mapping):
        values = [values]
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise MergeError(f"the merge function returned {_described(values)}; {_WANTED[how]}")
    for number, value in enumerate(values, start=1):
        name = f"entry {number}"
        yield name, encode(_member(value, name) if how == "object" else value, f"{name} of the merge function")


_WANTED = {
    "object": "return or yield (key, value) pairs or mappings",
    "array": "return or yield a value for each element",
    "lines": "return or yield a value for each line",
}


def _member(value: object, name: str) -> object:
    """Return what goes into the object: a mapping, or the one that a pair stands for."""
    if value is None or isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return {value[0]: value[1]}
    raise MergeError(f"the merge function gave {_described(value)} as {name}; {_WANTED['object']}")


def _described(value: object) -> str:
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    return "None" if value is None else f"{shown} ({type(value).__name__})"
