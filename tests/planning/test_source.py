"""The job's items as rows, each checked, and what is wrong with one in words."""

from collections.abc import Iterator
from typing import Any

import pytest

from parbatch import Item
from parbatch.errors import DataError, JobError
from parbatch.planning.source import rows
from tests.support import make_job

# --- what an item has to be


def test_an_item_a_mapping_with_data_and_a_plain_row_say_the_same() -> None:
    given: list[Any] = [
        Item(id="a", name="Ada", group="x", data={"n": 1}, requires=("logo",)),
        {"id": "a", "name": "Ada", "group": "x", "data": {"n": 1}, "requires": ["logo"]},
    ]
    assert [*rows(make_job(given))] == [("a", "Ada", "x", '{"n":1}', '["logo"]', 0)] * 2


def test_a_mapping_without_data_is_a_row_of_data_with_an_id_in_it() -> None:
    assert [*rows(make_job([{"id": "a", "city": "Paris"}]))] == [("a", "a", "", '{"id":"a","city":"Paris"}', None, 0)]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "Ada"}, ["Item 2 has no id", "it has: name", "stable between runs"]),
        ({}, ["Item 2 has no id", "it has: nothing"]),
        ({"id": ""}, ["Item 2 has an empty id"]),
        ({"id": 5}, ["Item 2", "its id is 5, of type int", "has to be text", "id=str(…)"]),
        ({"id": None}, ["its id is None, of type NoneType"]),
        (Item(id=7), ["its id is 7, of type int"]),  # type: ignore[arg-type]
        (Item(id="a", name=7), ["its name is 7"]),  # type: ignore[arg-type]
        (Item(id="a", group=7), ["its group is 7"]),  # type: ignore[arg-type]
        ("ada", ["Item 2 is of type str", "mappings with an id"]),
        (None, ["Item 2 is of type NoneType"]),
        (("a", 1), ["Item 2 is of type tuple"]),
        ({"id": "a", "data": {}, "colour": 1}, ["Item 2 ('a')", "fields that items don't have: colour"]),
        (Item(id="a", data={"f": len}), ["Item 'a': data['f']", "builtin_function_or_method", "JSON values only"]),
        ({"id": "a", "when": {1, 2}}, ["Item 'a': data['when'] is of type set"]),
        (Item(id="a", data=float("nan")), ["Item 'a': data is nan"]),
        (Item(id="\ud800"), ["Item 2", "not valid text"]),
        (Item(id="a", requires=5), ["Item 'a'", "requires", "5"]),  # type: ignore[arg-type]
        (Item(id="a", requires="logo"), ["Item 'a'", "requires", "'logo'"]),  # type: ignore[arg-type]
        (Item(id="a", requires=(5,)), ["Item 'a'", "requires", "5"]),  # type: ignore[arg-type]
    ],
)
def test_an_item_that_cannot_be_one_is_named_with_what_to_do(item: object, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        list(rows(make_job([{"id": "first"}, item])))  # type: ignore[list-item]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_items_function_that_fails_midway_is_named_with_its_line() -> None:
    def people() -> Iterator[Item]:
        yield Item(id="a")
        yield Item(id="b")
        raise OSError("the table is gone")

    words = r"its items function failed after 2 items at .*test_source\.py:\d+: OSError: the table is gone"
    with pytest.raises(JobError, match=words):
        list(rows(make_job(people)))


def test_an_items_function_that_fails_at_once_or_gives_up_the_process_is_named_too() -> None:
    def no_table() -> Any:
        raise LookupError("no table")

    def gives_up() -> Any:
        raise SystemExit(0)

    for function, words in ((no_table, "LookupError: no table"), (gives_up, "SystemExit: 0")):
        with pytest.raises(JobError, match=f"failed after 0 items at .*{words}"):
            list(rows(make_job(function)))
