r"""Characters that XML can't hold, found in an item's data, named, or dropped.

XML 1.0 allows tab, line feed, carriage return and everything from U+0020 on except surrogates, U+FFFE and
U+FFFF (section 2.2). `lxml` refuses the rest with a ValueError that names neither the text nor where it came
from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

#: Fields named in a message; the rest are counted.
_NAMED = 5


def clean_text(text: str) -> str:
    """Return `text` without the characters that XML forbids; all others stay, tabs and line breaks among
    them.
    """
    return _FORBIDDEN.sub("", text)


def first_forbidden(text: str) -> str | None:
    """Return the first character of `text` that XML forbids, or None."""
    match = _FORBIDDEN.search(text)
    return match.group() if match else None


def find_forbidden(data: Any) -> list[tuple[str, str]]:
    """Return where in JSON values characters are that XML forbids: pairs of a path such as `rows[3].name` and
    the character.

    Keys are looked at as well as values; only the first such character of a text is given. Anything that is
    no dict, list, tuple or str is left out.
    """
    return list(_walk(data, ""))


def explain_forbidden(error: BaseException, data: Any) -> str | None:
    """Return which fields of an item's `data` made lxml raise `error`, and what to do; None if that was not
    the reason.
    """
    surrogate = isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason
    if not surrogate and not (isinstance(error, ValueError) and "XML compatible" in str(error)):
        return None
    found = find_forbidden(data)
    if not found:
        return None
    fields = [f"{path or 'the data itself'} has U+{ord(character):04X}" for path, character in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return (
        f"XML can't hold some characters of this item's data: {', '.join(fields)}{more}. "
        "Correct the data, or drop them with parbatch.docx.clean_text()"
    )


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        character = first_forbidden(value)
        if character is not None:
            yield path, character
    elif isinstance(value, dict):
        for key, inner in value.items():
            place = _joined(path, str(key))
            if isinstance(key, str):
                yield from ((f"key {place}", character) for _, character in _walk(key, ""))
            yield from _walk(inner, place)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{number}]")


def _joined(path: str, key: str) -> str:
    if not key.isidentifier():
        return f"{path}[{key!r}]"
    return f"{path}.{key}" if path else key
