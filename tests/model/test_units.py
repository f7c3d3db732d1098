"""Sizes and durations as people type them."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.errors import DataError
from parbatch.model.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        (1073741824, 1073741824),
        ("512MB", 512 * 1024**2),
        ("512mb", 512 * 1024**2),
        ("512 MiB", 512 * 1024**2),
        ("1.5 GB", 1536 * 1024**2),
        ("2g", 2 * 1024**3),
        ("1T", 1024**4),
        (" 64 K ", 64 * 1024),
        ("10B", 10),
    ],
)
def test_a_size_is_a_number_with_a_unit_in_powers_of_1024(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "lots", "0", "0MB", "-1MB", "1.5.2GB", "12 parsecs", "MB", "1e9", "inf", "nan", True]
)
def test_what_is_no_size_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(DataError, match=r"^memory: .* is not a size\. Write .*512MB") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90),
        (1.5, 1.5),
        ("90", 90),
        ("250ms", 0.25),
        ("2m", 120),
        ("2 min", 120),
        ("8h", 28800),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("1d", 86400),
        ("1H", 3600),
        (" 5 ", 5),
    ],
)
def test_a_duration_is_seconds_or_numbers_with_units(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1h30", "5 lightyears", "h", "1..5", "nan", "inf", True, "1" * 60 + "!"]
)
def test_what_is_no_duration_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(DataError, match=r"^timeout: .* is not a duration\. Write seconds, or a unit") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", [0, "0", "0s", "0.0"])
def test_no_time_at_all_is_refused_with_the_way_to_have_no_limit(text: str | float) -> None:
    with pytest.raises(DataError, match="Leave it out for no limit"):
        parse_duration(text)


def test_the_message_names_the_option_that_was_given() -> None:
    with pytest.raises(DataError, match=r"^time budget: 'x'"):
        parse_duration("x", "time budget")


@given(st.one_of(st.text(), st.from_regex(re.compile(r"\s*\d+(\.\d+)?\s*[a-zA-Z]*.?"), fullmatch=True)))
def test_any_text_is_a_size_from_one_byte_or_a_data_error(text: str) -> None:
    with contextlib.suppress(DataError):
        assert parse_size(text) >= 1


@given(st.one_of(st.text(), st.from_regex(re.compile(r"(\d{1,4}(\.\d)? ?[smhd]?){1,4}"), fullmatch=True)))
def test_any_text_is_a_duration_above_zero_or_a_data_error(text: str) -> None:
    with contextlib.suppress(DataError):
        assert parse_duration(text) > 0


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "GB"])
def test_a_size_beyond_all_numbers_is_a_data_error_too(text: str) -> None:
    with pytest.raises(DataError):
        parse_size(text)


@given(st.integers(1, 10**6))
def test_whole_seconds_and_bytes_come_back_as_they_are(number: int) -> None:
    assert parse_size(number) == parse_size(str(number)) == number
    assert parse_duration(number) == parse_duration(f"{number}s") == number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.61, "0.6 s"), (42, "42.0 s"), (665, "11 min 05 s"), (3599.9, "1 h 00 min"), (7380, "2 h 03 min")],
)
def test_durations_are_shown_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1536, "1.5 KB"),
        (2 * 1024**3, "2.0 GB"),
        (5 * 1024**4, "5.0 TB"),
        (1024**5, "1024.0 TB"),
    ],
)
def test_sizes_are_shown_with_the_unit_that_fits(count: int, text: str) -> None:
    assert format_size(count) == text
