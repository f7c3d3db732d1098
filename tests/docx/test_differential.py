"""With acceleration and without, the same calls leave the same document, read the same, and fail the same
way.

It is the test of the modules whose paths only show together, in a document: parbatch.docx.elements,
parbatch.docx.handles, parbatch.docx.heldstyles, parbatch.docx.names, parbatch.docx.paragraphs, parbatch.docx.proxies,
parbatch.docx.runs, parbatch.docx.stylenames, parbatch.docx.styles, parbatch.docx.tables, parbatch.docx.xpaths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import docx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parbatch.docx import accelerate, open_template, restore
from tests.docx.docx_operations import OPERATIONS
from tests.docx.docx_script import Machine, saved_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docx.document import Document

    Steps = list[tuple[str, int, int, int]]

numbers = st.integers(min_value=0, max_value=99)
steps = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), numbers, numbers, numbers), min_size=1, max_size=40)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    restore()


def outcome(open_document: Callable[[], Document], script: Steps) -> tuple[list[str], dict[str, bytes]]:
    machine = Machine(open_document(), OPERATIONS)
    machine.run(script)
    return machine.log, saved_parts(machine.document)


def assert_same(script: Steps) -> None:
    restore()
    log, parts = outcome(docx.Document, script)
    assert accelerate()
    for opened in (docx.Document, open_template):
        fast_log, fast_parts = outcome(opened, script)
        assert fast_log == log
        assert list(fast_parts) == list(parts)
        assert fast_parts == parts


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
@example([(name, a, b, c) for name in OPERATIONS for a, b, c in ((0, 0, 0), (1, 2, 3), (5, 7, 11))])
@example([(name, a, b, c) for a, b, c in ((3, 1, 4), (1, 5, 9), (2, 6, 5)) for name in sorted(OPERATIONS)])
@example([("hold_style", s, s, 0) for s in range(9)] + [("add_paragraph", 0, 1, s) for s in range(20)] * 3)
@example([("add_paragraph", 0, 1, s) for s in range(20)] + [("set_style", 5, 0, 2), ("add_paragraph", 0, 1, 2)] * 5)
def test_any_script_gives_the_same_document_reads_and_errors(script: Steps) -> None:
    assert_same(script)


WRITES = [
    "add_paragraph",
    "add_many",
    "add_many",
    "set_paragraph",
    "add_style",
    "set_style",
    "hold_style",
    "use_held",
    "change_held",
    "let_go",
    "spoil_style",
]
TABLES = [
    "add_table",
    "table_cell",
    "cell_text",
    "merge",
    "hurt_table",
    "grow_table",
    "read_table",
    "table_row",
    "cell_props",
]


def often(names: list[str]) -> st.SearchStrategy[Steps]:
    return st.lists(st.tuples(st.sampled_from(names), numbers, numbers, numbers), min_size=5, max_size=40)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(often(WRITES))
def test_styles_looked_up_while_they_change_are_the_ones_that_a_search_finds(script: Steps) -> None:
    assert_same([("add_unstyled", 0, 1, 0), *script])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(often(TABLES))
def test_cells_of_merged_nested_and_damaged_tables_are_the_ones_that_a_list_of_all_has(script: Steps) -> None:
    assert_same([("add_table", 3, 3, 0), ("table_cell", 0, 1, 1), *script])
