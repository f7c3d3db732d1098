"""Children found, and new ones put in their place, as lxml and python-docx do it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from parbatch.docx.children import first_child, first_successor, insert_before, ranked
from parbatch.docx.names import clark

NAMES = ("w:a", "w:b", "w:c", "w:d")
names = st.sampled_from(NAMES)


def element(children: list[str]) -> Any:
    made = etree.Element(clark("w:p"))
    for name in children:
        etree.SubElement(made, clark(name))
    return made


@given(st.lists(names, max_size=6), names)
def test_the_first_child_is_the_one_that_lxml_finds(children: list[str], name: str) -> None:
    parent = element(children)
    assert first_child(parent, clark(name)) is parent.find(clark(name))


@given(st.lists(names, max_size=6), st.lists(names, max_size=4, unique=True))
def test_a_successor_is_found_as_by_looking_for_one_tag_after_the_other(children: list[str], tags: list[str]) -> None:
    parent = element(children)
    ranks, _ = ranked((*tags, "w:never"))
    one_by_one = [found for tag in tags if (found := parent.find(clark(tag))) is not None]
    assert first_successor(parent, ranks) is (one_by_one[0] if one_by_one else None)


@pytest.mark.parametrize(
    ("children", "successors", "place"),
    [
        ([], ("w:b",), 0),
        (["w:a", "w:b"], ("w:b",), 1),
        (["w:a", "w:b", "w:c"], ("w:c", "w:b"), 2),
        (["w:a"], ("w:b", "w:c"), 1),
    ],
)
def test_a_child_goes_before_its_first_successor_or_to_the_end(
    children: list[str], successors: tuple[str, ...], place: int
) -> None:
    parent, child = element(children), etree.Element(clark("w:new"))
    insert_before(parent, child, *ranked(successors))
    assert parent.index(child) == place
    assert len(parent) == len(children) + 1
