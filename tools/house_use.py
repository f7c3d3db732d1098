"""Find in a parsed module the places that `house.py` counts, as line numbers: who looks at what, and who does what."""

import ast
from collections.abc import Iterator

# The methods of a connection, or cursor, that take SQL.
SQL_CALLS = frozenset({"execute", "executemany", "executescript"})

# Where a result, a status or the record of a run tells what was run. That is read to print it, and decides nothing.
TOLD = frozenset({"result", "results", "record", "status"})

SQL_CALLS = frozenset({"execute", "executemany", "executescript"})


def phase_questions(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that ask whether a job has earlier ones, or how many phases there are.

    That is `.after` of anything but what was told, `len()` of something called phases, and a comparison with "phases".
    """
    for node in ast.walk(tree):
        is_len = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"
        if (
            (isinstance(node, ast.Attribute) and node.attr == "after" and last_name(node.value) not in TOLD)
            or (is_len and isinstance(node, ast.Call) and any(_mentions(one, "phases") for one in node.args))
            or _is_compared_with(node, "phases")
        ):
            yield node.lineno  # type: ignore[attr-defined]


def shard_questions(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that decide by shards.

    That is a condition with "shard" in a name or attribute of it, what was told aside; a call of a function with that
    in its name, but for the one that reads what was typed or told (`parse_shard`); and a comparison with "shards".
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            conditions = [node.test]
        elif isinstance(node, ast.comprehension):
            conditions = node.ifs
        elif isinstance(node, ast.Compare | ast.BoolOp):
            conditions = [node]
        elif isinstance(node, ast.Call):
            called = last_name(node.func)
            if "shard" in called.lower() and called != "parse_shard":
                yield node.lineno
            continue
        else:
            continue
        yield from (one.lineno for one in conditions if _mentions(one, "shard") or _is_compared_with(one, "shards"))


def _mentions(node: ast.expr, word: str) -> bool:
    """Tell whether an expression has a name or attribute with this word, that is not one of what was told."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and word in one.id.lower():
            return True
        if isinstance(one, ast.Attribute) and word in one.attr.lower() and last_name(one.value) not in TOLD:
            return True
    return False


def _is_compared_with(node: ast.AST, text: str) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    return any(isinstance(one, ast.Constant) and one.value == text for one in [node.left, *node.comparators])


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name; empty for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def sql_calls(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that call a method which gives SQL to a connection."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {name.asname or name.name for node in imports for name in node.names}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SQL_CALLS):
            continue
        if last_name(node.func.value) not in modules:  # a function of that name in a module of ours is no connection's
            yield node.lineno


def constructor_width(node: ast.ClassDef) -> int:
    """Return how many parameters `__init__` has without self, or how many fields a dataclass; 0 for other classes."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            given = one.args
            starred = (given.vararg is not None) + (given.kwarg is not None)
            return len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) + starred - 1
    if any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        fields = [ast.unparse(one) for one in node.body if isinstance(one, ast.AnnAssign)]
        return sum("ClassVar" not in field and "init=False" not in field for field in fields)
    return 0
