"""Characters that XML can't hold are found, named and dropped."""

from __future__ import annotations

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from parbatch.docx import clean_text, explain_forbidden, find_forbidden

anything = st.text(st.characters(codec=None, exclude_categories=()))


@given(anything)
def test_what_is_left_is_what_lxml_takes(text: str) -> None:
    element = etree.Element("t")
    element.text = clean_text(text)
    try:
        element.text = text
    except ValueError:
        assert find_forbidden(text)
    else:
        assert clean_text(text) == text
        assert not find_forbidden(text)


def test_every_place_is_named() -> None:
    data = {"name": "a\0", "rows": [{"x y": "b\x1f"}, "fine", ["\ufffe"]], "\x02": 3, "n": 1.5, "none": None}
    assert find_forbidden(data) == [
        ("name", "\0"),
        ("rows[0]['x y']", "\x1f"),
        ("rows[2][0]", "\ufffe"),
        ("key ['\\x02']", "\x02"),
    ]


def test_the_error_of_a_document_is_explained_by_the_field() -> None:
    data = {"city": "Lon\x07don"}
    with pytest.raises(ValueError, match="XML compatible") as caught:
        docx.Document().add_paragraph(data["city"])
    message = explain_forbidden(caught.value, data)
    assert message is not None
    assert "city has U+0007" in message
    assert "clean_text" in message
    assert message.isprintable()


def test_other_errors_and_clean_data_are_not_explained() -> None:
    assert explain_forbidden(KeyError("city"), {"city": "\0"}) is None
    assert explain_forbidden(ValueError("other"), {"city": "\0"}) is None
    strings = ValueError("All strings must be XML compatible: Unicode or ASCII, no NULL bytes or control characters")
    assert explain_forbidden(strings, {"city": "London"}) is None


def test_many_fields_are_counted() -> None:
    strings = ValueError("All strings must be XML compatible")
    message = explain_forbidden(strings, [f"{number}\0" for number in range(9)])
    assert message is not None
    assert "[4] has" in message
    assert "and 4 more" in message


def test_surrogates_raise_another_error_that_is_explained_as_well() -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - whichever lxml raises
        docx.Document().add_paragraph("\ud800")
    assert explain_forbidden(caught.value, {"a": "\ud800"})
