"""Drills: what is done to a folder, hit at a named system call, and what has to be true of the folder afterwards.

`python -m tests.faults.drills` runs all of them (`make faults`); `test_drills.py` a few. Judged is what lies on the
disk: never what the program says, but that it shows no traceback of its own code.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.injection import CALLS, Ending, Point, count, hit, why_not
from tests.faults.outside import JOBS, finish, left_behind, rows

JOB = JOBS / "drill.py"
ITEMS = tuple(f"i{number}" for number in range(9))
ERRORS = ("ENOSPC", "EIO", "EACCES")
_NOTICED_S = 5.0  # until processes that lose their parent are gone


@dataclass(frozen=True)
class Step:
    """One command, its options, and what the job is told."""

    words: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, out: Path) -> list[object]:
        """What is typed."""
        first, *rest = self.words
        more = ["--workers", "2", "--progress", "none"] if first in {"run", "retry"} else []
        return [first, JOB, "--out", out, *rest, *more]


@dataclass(frozen=True)
class Drill:
    """Steps before, the step that is hit, and the step that puts all right; then `items/` has to be this.

    `edited` is an output that a person changes before the step that is hit: its text is never lost.
    `kept` are texts that have to be somewhere in the folder at the end: withdrawn, not deleted.
    """

    name: str
    before: tuple[Step, ...]
    struck: Step
    after: Step
    items: Mapping[str, str]
    code: int = 0
    edited: str = ""
    kept: tuple[str, ...] = ()


def published(version: str, items: Sequence[str] = ITEMS, *, second: bool = True) -> dict[str, str]:
    """What these items publish."""
    first = {f"{item}.txt": f"{item} {version}\n" * 500 for item in items}
    return first | ({f"second/{item}.txt": f"second {item} {version}\n" for item in items} if second else {})


_RUN, _RESUME, _FRESH = Step(("run",)), Step(("run", "--resume")), Step(("run", "--fresh"))
_NEWER = {"DRILL_VERSION": "2"}
_BROKEN = {"DRILL_BROKEN": "i3 i7"}
_FEWER = {"DRILL_VERSION": "2", "DRILL_SECOND": "0"}
_GONE = {"DRILL_GONE": "i2 i5"}
_WHOLE = tuple(item for item in ITEMS if item not in {"i3", "i7"})
_LEFT = tuple(item for item in ITEMS if item not in {"i2", "i5"})

DRILLS = (
    Drill("run", (), _RUN, _RESUME, published("1")),
    Drill("resume", (Step(("run",), _BROKEN),), _RESUME, _RESUME, published("1")),
    Drill("retry", (Step(("run",), _BROKEN),), Step(("retry",)), _RESUME, published("1")),
    Drill(
        "changed data", (_RUN,), Step(("run", "--resume"), _NEWER), Step(("run", "--resume"), _NEWER), published("2")
    ),
    Drill("fresh", (_RUN,), Step(("run", "--fresh"), _NEWER), Step(("run", "--resume"), _NEWER), published("2")),
    Drill(
        "withdrawing what is not ok any more",
        (_RUN,),
        Step(("run", "--resume"), _NEWER | _BROKEN),
        Step(("run", "--resume"), _NEWER | _BROKEN),
        published("2", _WHOLE),
        code=1,
        kept=("i3 1\n" * 500, "second i7 1\n"),
    ),
    Drill(
        "withdrawing what is not published any more",
        (_RUN,),
        Step(("run", "--resume"), _FEWER),
        Step(("run", "--resume"), _FEWER),
        published("2", second=False),
        kept=("second i0 1\n", "second i8 1\n"),
    ),
    Drill("edited", (_RUN,), _RESUME, _RESUME, published("1"), edited="i4.txt", kept=("corrected by hand\n",)),
    Drill("prune", (_RUN,), Step(("prune",), _GONE), Step(("prune",), _GONE), published("1", _LEFT)),
    Drill("prune and resume", (_RUN,), Step(("prune",), _GONE), _RESUME, published("1")),
    Drill("overview", (_RUN,), Step(("overview",)), Step(("overview",)), published("1")),
    Drill("report", (_RUN,), Step(("report",)), Step(("report",)), published("1")),
)


def ready(drill: Drill, out: Path) -> None:
    """Do all that comes before the step that is hit."""
    for step in drill.before:
        finish(*step.arguments(out), env=step.env)
    if drill.edited:
        (out / "items" / drill.edited).write_text("corrected by hand\n")


def run(drill: Drill, point: Point, out: Path) -> list[str]:
    """Do a drill in an empty folder. Returns what is wrong in the end."""
    ready(drill, out)
    return strike(drill, point, out)


def strike(drill: Drill, point: Point, out: Path) -> list[str]:
    """Do the step that is hit, and the one after it, in a folder that is ready. Returns what is wrong in the end."""
    ending = hit(drill.struck.arguments(out), point, drill.struck.env)
    return [f"{drill.name}, {point}: {problem}" for problem in _judge(drill, point, ending, out)]


def _judge(drill: Drill, point: Point, ending: Ending, out: Path) -> Iterator[str]:
    if ending.own_traceback:
        yield f"a traceback of parbatch's own code:\n{ending.printed[-1500:]}"
    if point.error and ending.code not in {0, 1, 2, 4}:
        yield f"exit {ending.code}: {ending.printed[-500:]}"
    if (out / "run" / "checkpoint.sqlite").exists():
        if not _nothing_runs(out):
            yield f"processes are left: {left_behind(out)}"
        yield from _false_rows(out, "right after it")
    code, printed = finish(*drill.after.arguments(out), env=drill.after.env)
    if code != drill.code:
        yield f"afterwards {' '.join(drill.after.words)} exits with {code}: {printed[-1500:]}"
    yield from _false_rows(out, "in the end")
    yield from _judge_files(drill, out)


def _judge_files(drill: Drill, out: Path) -> Iterator[str]:
    """What is wrong with the files at the end."""
    there = {path.relative_to(out / "items").as_posix(): path for path in (out / "items").rglob("*") if path.is_file()}
    for name in sorted(there.keys() ^ drill.items.keys()):
        yield f"items/{name} is {'there' if name in there else 'not there'}"
    for name in sorted(there.keys() & drill.items.keys()):
        if there[name].read_text() != drill.items[name]:
            yield f"items/{name} begins with {there[name].read_text()[:40]!r}"
    texts = {path.read_bytes() for path in out.rglob("*.txt")} if drill.kept else set()
    for text in drill.kept:
        if text.encode() not in texts:
            yield f"the older output {text[:20]!r} is nowhere in the folder"
    for path in [*out.rglob("*.new*"), *(out / "run" / "tmp").glob("*")]:
        yield f"{path.relative_to(out)} is left"


def _false_rows(out: Path, when: str) -> Iterator[str]:
    """Items that are ok by their rows while a file of theirs is not there."""
    query = "SELECT items.id, path FROM outputs JOIN items ON items.id = outputs.id WHERE status = 'ok'"
    for item, path in rows(out, query):
        if not (out / "items" / path).is_file():
            yield f"{when}, {item} is ok and its output {path} is not there"


def _nothing_runs(out: Path) -> bool:
    deadline = time.monotonic() + _NOTICED_S
    while left_behind(out) and time.monotonic() < deadline:
        continue
    return not left_behind(out)


# --- all of them


def points(counts: Mapping[str, int], each: int) -> list[Point]:
    """At most `each` points a system call, evenly over its calls, to be killed at; and one for each error."""
    found = []
    for call in CALLS:
        calls = counts.get(call, 0)
        step = max(1, calls // each)
        found += [Point(call, when) for when in range(1, calls + 1, step)][-each:]
        if calls:
            found += [Point(call, (calls + 1) // 2, error) for error in ERRORS]
            found.append(Point(call, 1, "ENOSPC"))
    return found


def counted(drill: Drill) -> Mapping[str, int]:
    """How often the step that will be hit makes each system call."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "out")
        ready(drill, out)
        return count(drill.struck.arguments(out), drill.struck.env, Path(place, "log"))


def once(drill: Drill, point: Point) -> bool:
    """Do a drill in a folder that goes again. Says what is wrong; returns whether nothing is."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        try:
            problems = run(drill, point, Path(place, "out"))
        except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:  # a command that does not end, too
            problems = [f"{drill.name}, {point}: {error!r}"]
    for problem in problems:
        print(f"WRONG  {problem}", flush=True)
    return not problems


def main() -> int:
    """Run every drill at many points, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=8, help="points to kill at, for each system call of a drill")
    parser.add_argument("--only", default="", help="drills whose name has this in it")
    parser.add_argument("--jobs", type=int, default=2, help="drills at once")
    given = parser.parse_args()
    if reason := why_not():
        sys.exit(f"Nothing can be injected: {reason}.")
    passed: list[bool] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for drill in (drill for drill in DRILLS if given.only in drill.name):
            chosen = points(counted(drill), given.each)
            passed += pool.map(once, [drill] * len(chosen), chosen)
            print(f"{drill.name}: {len(chosen)} points", flush=True)
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
