"""Entries as values: contents to bytes and back, and what can't be kept."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch import Entry
from parbatch.errors import DataError
from parbatch.model.entry import checked, decoded, matches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=10,
)


def again(content: Any) -> Any:
    summary, stored = checked(Entry("e", content), 1)
    assert summary.size == len(stored.data)
    return decoded(summary, memoryview(bytes(stored.data)))  # as a file is: not to be written to


@given(st.text() | JSON)
def test_text_and_json_are_what_they_were(content: Any) -> None:
    assert again(content) == content


@given(st.binary())
def test_bytes_are_what_they_were(content: bytes) -> None:
    assert again(content) == content
    assert again(bytearray(content)) == content
    assert again(memoryview(content)) == content


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype="<f4").reshape(3, 4),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(10)[::3],
        np.array(7, dtype=">i2"),
        np.zeros((0, 3)),
        np.array(["2026-01-01"], dtype="M8[D]"),
        np.array(["ada", "bob"]),
        np.float64(0.5),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_are_what_they_were_and_can_not_be_written_to(array: Any) -> None:
    found = again(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
    if found.size:
        assert not found.flags.writeable


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"id": "a"}, ["Entry 3 is of type dict", "parbatch.Entry"]),
        (Entry("", "x"), ["Entry 3", "its id is ''"]),
        (Entry(5, "x"), ["Entry 3", "its id is 5"]),  # type: ignore[arg-type]
        (Entry("a\0b", "x"), ["Entry 'a\\x00b'", "NUL"]),
        (Entry("a", object()), ["Entry 'a'", "object", "NumPy"]),
        (Entry("a", {"x": float("nan")}), ["Entry 'a'", "['x']", "nan"]),
        (Entry("a", "\ud800"), ["Entry 'a'", "not valid text"]),
        (Entry("a", np.array([object()])), ["Entry 'a'", "dtype object"]),
        (Entry("a", np.zeros(2, dtype="i4,f8")), ["Entry 'a'", "an entry for each field"]),
        (Entry("a", "x", summary=5), ["Entry 'a'", "summary is 5"]),  # type: ignore[arg-type]
        (Entry("a", "x", source="\ud800"), ["Entry 'a'", "source is not valid text"]),
        (Entry("a", "x", tokens=-1), ["Entry 'a'", "tokens is -1"]),
        (Entry("a", "x", tokens=True), ["Entry 'a'", "tokens is True"]),
    ],
)
def test_what_can_not_be_kept_is_named(given_: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as error:
        checked(given_, 3)
    for word in words:
        assert word in str(error.value)


def test_the_digest_is_that_of_the_content_its_kind_and_layout_and_of_nothing_else() -> None:
    def digest(content: Any, **more: Any) -> str:
        return checked(Entry("e", content, **more), 1)[0].digest

    assert digest("12") == digest("12", summary="other", type="table", tokens=2)
    assert len({digest("12"), digest("21"), digest(b"12"), digest(12)}) == 4
    assert digest(np.zeros(4, "<i4")) != digest(np.zeros((2, 2), "<i4")) != digest(np.zeros(4, "<f4"))


def test_an_entry_is_found_by_a_part_of_what_is_said_of_it() -> None:
    summary, _ = checked(Entry("ctx_1", "content", source="letters/1850.txt", summary="To Ada"), 1)
    assert matches(summary, "ada")
    assert matches(summary, "1850")
    assert not matches(summary, "content")
