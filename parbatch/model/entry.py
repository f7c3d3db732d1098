"""Shared entries as values: what a job's context function yields, how contents become bytes, and the index of them.

Contents are text, bytes, JSON values or NumPy arrays, and each is kept as plain bytes; nothing is ever pickled.
Planning stores them, workers read them; where the files lie is not known here.
"""

import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from parbatch.errors import DataError
from parbatch.model.json_values import NotJSONError, encode

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["text", "bytes", "json", "array"]


class Entry(msgspec.Struct, frozen=True, eq=False):
    """Something large that many items need.

    `id` is unique in the job; `content` is text, bytes, a JSON value or a NumPy array. `type`, `source` and `summary`
    are texts for people and for searching; `tokens` is how many the content has, where that is counted.
    """

    id: str
    content: Any
    type: str = "file"
    source: str = ""
    summary: str = ""
    tokens: int | None = None


class Summary(msgspec.Struct, frozen=True):
    """What is known of an entry without its content. `size` is in bytes as kept, `layout` the dtype and shape of an
    array, `digest` that of the content, its kind and layout, and the name of its file.
    """

    id: str
    digest: str
    kind: Kind
    layout: str
    type: str
    source: str
    summary: str
    tokens: int | None
    size: int


class Stored(NamedTuple):
    """A content as bytes, with what has to be known to read it."""

    kind: Kind
    layout: str
    data: bytes | bytearray | memoryview
    size: int


def checked(given: object, number: int) -> tuple[Summary, Stored]:
    """Return an entry as the store takes it. `number` counts from 1. Raises DataError that names the entry."""
    if not isinstance(given, Entry):
        raise DataError(f"Entry {number} is of type {type(given).__name__}; yield parbatch.Entry(id, content).")
    if not isinstance(given.id, str) or not given.id:
        raise DataError(f"Entry {number}: its id is {given.id!r}; it has to be text, and not empty.")
    for field in ("id", "type", "source", "summary"):
        _check_text(given, field)
    if "\0" in given.id:  # SQLite's JSON functions, which match requires with entries, end a text there
        raise DataError(f"Entry {given.id!r}: its id has a NUL character. Leave that out.")
    tokens = given.tokens
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0):
        raise DataError(f"Entry {given.id!r}: tokens is {tokens!r}; it has to be a whole number from 0, or None.")
    stored = _stored(given)
    summary = Summary(
        id=given.id,
        digest=digest_of_content(stored.kind, stored.layout, [stored.data]),
        kind=stored.kind,
        layout=stored.layout,
        type=given.type,
        source=given.source,
        summary=given.summary,
        tokens=tokens,
        size=stored.size,
    )
    return summary, stored


def digest_of_content(kind: str, layout: str, pieces: Iterable[bytes | bytearray | memoryview]) -> str:
    """Return the BLAKE2b digest of a content in pieces, its kind and layout: 16 bytes in hexadecimal."""
    digest = blake2b(f"{kind} {layout}\n".encode(), digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _check_text(entry: Entry, field: str) -> None:
    value = getattr(entry, field)
    try:
        value.encode()
    except AttributeError:
        raise DataError(f"Entry {entry.id!r}: its {field} is {value!r}; it has to be text.") from None
    except UnicodeEncodeError:
        raise DataError(f"Entry {entry.id!r}: its {field} is not valid text: {value!r}.") from None


def _stored(entry: Entry) -> Stored:
    content = entry.content
    if isinstance(content, str):
        try:
            text = content.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"Entry {entry.id!r}: its content is not valid text: {error}.") from None
        return Stored("text", "", text, len(text))
    if isinstance(content, (bytes, bytearray)):
        return Stored("bytes", "", content, len(content))
    if isinstance(content, memoryview):
        return Stored("bytes", "", content.tobytes(), content.nbytes)
    numpy = sys.modules.get("numpy")  # whoever yields an array has imported it
    if numpy is not None and isinstance(content, (numpy.ndarray, numpy.generic)):
        return _stored_array(entry.id, numpy.asarray(content), numpy)
    try:
        data = encode(content, "its content")
    except NotJSONError as error:
        raise DataError(
            f"Entry {entry.id!r}: {error}. Contents are text, bytes, JSON values or NumPy arrays."
        ) from None
    return Stored("json", "", data, len(data))


def _stored_array(entry_id: str, array: "np.ndarray[Any, Any]", numpy: Any) -> Stored:
    dtype = array.dtype
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise DataError(
            f"Entry {entry_id!r}: an array of dtype {dtype} can't be kept as plain bytes. Use numbers, dates or text"
            " of fixed length, an entry for each field."
        )
    layout = " ".join((dtype.str, *map(str, array.shape)))
    # As bytes: not every dtype has a buffer of its own.
    data = memoryview(numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)) if array.nbytes else b""
    return Stored("array", layout, data, array.nbytes)


def decoded(summary: Summary, view: memoryview) -> Any:
    """Return the content again, from a view of its bytes; bytes and arrays are read-only views themselves."""
    match summary.kind:
        case "text":
            return str(view, "utf-8")
        case "json":
            return msgspec.json.decode(view)
        case "bytes":
            return view
        case "array":
            import numpy as np  # noqa: PLC0415 -- only for those who use it

            dtype, *shape = summary.layout.split(" ")
            return np.frombuffer(view, dtype).reshape([int(length) for length in shape])


def read_index(lines: Iterable[bytes]) -> Iterator[Summary]:
    """Yield the summaries in an index: lines of JSON."""
    decoder = msgspec.json.Decoder(Summary)
    for line in lines:
        yield decoder.decode(line)


def matches(summary: Summary, text: str) -> bool:
    """Tell whether a text is in an entry's id, type, source or summary; upper and lower case are the same."""
    wanted = text.casefold()
    return any(wanted in part.casefold() for part in (summary.id, summary.type, summary.source, summary.summary))
