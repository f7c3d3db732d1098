"""Merged results: the bytes that a straightforward implementation gives, in little memory."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.engine.products.merge_writer import merge
from parbatch.errors import MergeError
from parbatch.model.json_values import encode
from parbatch.model.merge_entries import HOW, entries

TEXT = st.text(st.characters(codec="utf-8"))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


def merged(results: list[Any], how: str) -> bytes:
    file = io.BytesIO()
    pairs = [(f"i{number}", encode(result, "the result")) for number, result in enumerate(results)]
    count = merge(pairs, how, file)
    text = file.getvalue()
    brackets = 0 if how == "lines" else 2
    assert text.count(b"\n") == (count + brackets if count else min(brackets, 1))
    return text


@given(st.lists(VALUE))
def test_an_array_has_an_element_and_lines_have_a_line_for_each_result(results: list[Any]) -> None:
    there = [result for result in results if result is not None]
    assert json.loads(merged(results, "array")) == there
    assert [json.loads(line) for line in merged(results, "lines").split(b"\n")[:-1]] == there


@given(st.dictionaries(TEXT, VALUE), st.data())
def test_an_object_has_the_keys_of_all_results_in_their_order(whole: dict[str, Any], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))))
    members = list(whole.items())
    parts: list[Any] = [dict(members[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    text = merged([*parts, None], "object")
    assert list(json.loads(text).items()) == members


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(), max_size=2), max_size=6))
def test_two_results_with_one_key_are_an_error_that_names_it_and_both_items(results: list[dict[str, int]]) -> None:
    clashing = [f"the key {key!r} is given by i{first} and by i{second};" for key, first, second in clashes(results)]
    if not clashing:
        assert json.loads(merged(results, "object")) == {key: n for result in results for key, n in result.items()}
        return
    with pytest.raises(MergeError) as caught:
        merged(results, "object")
    assert any(str(caught.value).startswith(said) for said in clashing)


def clashes(results: list[dict[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Each key that several give, with the first two of these."""
    for key in "abcdef":
        givers = [number for number, result in enumerate(results) if key in result]
        if len(givers) > 1:
            yield key, givers[0], givers[1]


@pytest.mark.parametrize(
    ("result", "kind"), [([1], "an array"), ("a", "text"), (1, "a number"), (True, "true"), (-1, "a number")]
)
def test_in_an_object_a_result_that_is_none_is_an_error_that_names_the_item(result: Any, kind: str) -> None:
    with pytest.raises(MergeError, match=f"the result of i1 is {kind}, not an object"):
        merged([{"a": 1}, result], "object")


def test_the_merged_file_has_a_line_for_each_element_and_member() -> None:
    results = [{"ä": [1, 2]}, None, {"b": {"c": None}}]
    assert merged(results, "array").decode() == '[\n  {"ä":[1,2]},\n  {"b":{"c":null}}\n]\n'
    assert merged(results, "object").decode() == '{\n  "ä": [1,2],\n  "b": {"c":null}\n}\n'
    assert merged(results, "lines").decode() == '{"ä":[1,2]}\n{"b":{"c":null}}\n'


def test_nothing_merged_is_an_empty_array_an_empty_object_or_an_empty_file() -> None:
    assert [merged([None], how) for how in HOW] == [b"{}\n", b"[]\n", b""]


def test_what_a_merge_function_yields_is_merged_in_the_same_way() -> None:
    file = io.BytesIO()
    assert merge(entries(iter([("a", 1), {"b": 2}]), "object"), "object", file) == 2
    assert file.getvalue() == b'{\n  "a": 1,\n  "b": 2\n}\n'
    with pytest.raises(MergeError, match="the key 'a' is given by entry 1 and by entry 3"):
        merge(entries([("a", 1), ("b", 1), ("a", 2)], "object"), "object", io.BytesIO())


@pytest.mark.parametrize("how", HOW)
def test_memory_does_not_grow_with_the_number_of_results(how: str, tmp_path: Path) -> None:
    def results(count: int) -> Iterator[tuple[str, bytes]]:
        return ((f"i{number}", b'{"k%d":{"n":%d}}' % (number, number)) for number in range(count))

    def peak(count: int) -> int:
        with (tmp_path / "merged").open("wb") as file:
            tracemalloc.start()
            try:
                assert merge(results(count), how, file) == count
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(10)
    assert peak(20_000) < peak(200) + 50_000
