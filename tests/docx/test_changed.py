"""Where users have changed python-docx, acceleration gives what that gives: the same calls, documents and errors.

It is the test of what sees such changes: parbatch.docx.watching, parbatch.docx.comparing, parbatch.docx.own,
parbatch.docx.unnoticed, parbatch.docx.patching.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import docx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parbatch.docx import accelerate, restore
from parbatch.docx.stood_for import PATHS
from tests.docx.docx_changes import REGISTERED, SHADOWED, SWAPPED, WRAPPED, ChangingMachine
from tests.docx.docx_operations import OPERATIONS
from tests.docx.docx_script import saved_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    Steps = list[tuple[str, int, int, int]]

#: `make exact` runs many more programs than `make test` has time for.
PROGRAMS = int(os.environ.get("PARBATCH_EXACT_PROGRAMS", "40"))

numbers = st.integers(min_value=0, max_value=99)
USED_MOST = ["add_paragraph", "add_many", "add_run", "set_paragraph", "add_table", "cell_text", "read_table", "header"]


def steps(names: list[str], most: int) -> st.SearchStrategy[Steps]:
    return st.lists(st.tuples(st.sampled_from(names), numbers, numbers, numbers), max_size=most)


changes = ["wrap", "wrap", "wrap_at_top", "shadow", "swap", "register", "by_hand", "undo", "undo_all"]
switching = st.sampled_from(["switch_on", "switch_on", "switch_off"]).map(lambda name: [(name, 0, 0, 0)])
anything = st.one_of(
    steps(changes, 3), switching, steps(sorted(OPERATIONS), 6), steps(USED_MOST, 8), steps(USED_MOST, 8)
)
programs = st.lists(anything, min_size=3, max_size=8).map(lambda found: [step for each in found for step in each])


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    restore()
    yield
    restore()


def outcome(script: Steps, *, plain: bool) -> tuple[Any, ...]:
    machine = ChangingMachine(docx.Document(), plain=plain)
    try:
        machine.run(script)
        try:
            parts: Any = saved_parts(machine.document)
        except Exception as error:  # noqa: BLE001 - whatever it is, both ways must raise it
            parts = repr(error)
        return machine.log, machine.called, parts
    finally:
        machine.undo_all()
        restore()


def assert_same(script: Steps) -> None:
    log, called, parts = outcome(script, plain=True)
    fast_log, fast_called, fast_parts = outcome(script, plain=False)
    assert fast_log == log
    assert fast_called == called
    assert fast_parts == parts


WORK: Steps = [
    ("add_paragraph", 0, 1, 3), ("add_many", 1, 2, 3), ("add_run", 0, 1, 1), ("set_paragraph", 1, 0, 4),
    ("add_table", 3, 3, 0), ("table_cell", 0, 1, 1), ("cell_text", 0, 1, 0), ("read_table", 0, 0, 0),
    ("add_paragraph", 2, 6, 1), ("table_row", 0, 1, 1), ("header", 0, 0, 1), ("style_font", 0, 5, 0),
    ("set_format", 0, 1, 8), ("read_run", 0, 0, 0), ("picture", 0, 0, 0), ("number", 1, 1, 1), ("merge", 0, 0, 1),
    ("set_paragraph", 0, 2, 5), ("clear_paragraph", 0, 0, 0), ("properties", 0, 1, 0), ("hold_style", 0, 2, 0),
]  # fmt: skip
ON, OFF = ("switch_on", 0, 0, 0), ("switch_off", 0, 0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # zip files left open by plain errors
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
@example([ON, *WORK, ("wrap_at_top", 16, 0, 0), *WORK, ("undo", 0, 0, 0), *WORK])
@example([("wrap_at_top", 16, 0, 0), ON, *WORK, OFF, *WORK, ("undo", 0, 0, 0), ON, *WORK])
def test_any_program_with_changes_calls_and_makes_the_same(script: Steps) -> None:
    assert_same([ON, *script] if len(script) % 2 else script)


def every_change() -> list[tuple[str, int, int, int]]:
    single = [("swap", number, 0, 0) for number in range(len(SWAPPED))]
    single += [("register", number, 0, 0) for number in range(len(REGISTERED))]
    single += [("shadow", number, 0, 0) for number in range(len(SHADOWED))]
    single += [("wrap_at_top", number, 0, 0) for number in range(30)]
    return single + [("wrap", number % 100, number // 100, 0) for number in range(len(WRAPPED))]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize("part", range(8))
def test_each_thing_that_a_path_stands_for_is_called_where_it_was_changed(part: int) -> None:
    """A few of all, found from the table; all of them where there is time."""
    every = every_change()
    chosen = every[part::8] if "PARBATCH_EXACT_PROGRAMS" in os.environ else every[part * 23 :: 190]
    for change in chosen:
        assert_same([ON, *WORK, change, *WORK, ("undo", 0, 0, 0), *WORK])
        assert_same([change, ON, *WORK[:12], ("undo", 0, 0, 0), *WORK])


def test_paths_come_back_when_a_change_is_undone() -> None:
    from docx.text.paragraph import Paragraph

    accelerate()
    adding = PATHS["docx.blkcntnr:BlockItemContainer.add_paragraph"]
    style = PATHS["docx.text.paragraph:Paragraph.style"]
    document = docx.Document()
    document.add_paragraph("x", "Quote")
    assert adding.on
    before = Paragraph.add_run
    Paragraph.add_run = functools.partialmethod(before)  # type: ignore[method-assign,assignment]
    document.add_paragraph("x", "Quote")
    assert (adding.on, style.on) == (False, True)
    Paragraph.add_run = before  # type: ignore[method-assign]
    document.add_paragraph("x", "Quote")
    assert adding.on
