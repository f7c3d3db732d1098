"""Count how well the house is kept, and say where a bound is broken: what is where, how large, and who looks at what.

`make house` runs it over this project; `python tools/house.py FOLDER` over another tree of the same shape. It reads the
source with `ast` and imports none of it. It ends with 1 when a bound is broken, else with 0. To add a bound, write a
function that returns a Count, and add it to `COUNTS`. Beside it, `house_use.py` finds what a module looks at and does,
and `house_tests.py` which test is whose.
"""

import ast
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from house_tests import TESTED_BY, without_test
from house_use import constructor_width, last_name, phase_questions, shard_questions, sql_calls

# The 22 modules that were named by a gerund when the rooms were drawn, without the three whose names are nouns of the
# field and stay (`model/loading`, `storage/opening`, `planning/packing`). None of these names comes back, in any room.
FORBIDDEN_NAMES = frozenset(
    {"announcing", "explaining", "holding", "joining", "listening", "listing", "merging", "naming", "pruning"}
    | {"reading", "recording", "rendering", "reporting", "rewriting", "setting", "sharding", "standing"}
    | {"streaming", "summing"}
)

# Classes whose constructor takes what a person may set, or what is to be said of that. They may have as many parameters
# as there are options, or columns in their table.
OPTION_CLASSES = frozenset({"Job", "Option", "Options", "Selection"})


class Finding(NamedTuple):
    """One place that counts: where it is, and what is to be done if there are too many."""

    where: str
    what: str


class Count(NamedTuple):
    """A count with its bounds and the places that were counted; `most` and `least` are both allowed."""

    name: str
    now: int
    most: int
    findings: list[Finding]
    least: int = 0

    @property
    def is_kept(self) -> bool:
        """Tell whether the count is within its bounds."""
        return self.least <= self.now <= self.most


class Source(NamedTuple):
    """A Python file of the tree: its path below the tree's root, its text, and the text parsed."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder of the package that the module lives in; empty for what lies beside the rooms."""
        return self.path.parts[1] if len(self.path.parts) > 2 else ""

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.text.splitlines())


class House(NamedTuple):
    """The tree that is looked at: its root, the package's modules, and the tests."""

    root: Path
    modules: list[Source]
    tests: list[Source]


def read_house(root: Path) -> House:
    """Read and parse every Python file of `parbatch/` and `tests/` below the root."""
    return House(root, _sources(root, "parbatch"), _sources(root, "tests"))


