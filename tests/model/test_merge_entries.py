"""What a job's own merge function yields, as pairs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from parbatch.errors import MergeError
from parbatch.model.json_values import NotJSONError
from parbatch.model.merge_entries import HOW, entries, file_name


def test_a_file_of_lines_is_named_as_one() -> None:
    assert [file_name(how) for how in HOW] == ["merged.json", "merged.json", "merged.jsonl"]


@pytest.mark.parametrize("how", ["array", "lines"])
def test_values_become_entries_in_their_order(how: str) -> None:
    given = [{"a": 1}, "text", (1, 2), None, 0]
    assert list(entries(given, how)) == [
        ("entry 1", b'{"a":1}'),
        ("entry 2", b'"text"'),
        ("entry 3", b"[1,2]"),
        ("entry 4", b"null"),
        ("entry 5", b"0"),
    ]


def test_an_object_is_made_of_pairs_and_of_mappings() -> None:
    assert [json.loads(text) for _, text in entries([("a", 1), {"b": 2, "c": [3]}, None], "object")] == [
        {"a": 1},
        {"b": 2, "c": [3]},
        None,
    ]


def test_a_mapping_that_is_returned_is_the_object() -> None:
    assert list(entries({"a": 1, "b": 2}, "object")) == [("entry 1", b'{"a":1,"b":2}')]


def test_entries_are_read_as_they_are_needed() -> None:
    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield (number := number + 1)

    read = entries(endless(), "lines")
    assert [next(read), next(read)] == [("entry 1", b"1"), ("entry 2", b"2")]


@pytest.mark.parametrize(
    ("returned", "how", "said"),
    [
        (None, "lines", "the merge function returned None; return or yield a value for each line"),
        (3, "array", r"the merge function returned 3 \(int\); return or yield a value for each element"),
        ("text", "lines", r"returned 'text' \(str\)"),
        ({"a": 1}, "array", r"returned {'a': 1} \(dict\)"),
        ([("a", 1), ["b", 2]], "object", r"gave \['b', 2\] \(list\) as entry 2; return or yield \(key, value\) pairs"),
        (["ab"], "object", r"gave 'ab' \(str\) as entry 1"),
        ([("a", "b", "c")], "object", r"gave \('a', 'b', 'c'\) \(tuple\) as entry 1"),
        (["x" * 1000], "object", r"gave 'x{58}… \(str\) as entry 1"),
    ],
)
def test_what_is_of_another_form_is_an_error_that_names_it(returned: Any, how: str, said: str) -> None:
    with pytest.raises(MergeError, match=said):
        list(entries(returned, how))


@pytest.mark.parametrize(
    ("returned", "how", "said"),
    [
        ([1, {"a": {2}}], "lines", r"entry 2 of the merge function\['a'\] is of type set"),
        ([("a", 1), (2, 2)], "object", "entry 2 of the merge function has the key 2; JSON keys are text"),
    ],
)
def test_what_json_cannot_hold_is_an_error_that_names_the_entry(returned: Any, how: str, said: str) -> None:
    with pytest.raises(NotJSONError, match=said):
        list(entries(returned, how))
