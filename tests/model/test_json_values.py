"""JSON values and nothing else."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import types
import uuid
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.model.json_values import NotJSONError, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


class Colour(str, enum.Enum):  # noqa: UP042 -- the older kind, whose str() is not its value
    RED = "red"


class Kind(enum.StrEnum):
    OLD = "old"


class Size(enum.IntEnum):
    BIG = 3


class Point(NamedTuple):
    x: int
    y: int


class Plain:
    def __repr__(self) -> str:
        return "<plain>"


@given(JSON)
def test_every_json_value_comes_back_as_it_was(value: Any) -> None:
    back = json.loads(encode(value, "data"))
    assert back == value
    assert json.dumps(back) == json.dumps(value)  # 1 and 1.0 and True are not the same here


def test_keys_stay_in_their_own_order() -> None:
    assert encode({"b": 1, "a": 2}, "data") == b'{"b":1,"a":2}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, (2, 3)), "[1,[2,3]]"),
        (collections.OrderedDict(a=1), '{"a":1}'),
        (types.MappingProxyType({"a": [1]}), '{"a":[1]}'),
        (Point(1, 2), "[1,2]"),
        (Size.BIG, "3"),
        (Kind.OLD, '"old"'),
        (Colour.RED, '"red"'),
        ({Colour.RED: Colour.RED}, '{"red":"red"}'),
    ],
)
def test_relatives_of_json_types_become_the_plain_ones(value: object, text: str) -> None:
    assert encode(value, "data").decode() == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (dt.date(2024, 1, 1), ["data", "datetime.date", "isoformat()"]),
        (
            {"when": [1, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]},
            ["data['when'][1]", "datetime.datetime", "isoformat()"],
        ),
        ({"tags": {1, 2}}, ["data['tags']", "set"]),
        ({"raw": b"x"}, ["data['raw']", "bytes"]),
        ([{"f": lambda: None}], ["data[0]['f']", "function"]),
        ({"path": pathlib.PurePosixPath("x")}, ["data['path']", "PurePosixPath"]),
        (Plain(), ["data", "Plain"]),
        ({1: "one"}, ["data", "key 1", "text"]),
        ({"a": {None: 1}}, ["data['a']", "key None"]),
        ({"x": math.nan}, ["data['x']", "nan", "None"]),
        ([math.inf], ["data[0]", "inf"]),
        ([10**5000], ["data"]),
        ("\ud800", ["data"]),
        ({"\ud800": 1}, ["data"]),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_place_and_type(value: object, words: list[str]) -> None:
    with pytest.raises(NotJSONError) as caught:
        encode(value, "data")
    assert all(word in str(caught.value) for word in words)


class Bare(enum.Enum):
    ONE = 1


@dataclasses.dataclass
class Place:
    x: int = 1


class Picture:
    def save(self, path: str) -> None:
        """Write a file."""


@pytest.mark.parametrize(
    ("value", "kind", "advice"),
    [
        (np.int64(3), "numpy.int64", "use its item()"),
        (np.float32(2), "numpy.float32", "use its item()"),
        (np.bool_(False), "numpy.bool", "use its item()"),
        (np.array([1, 2]), "numpy.ndarray", "use its tolist()"),
        (np.datetime64("2026-01-01"), "numpy.datetime64", "use str()"),
        (np.datetime64("NaT"), "numpy.datetime64", "it stands for a missing value: use None"),
        (decimal.Decimal("1.10"), "decimal.Decimal", "use str(), which keeps it exact, or float()"),
        (pathlib.Path("x"), "pathlib.PosixPath", "use str()"),
        (b"x", "bytes", "base64"),
        ({1}, "set", "use sorted()"),
        (dt.date(2026, 1, 1), "datetime.date", "use its isoformat()"),
        (dt.timedelta(1), "datetime.timedelta", "use its total_seconds()"),
        (Bare.ONE, "Bare", "use its value"),
        (uuid.UUID(int=1), "uuid.UUID", "use str()"),
        (iter([1]), "list_iterator", "use list()"),
        (Place(), "Place", "use dataclasses.asdict()"),
        (Picture(), "Picture", "save it in ctx.dir"),
        (len, "builtin_function_or_method", "is a call, (), missing?"),
        (ValueError("x"), "ValueError", "use str(), or raise it"),
    ],
)
def test_what_json_cannot_hold_is_told_with_how_to_write_it(value: object, kind: str, advice: str) -> None:
    with pytest.raises(NotJSONError) as caught:
        encode({"due": [value]}, "data")
    assert str(caught.value).startswith("data['due'][0] is of type ")
    assert kind in str(caught.value)
    assert advice in str(caught.value).partition("can't hold; ")[2]


@pytest.mark.parametrize(
    ("name", "advice"),
    [("NaTType", "use None"), ("NAType", "use None"), ("Timestamp", "use its isoformat()"),
     ("DataFrame", 'use its to_dict("records")'), ("Series", "use its tolist()"), ("Period", "use str()")],
)  # fmt: skip
def test_values_of_pandas_are_known_by_their_names(name: str, advice: str) -> None:
    members = {"__module__": "pandas.core", "isoformat": str, **({"tolist": list} if name == "Series" else {})}
    with pytest.raises(NotJSONError) as caught:
        encode([type(name, (), members)()], "the returned value")
    assert str(caught.value).startswith(f"the returned value[0] is of type pandas.core.{name}")
    assert advice in str(caught.value)


@pytest.mark.parametrize("levels", [1_500, 100_000])
def test_nesting_without_end_is_an_error_and_not_a_crash(levels: int) -> None:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    with pytest.raises(NotJSONError, match="nested too deeply"):
        encode(value, "data")
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(NotJSONError, match="nested too deeply"):
        encode(circle, "data")
