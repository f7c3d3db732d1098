"""Say which test is a module's own, and which modules have none.

`parbatch/<room>/<module>.py` has its test at `tests/<room>/test_<module>.py`; a package with code of its own in its
`__init__.py` counts as a module of its name. `TESTED_BY` has those whose test is elsewhere, such as a module that can
be tried in a process of its own only. Used by `house.py`; it imports nothing of the package.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# The module, without parbatch/ and .py, and the test that is its own.
TESTED_BY: dict[str, str] = {
    "__init__": "tests/test_imports.py",
    "__main__": "tests/test_imports.py",
    "docx": "tests/docx/test_acceleration.py",
    "docx/codes": "tests/docx/test_merge_fields.py",
    "docx/comparing": "tests/docx/test_changed.py",
    "docx/deflate": "tests/docx/test_saving.py",
    "docx/elements": "tests/docx/test_differential.py",
    "docx/foreign": "tests/faults/test_other_documents.py",
    "docx/handles": "tests/docx/test_differential.py",
    "docx/heldstyles": "tests/docx/test_differential.py",
    "docx/names": "tests/docx/test_differential.py",
    "docx/noticing": "tests/docx/test_acceleration.py",
    "docx/own": "tests/docx/test_changed.py",
    "docx/paragraphs": "tests/docx/test_differential.py",
    "docx/patching": "tests/docx/test_changed.py",
    "docx/proxies": "tests/docx/test_differential.py",
    "docx/runs": "tests/docx/test_differential.py",
    "docx/shared_parts": "tests/docx/test_parts_by_hand.py",
    "docx/stylenames": "tests/docx/test_differential.py",
    "docx/styles": "tests/docx/test_differential.py",
    "docx/tables": "tests/docx/test_differential.py",
    "docx/texts": "tests/docx/test_checks.py",
    "docx/unnoticed": "tests/docx/test_changed.py",
    "docx/unreadable": "tests/docx/test_explanations.py",
    "docx/watching": "tests/docx/test_changed.py",
    "docx/xpaths": "tests/docx/test_differential.py",
    "docx/zipping": "tests/docx/test_saving.py",
    "sample/brief": "tests/sample/test_sample.py",
    "sample/country": "tests/sample/test_sample.py",
    "sample/job": "tests/sample/test_sample.py",
    "sample/layout": "tests/sample/test_sample.py",
    "sample/overview": "tests/sample/test_sample.py",
    "sample/styles": "tests/sample/test_sample.py",
    "sample/words": "tests/sample/test_sample.py",
}


def without_test(
    root: Path, modules: Mapping[Path, ast.Module], tested_by: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each module that has no test of its own, and what is to be done; and lines of the table that are stale."""
    names = {_name(path): path for path, tree in modules.items() if _has_code(tree)}
    for name, path in names.items():
        places = mirrored(name)
        there = [place for place in places if (root / place).exists()]
        given = tested_by.get(name)
        if given is None and not there:
            yield str(path), f"write {places[0]}, or name its test in TESTED_BY (tools/house_tests.py)"
        elif given is not None and there:
            yield f"TESTED_BY[{name!r}]", f"take this line out: {there[0]} is there"
        elif given is not None and not (root / given).exists():
            yield f"TESTED_BY[{name!r}]", f"{given} is not there: name the test that is"
        elif given is not None and not _speaks_of(root / given, name, modules[path]):
            yield f"TESTED_BY[{name!r}]", f"{given} names neither the module nor anything public of it"
    for name in tested_by:
        if name not in names:
            yield f"TESTED_BY[{name!r}]", "take this line out: there is no such module"


def mirrored(name: str) -> list[str]:
    """Return the places of a module's own test: below its room, with or without the folders in between."""
    *folders, module = name.split("/")
    places = [
        "/".join(["tests", *folders, f"test_{module}.py"]),
        "/".join(["tests", *folders[:1], f"test_{module}.py"]),
    ]
    return list(dict.fromkeys(places))


def _name(path: Path) -> str:
    name = path.relative_to("parbatch").with_suffix("")
    return str(name.parent if name.name == "__init__" and name.parent.name else name)


def _has_code(tree: ast.Module) -> bool:
    """Tell whether there is anything but the docstring."""
    return any(not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)) for one in tree.body)


def _speaks_of(test: Path, name: str, tree: ast.Module) -> bool:
    """Tell whether a test has the module's dotted name, its last part before an import, or a public name of it."""
    text = test.read_text(encoding="utf-8")
    dotted = "parbatch" if name == "__init__" else "parbatch." + name.replace("/", ".")
    public = [
        one.name
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not one.name.startswith("_")
    ]
    return any(re.search(rf"(?<![\w.]){re.escape(word)}\b", text) for word in [dotted, *public])
