"""The item that a person names."""

import pytest

from parbatch.errors import SelectionError
from parbatch.model.lookup import find

PEOPLE = [("ada", "Ada Lovelace"), ("bob", "Robert"), ("BOB", "Bobby"), ("cyd", "Ada Lovelace"), ("dee", "ada")]


@pytest.mark.parametrize(("asked", "found"), [("ada", "ada"), ("ADA", "ada"), ("robert", "bob"), ("BOB", "BOB")])
def test_an_id_goes_before_a_name_and_the_exact_case_before_another(asked: str, found: str) -> None:
    assert find(asked, iter(PEOPLE)) == found


@pytest.mark.parametrize(("asked", "words"), [("Bob", "bob, BOB."), ("ada lovelace", "2 items are called")])
def test_where_several_are_meant_their_ids_are_named(asked: str, words: str) -> None:
    with pytest.raises(SelectionError) as caught:
        find(asked, PEOPLE)
    assert words in str(caught.value)


def test_of_very_many_only_a_few_are_named() -> None:
    with pytest.raises(SelectionError, match=r"900 items are called 'x'.*: 0, 1, 2, 3, 4, … and 895 more\."):
        find("x", ((str(number), "X") for number in range(900)))


def test_what_is_close_is_named_where_there_is_none() -> None:
    with pytest.raises(SelectionError, match=r"No item is called 'bobbi'\. Close to it: BOB"):
        find("bobbi", PEOPLE)
    with pytest.raises(SelectionError, match=r"No item is called 'zzz'\.$"):
        find("zzz", PEOPLE)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("00", "No item is called '00'. The first are: 1, 2, 3."),
        ("007", "Close to it: 7."),
        ("29", "No item is called '29'. Close to it: 290, 291, 292."),
    ],
)
def test_a_number_is_close_to_its_own_value_and_to_what_begins_so(asked: str, words: str) -> None:
    numbers = [(str(number), str(number)) for number in range(1, 301) if number != 29]
    with pytest.raises(SelectionError) as caught:
        find(asked, numbers)
    assert words in str(caught.value)
    with pytest.raises(SelectionError, match=r"Close to it: 001, 002, 003\."):
        find("00", [(f"{number:03d}", "") for number in range(1, 301)])
