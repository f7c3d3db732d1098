"""JSON values and nothing else."""

import collections
import datetime as dt
import enum
import json
import math
import pathlib
import types
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.jsonvalues import NotJSONError, encode

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