def _sources(root: Path, folder: str) -> list[Source]:
    paths = sorted((root / folder).rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return [Source(path.relative_to(root), text, ast.parse(text)) for path, text in zip(paths, texts, strict=True)]


def top_files(house: House) -> Count:
    """Count the modules that lie beside the rooms."""
    beside = [source for source in house.modules if not source.room]
    found = [Finding(str(one.path), "move it into the room it belongs to (docs/architecture.md)") for one in beside]
    return Count("modules at the top of parbatch/", len(found), 4, found)


def rooms(house: House) -> Count:
    """Count the folders at the top of the package, apart from what Python and tools leave there."""
    folders = sorted(path for path in (house.root / "parbatch").iterdir() if path.is_dir() and path.name[0] not in "._")
    found = [Finding(f"parbatch/{path.name}/", "make it part of a room that is there") for path in folders]
    return Count("folders at the top of parbatch/", len(found), 10, found)


def gerunds(house: House) -> Count:
    """Count the modules and packages that have a name which was given up."""
    parts = {part for source in house.modules for part in [source.path, *source.path.parents]}
    found = [
        Finding(str(part), "name it by a noun of the field") for part in sorted(parts) if part.stem in FORBIDDEN_NAMES
    ]
    return Count("modules with a name that was given up", len(found), 0, found)


def layer_contracts(house: House) -> Count:
    """Count the import contracts that put layers on each other."""
    found = [Finding("pyproject.toml", one["name"]) for one in _contracts(house) if one["type"] == "layers"]
    return Count("contracts of layers", len(found), 1, found, least=1)


def layers(house: House) -> Count:
    """Count the layers of the import contracts."""
    named = [layer for one in _contracts(house) if one["type"] == "layers" for layer in one["layers"]]
    found = [Finding("pyproject.toml, layers", "name rooms, not modules")]
    return Count("layers", len(named), 12, found, least=1)


def other_contracts(house: House) -> Count:
    """Count the import contracts beside that of layers."""
    others = [one for one in _contracts(house) if one["type"] != "layers"]
    found = [Finding("pyproject.toml", one["name"]) for one in others]
    return Count("other import contracts", len(found), 3, found, least=3)


def _contracts(house: House) -> list[dict[str, str]]:
    with (house.root / "pyproject.toml").open("rb") as file:
        contracts: list[dict[str, str]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return contracts


def phases_looked_at(house: House) -> Count:
    """Count the modules outside `model` that ask whether a job has earlier ones, or how many phases there are.

    Going through all jobs or parts alike is what every module may do. See `phase_questions`.
    """
    found = [
        Finding(f"{source.path}:{lines[0]}", "treat one phase like many: go over the layout's parts")
        for source in house.modules
        if source.room != "model" and (lines := sorted(set(phase_questions(source.tree))))
    ]
    return Count("modules outside model that ask for phases", len(found), 2, found)


def shards_looked_at(house: House) -> Count:
    """Count the modules that decide by shards; `model`, which says what one is, and `cli`, which reads it, are aside.

    Handing one on decides nothing, nor does reading what was told. See `shard_questions`.
    """
    found = [
        Finding(f"{source.path}:{lines[0]}", "treat a shard like any part: go over the layout's parts")
        for source in house.modules
        if source.room not in {"model", "cli"} and (lines := sorted(set(shard_questions(source.tree))))
    ]
    return Count("modules that decide by shards", len(found), 3, found)


def result_builders(house: House) -> Count:
    """Count the places where a RunResult is constructed."""
    found = [
        Finding(f"{source.path}:{node.lineno}", "let the one builder make it (reports/results)")
        for source in house.modules
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and last_name(node.func) == "RunResult"
    ]
    return Count("places where a RunResult is constructed", len(found), 1, found, least=1)


def foreign_sql(house: House) -> Count:
    """Count the calls that give SQL to a connection outside `storage` and `planning`."""
    found, calls = [], 0
    for source in house.modules:
        if source.room not in {"storage", "planning"} and (lines := sorted(sql_calls(source.tree))):
            calls += len(lines)
            named = ", ".join(map(str, lines))
            found.append(Finding(str(source.path), f"line {named}: ask a View, or give Checkpoint a method (storage)"))
    return Count("calls of .execute outside storage and planning", calls, 0, found)


def long_files(house: House) -> Count:
    """Count the files that are too long to be held in the head."""
    long = [source for source in [*house.modules, *house.tests] if source.lines > 300]
    found = [Finding(str(one.path), f"{one.lines} lines: split it by what it is responsible for") for one in long]
    return Count("files of more than 300 lines", len(found), 0, found)


def long_functions(house: House) -> Count:
    """Count the functions of more than 40 lines, from `def` to the end, docstring included and decorators not."""
    found = []
    for source in [*house.modules, *house.tests]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 40:
                    found.append(Finding(f"{source.path}:{node.lineno}", f"{node.name} has {lines} lines: split it"))
    return Count("functions of more than 40 lines", len(found), 0, found)


def wide_constructors(house: House) -> Count:
    """Count the classes with more than 8 constructor parameters.

    Parameters of `__init__` without self, or a dataclass's fields. Structs and NamedTuples are records: they may be as
    wide as what they describe. So may the classes whose parameters are options.
    """
    found = []
    for source in house.modules:
        for node in ast.walk(source.tree):
            if (
                isinstance(node, ast.ClassDef)
                and node.name not in OPTION_CLASSES
                and (width := constructor_width(node)) > 8
            ):
                text = f"{node.name} takes {width}: give what belongs together a type of its own"
                found.append(Finding(f"{source.path}:{node.lineno}", text))
    return Count("classes with more than 8 constructor parameters", len(found), 0, found)


def untested_modules(house: House) -> Count:
    """Count the modules that have no test where one looks for it."""
    modules = {source.path: source.tree for source in house.modules}
    found = [Finding(where, what) for where, what in without_test(house.root, modules, TESTED_BY)]
    return Count("modules without a test of their name", len(found), 0, found)


COUNTS: tuple[Callable[[House], Count], ...] = (
    top_files,
    rooms,
    gerunds,
    layer_contracts,
    layers,
    other_contracts,
    phases_looked_at,
    shards_looked_at,
    result_builders,
    foreign_sql,
    long_files,
    long_functions,
    wide_constructors,
    untested_modules,
)


def main(root: Path) -> int:
    """Print the table of counts, then what is to be done where one is broken; return the exit code."""
    counts = [count(house) for house in [read_house(root)] for count in COUNTS]
    for one in counts:
        bound = f"exactly {one.most}" if one.least == one.most else f"at most {one.most}"
        print(f"{one.name:<50} {one.now:>4}   {bound:<11} {'' if one.is_kept else 'BROKEN'}".rstrip())
    broken = [one for one in counts if not one.is_kept]
    for one in broken:
        print(f"\n{one.name}: {one.now}")
        for finding in one.findings:
            print(f"  {finding.where}: {finding.what}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
