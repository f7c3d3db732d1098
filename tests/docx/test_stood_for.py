"""The table says all that each path stands for: found by watching python-docx at work where the path is not taken."""

from __future__ import annotations

import inspect
import random
import warnings
from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.opc.package import OpcPackage

from parbatch.docx import acceleration, restore
from parbatch.docx.elements import _MAKERS
from parbatch.docx.stood_for import PATHS, itself, resolve, table
from tests.docx.docx_operations import OPERATIONS
from tests.docx.docx_script import Machine, saved_parts
from tests.docx.docx_templates import build_full
from tests.docx.docx_tracing import GENERATED, Trace, functions_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

#: Only setters of these properties are replaced.
SETTERS = {"docx.text.paragraph:Paragraph.style", "docx.table:_Cell.text"}
#: What is generated stands for these; the rest, conversions and one another, it calls as before.
CALLED = {"insert_element_before", "first_child_found_in", "remove_all", "_clark_name", "qn", "OxmlElement", "__get__"}


@pytest.fixture(scope="module")
def originals() -> dict[CodeType, str]:
    """The code of all that is replaced, and the path that replaces it."""
    restore()
    found: dict[CodeType, str] = {}
    for replacement in acceleration._replacements():
        name, member = replacement.path.name, vars(replacement.owner).get(replacement.name)
        if name == GENERATED:
            found |= {f.__code__: name for f in functions_of(member) if f.__qualname__ in _MAKERS}
        elif name == "docx.package:Package.save":
            found[OpcPackage.save.__code__] = name
        elif name in table() and ":" in name:
            owner, attribute = itself(name)
            own: Any = inspect.getattr_static(resolve(owner), attribute)
            parts: list[Any] = [own.fget] if isinstance(own, property) else list(functions_of(own))
            if name in SETTERS:
                parts = [own.fset]
            found |= {part.__code__: name for part in parts}
    return found


def test_everything_that_is_replaced_belongs_to_a_path_of_the_table(originals: dict[CodeType, str]) -> None:
    assert {replacement.path.name for replacement in acceleration._replacements()} <= set(table())
    assert set(originals.values()) <= set(PATHS)
    assert len(originals) > 30


def test_what_runs_inside_of_what_is_replaced_stands_in_the_table(
    originals: dict[CodeType, str], tmp_path: Path
) -> None:
    template = str(build_full(tmp_path / "full.docx"))
    trace, chance = Trace(originals), random.Random(6)

    def work() -> None:
        machine = Machine(docx.Document(template if chance.random() < 0.3 else None), OPERATIONS)
        names = chance.choices(list(OPERATIONS), k=60)
        machine.run([(name, chance.randrange(100), chance.randrange(100), chance.randrange(100)) for name in names])
        saved_parts(machine.document)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(8):
            trace.run(work)
    missing: dict[str, Any] = {}
    for path, used in trace.used.items():
        known = {*table()[path], ("docx", "part_class_selector"), itself(path) if ":" in path else ("", "")}
        found = {key for key in used - known if path != GENERATED or key[1] in CALLED}
        if found - {("docx.opc.package:OpcPackage", "save")}:
            missing[path] = found
    assert not missing, "add these names to parbatch/docx/stood_for.txt"
    assert len(trace.used) > 25
