"""The counts that keep the house in order, on small trees of the same shape."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parent.parent.parent / "tools"
CONTRACTS = (
    """
[[tool.importlinter.contracts]]
name = "down"
type = "layers"
layers = ["parbatch.engine", "parbatch.model"]
"""
    + 3 * '[[tool.importlinter.contracts]]\nname = "apart"\ntype = "forbidden"\n'
)
# As small as a tree can be that keeps every bound.
KEPT = {
    "pyproject.toml": CONTRACTS,
    "parbatch/__init__.py": '"""A package."""\n',
    "parbatch/engine/run.py": "def go(): return RunResult()\n",
    "tests/engine/test_run.py": "",
}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, its neighbours found as when it is run, its own table of tests empty."""
    monkeypatch.syspath_prepend(TOOLS)
    spec = importlib.util.spec_from_file_location("house", TOOLS / "house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "house", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TESTED_BY", {})
    return module


@pytest.fixture
def look(house: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Look at the smallest tree that is in order with some files put on top; the exit code, and what was printed."""

    def look(files: dict[str, str]) -> tuple[int, str]:
        for name, text in (KEPT | files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return house.main(tmp_path), capsys.readouterr().out

    return look


Look = Callable[[dict[str, str]], tuple[int, str]]


def test_a_house_in_order_passes_and_its_counts_are_printed(look: Look) -> None:
    code, printed = look({})
    assert code == 0
    assert "BROKEN" not in printed
    assert "places where a RunResult is constructed               1   exactly 1\n" in printed


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({f"parbatch/{name}.py": "" for name in "abcd"}, "parbatch/d.py: move it into the room"),
        ({f"parbatch/{name}/x.py": "" for name in "abcdefghij"}, "parbatch/j/: make it part of a room"),
        ({"parbatch/engine/summing.py": ""}, "parbatch/engine/summing.py: name it by a noun"),
        ({"parbatch/storage/reading/__init__.py": ""}, "parbatch/storage/reading: name it by a noun"),
        ({"pyproject.toml": CONTRACTS.replace('"parbatch.model"', '"x",' * 12)}, "layers: name rooms, not modules"),
        ({"pyproject.toml": CONTRACTS + CONTRACTS}, "contracts of layers: 2"),
        ({"pyproject.toml": CONTRACTS[: CONTRACTS.index("[[", 40)]}, "other import contracts: 0"),
        (
            {"parbatch/engine/run.py": "RunResult()\nresult.RunResult()"},
            "parbatch/engine/run.py:2: let the one builder",
        ),
        ({"parbatch/engine/a.py": "\n\ndb.execute('')\ndb.executemany('')"}, "engine/a.py: line 3, 4: ask a View"),
        ({"tests/engine/test_run.py": "#\n" * 301}, "tests/engine/test_run.py: 301 lines: split it"),
        ({"parbatch/engine/a.py": "def f():\n" + " 1\n" * 40}, "parbatch/engine/a.py:1: f has 41 lines"),
        ({"parbatch/engine/a.py": "class A:\n def __init__(self, a, b, c, d, e, *f, g, h, i): ..."}, "A takes 9:"),
        (
            {"parbatch/engine/a.py": "@dataclass\nclass A:\n" + "".join(f" {x}: int\n" for x in "abcdefghi")},
            "A takes 9:",
        ),
        ({"parbatch/engine/a.py": "x = 1"}, "parbatch/engine/a.py: write tests/engine/test_a.py"),
    ],
)
def test_each_broken_bound_says_where_and_what_to_do(look: Look, files: dict[str, str], told: str) -> None:
    code, printed = look(files)
    assert code == 1
    assert told in printed


def questions(look: Look, kind: str, source: str, room: str = "engine") -> bool:
    """Whether a module is counted among those that ask for phases, or that decide by shards."""
    files = {f"parbatch/{room}/a{number}.py": source for number in range(4)}
    _, printed = look(files)
    return f"parbatch/{room}/a3.py:1: treat {kind} like" in printed


@pytest.mark.parametrize("source", ["if job.after: ...", "len(self.phases)", "layout.kind == 'phases'"])
def test_asking_for_phases_is_counted_outside_the_model(look: Look, source: str) -> None:
    assert questions(look, "one phase", source)


@pytest.mark.parametrize("source", ["x = result.after", "for part in layout.parts: ...", "print(result.phases)"])
def test_reading_what_was_told_of_phases_and_going_over_all_parts_is_not_counted(look: Look, source: str) -> None:
    assert not questions(look, "one phase", source)


def test_the_model_may_ask_for_phases_and_shards(look: Look) -> None:
    assert not questions(look, "one phase", "if self.after: ...", room="model")
    assert not questions(look, "a shard", "if shard is None: ...", room="model")


@pytest.mark.parametrize(
    "source",
    [
        "x = 1 if folder.shard else 2",
        "for part in shards_in(folder): ...",
        "kind == 'shards'",
        "[x for x in y if shard]",
    ],
)
def test_deciding_by_shards_is_counted(look: Look, source: str) -> None:
    assert questions(look, "a shard", source)


@pytest.mark.parametrize(
    "source", ["plan(shard=options.shard)", "if result.shard: ...", "def f(shard: Shard): ...", "parse_shard(x)"]
)
def test_handing_a_shard_on_is_not_counted(look: Look, source: str) -> None:
    assert not questions(look, "a shard", source)


def test_records_may_be_wide_and_so_may_options(look: Look) -> None:
    fields = "".join(f" {x}: int\n" for x in "abcdefghij")
    job = "class Job:\n def __init__(self, a, b, c, d, e, f, g, h, i): ..."
    code, _ = look({"parbatch/engine/run.py": f"class A(Struct):\n{fields}\n{job}\nRunResult()"})
    assert code == 0


def test_sql_is_at_home_in_storage_and_planning_and_a_function_named_execute_is_no_sql(look: Look) -> None:
    files = {f"parbatch/{room}/a.py": "db.execute('')" for room in ["storage", "planning"]}
    tests = {f"tests/{room}/test_a.py": "" for room in ["storage", "planning"]}
    code, _ = look(files | tests | {"parbatch/engine/run.py": "from x import run\nrun.execute(1)\nRunResult()"})
    assert code == 0


@pytest.mark.parametrize(
    ("line", "test", "told"),
    [
        ({"engine/a": "b.py"}, "import parbatch.engine.a", None),
        ({"engine/a": "b.py"}, "public()", None),
        ({"engine/a": "b.py"}, "_private()", "names neither the module nor anything public"),
        ({"engine/a": "c.py"}, "", "tests/c.py is not there"),
        ({"engine/a": "b.py::test_it"}, "def test_it(): ...", None),
        ({"engine/a": "b.py::test_it"}, "def test_it_well(): ...", "tests/b.py has no test_it"),
        ({"engine/a": "b.py", "engine/z": "b.py"}, "public()", "there is no such module"),
        ({"engine/a": "b.py", "engine/run": "b.py"}, "public()", "tests/engine/test_run.py is there"),
    ],
)
def test_a_module_may_name_another_test_that_is_there_and_speaks_of_it(
    look: Look, house: ModuleType, line: dict[str, str], test: str, told: str | None
) -> None:
    house.TESTED_BY.update(line)
    code, printed = look({"parbatch/engine/a.py": "def public(): ...\ndef _private(): ...", "tests/b.py": test})
    assert (code, told is None or told in printed) == (int(told is not None), True)
