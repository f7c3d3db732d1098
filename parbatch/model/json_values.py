"""JSON values and nothing else: what items carry, what renders return, what the checkpoint keeps.

msgspec would quietly turn dates, sets or bytes into text, and NaN into null; a reader would then get something
else than the writer had. So a value is checked first, and what JSON can't hold is an error that says where it is.
"""

import math
from collections.abc import Mapping
from typing import cast

import msgspec

from parbatch.model.json_advice import advice_for

# Who reads it, in another process or later, may be called from deep within other code, and has a stack that is bounded.
MOST_NESTED = 256

_encoder = msgspec.json.Encoder()
_PLAIN = frozenset({str, int, bool, type(None)})


# What reading JSON that somebody else has written can raise.
NOT_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)


class NotJSONError(ValueError):
    """A value that JSON can't hold: the message names the place and the type."""


def encode(value: object, what: str) -> bytes:
    """Return the JSON text of `value`, in UTF-8, keys in their own order; `what` names the value in errors.

    Raises NotJSONError for values that are not JSON (tuples count as lists).
    """
    try:
        if not _is_plain(value, MOST_NESTED):
            value = _plain(value, what)
            _is_plain(value, MOST_NESTED)
        return _encoder.encode(value)
    except NotJSONError:
        raise
    except (UnicodeEncodeError, OverflowError, ValueError) as error:
        raise NotJSONError(f"{what} can't be written as JSON: {error}") from None
    except RecursionError:
        raise NotJSONError(f"{what} is nested too deeply for JSON: more than {MOST_NESTED} levels") from None


def _is_plain(value: object, depth: int) -> bool:
    """Tell whether a value is made of the plain types alone, so that it can be encoded as it is: the usual case, quick.

    Raises RecursionError where it is nested deeper than that.
    """
    kind = type(value)
    if depth < 0:
        raise RecursionError
    if kind is dict:
        for key, part in cast("dict[object, object]", value).items():
            if type(key) is not str or (type(part) not in _PLAIN and not _is_plain(part, depth - 1)):
                return False
        return True
    if kind is list or kind is tuple:
        return all(type(part) in _PLAIN or _is_plain(part, depth - 1) for part in cast("list[object]", value))
    return kind in _PLAIN or (kind is float and math.isfinite(cast("float", value)))


def _plain(value: object, place: str) -> object:
    """Return the value itself, or the same in the plain types that the encoder takes."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        pairs = cast("dict[object, object]", value).items()
        return {_key(key, place): _plain(part, f"{place}[{key!r}]") for key, part in pairs}
    if kind is list or kind is tuple:
        parts = cast("list[object]", value)
        return [_plain(part, f"{place}[{index}]") for index, part in enumerate(parts)]
    return _unusual(value, place)


def _unusual(value: object, place: str) -> object:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJSONError(f"{place} is {float(value)}, which JSON can't hold; use None")
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)  # str() of an enumeration's member is its name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return _plain(dict(value), place)
    if isinstance(value, (list, tuple)):
        return _plain(list(value), place)
    advice = advice_for(value)
    raise NotJSONError(f"{place} is of type {_type_name(value)}, which JSON can't hold{'; ' * bool(advice)}{advice}")


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        raise NotJSONError(f"{place} has the key {key!r}; JSON keys are text: use str()")
    return str.__str__(key)


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
