"""Failures that are one problem have one fingerprint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.fingerprint import fingerprint, general
from parbatch.model import Evidence, Status


def of(
    message: str, item: str = "item-1", *, status: Status = "failed", kind: str = "ValueError", place: str = "a.py:f"
) -> str:
    return fingerprint(status, Evidence(type=kind, message=message, place=place), item, item.upper())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("row 17 is empty", "row 4,711 is empty"),
        ("no file /data/in/a.csv", "no file /data/in/b.csv"),
        (r"no file C:\data\a.csv", r"no file D:\other\b.csv"),
        ("born 1815-12-10", "born 2001-01-02T03:04:05Z"),
        ("object at 0x7f001", "object at 0x7fABC"),
        ("key 123e4567-e89b-12d3-a456-426614174000", "key 00000000-0000-0000-0000-000000000000"),
        ("took 1.5 s", "took 22.75 s"),
    ],
)
def test_numbers_paths_dates_addresses_and_uuids_make_no_difference(one: str, other: str) -> None:
    assert of(one) == of(other)


def test_the_items_own_id_and_name_make_no_difference() -> None:
    assert of("no city for ada", "ada") == of("no city for bob", "bob")
    assert of("no city for ADA", "ada") == of("no city for BOB", "bob")
    assert of("no city for x.y*", "x.y*") == of("no city for a(b", "a(b")


def test_an_id_inside_a_word_is_left_alone() -> None:
    assert general("the canada list", "ada", "Ada") == "the canada list"


def test_status_type_place_and_words_make_a_difference() -> None:
    plain = of("no such city")
    others = [
        of("no such street"),
        of("no such city", status="invalid"),
        of("no such city", kind="KeyError"),
        of("no such city", place="a.py:g"),
    ]
    assert len({plain, *others}) == 5


def test_a_number_that_is_an_items_id_is_a_number_like_any_other() -> None:
    assert of("expected 3 columns", "3") == of("expected 3 columns", "4")


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_any_message_has_a_fingerprint_of_eight_digits(message: str, item_id: str, name: str) -> None:
    found = fingerprint("failed", Evidence(type="E", message=message), item_id, name)
    assert len(found) == 8
    assert int(found, 16) >= 0
