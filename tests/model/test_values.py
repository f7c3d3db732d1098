"""Single values that a job or a person gives are returned as they are used, or refused by name."""

from typing import Any

import pytest

from parbatch.errors import DataError
from parbatch.model.values import chunk_size_of, one_of, positive


@pytest.mark.parametrize(("given", "size"), [("auto", None), (5, 5), ("5", 5)])
def test_a_chunk_size_is_a_number_or_auto(given: int | str, size: int | None) -> None:
    assert chunk_size_of(given) == size


@pytest.mark.parametrize("given", [0, "0", -1, True, "many", 1.5])
def test_any_other_chunk_size_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match="neither a number of items from 1 nor auto"):
        chunk_size_of(given)


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "1"])
def test_a_count_is_a_whole_number_from_1(given: Any) -> None:
    assert positive(1, "limit") == 1
    with pytest.raises(DataError, match=r"limit: .* is not a whole number from 1"):
        positive(given, "limit")


def test_a_word_is_one_of_those_there_are_or_not_given() -> None:
    assert (one_of(None, "merge", ["lines"]), one_of("lines", "merge", ["lines"])) == (None, "lines")
    with pytest.raises(DataError, match="merge: 'line' is not one of lines"):
        one_of("line", "merge", ["lines"])
