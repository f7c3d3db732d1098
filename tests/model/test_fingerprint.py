"""Failures that are one problem have one fingerprint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.model.fingerprint import fingerprint, general
from parbatch.model.outcome import Status
from parbatch.model.problem import Evidence


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
        ("lost 3 % of it", "lost 99.5 % of it"),
        ("balance is -5", "balance is 1_000"),
        ("a drift of 1e-05", "a drift of 2.5E+10"),
        ("token 3f2a9c77", "token 00417792"),
        ("commit 3f2a9c77deadbeef", "commit abcdefabcdefabcd"),
        ("key 123E4567-E89B-12D3-A456-426614174000", "key 123e4567-e89b-12d3-a456-42661417400a"),
        ("order AB12CD is closed", "order XY9Q77 is closed"),
        ("video dQw4w9WgXcQ", "video 9bZkp7q19f0"),
        (r"no C:\Users\ada\in.csv.", r"no D:\x\y\z.docx."),
        (r"no \\server\share\a.csv", r"no \\other\b\c\d.csv"),
        ("no C:/data/a.csv", "no E:/b.csv"),
        ("no data/in/a.csv here", "no x/b.txt here"),
        ("no ../a/b here", "no ~/x here"),
        ("get https://a.example/x?id=3&y=z failed", "get http://b.example:8080/ failed"),
        ("mail to ada@example.org bounced", "mail to bob.b+x@mail.example.com bounced"),
        ("at 2026-11-24 16:09:28,123 it ended", "at 2026-01-02T03:04Z it ended"),
        ("at Tue Nov 24 16:09:28 UTC 2026 it ended", "at Wed Jan  7 03:04:05 CET 2027 it ended"),
        ("on 24 November 2026", "on 1 May 2027"),
        ("on Nov 3rd, 2026", "on March 21, 2027"),
        ("on Tue, 24 Nov 2026 16:09:28 +0000", "on Fri, 1 Jan 2027 00:00:00 -0500"),
        ("on 24.12.2026", "on 1/2/27"),
        ("at 4:09 PM", "at 16:09:28.5"),
        ("wrote 3 KB", "wrote 1.5 GiB"),
        ("wrote 512 bytes", "wrote 1 byte"),
        ("the 3rd row", "the 22nd row"),
        ("host 10.0.0.1 is down", "host 192.168.17.4 is down"),
        ("host fe80::1:2 is down", "host 2001:db8:0:0:1::7 is down"),
        ("no customer 'Ada Lovelace'", "no customer 'Bob'"),
        ('no customer "Ada"', 'no customer "O\'Neil, B."'),
        ("no customer “Ada”", "no customer “Zoë”"),
        ("[Errno 2] No such file or directory: 'a b.csv'", "[Errno 2] No such file or directory: 'c.csv'"),
        (
            "maximum recursion depth exceeded while calling a Python object; endless calls: f",
            "maximum recursion depth exceeded in comparison; endless calls: f",
        ),
    ],
)
def test_what_is_particular_to_an_item_makes_no_difference(one: str, other: str) -> None:
    assert of(one) == of(other), (general(one, "item-1", "X"), general(other, "item-1", "X"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("can't read Bob's letter", "can't send Bob's letter"),
        ("input and/or output", "input and/or log"),
        ("the city is missing", "the street is missing"),
        ("value may be negative", "value may be positive"),
        ("deadline passed", "decade passed"),
        ("code: a", "code: b"),
    ],
)
def test_other_words_are_another_problem(one: str, other: str) -> None:
    assert of(one) != of(other)


def test_names_from_the_code_are_no_particulars() -> None:
    assert of("no attribute 'city'", kind="AttributeError") != of("no attribute 'town'", kind="AttributeError")
    assert of("'city'", kind="KeyError") == of("'town'", kind="KeyError"), "a key can be anything in the data"


def test_the_same_message_from_two_lines_is_two_problems() -> None:
    first, second = (Evidence(type="E", message="no", place="a.py:f", line=line) for line in (3, 7))
    assert fingerprint("failed", first, "i", "i") != fingerprint("failed", second, "i", "i")


def test_where_an_attempt_was_when_its_time_was_up_is_chance() -> None:
    first, second = (Evidence(type="E", message="no", place=f"a.py:{name}", line=3) for name in "fg")
    assert fingerprint("timeout", first, "i", "i") == fingerprint("timeout", second, "i", "i")
    assert fingerprint("crashed", first, "i", "i") != fingerprint("crashed", second, "i", "i")


def test_an_id_that_is_a_word_as_well_leaves_the_message_alone() -> None:
    assert of("not a number", "a") == of("not a number", "bob")


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
