"""Each drill, killed at a few of its system calls; `make faults` does it at all of them."""

import shutil
from pathlib import Path

import pytest

from tests.faults.drills import DRILLS, Drill, ready, strike
from tests.faults.injection import Point, count, why_not

# What puts files into place or takes them away, and what writes the checkpoint.
_MOVES = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat")


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_a_command_killed_half_way_leaves_nothing_wrong(drill: Drill, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    ready(drill, begun)
    counts = count(drill.struck.arguments(_copied(begun, "counted")), drill.struck.env, tmp_path / "log")
    moves = max(_MOVES, key=lambda call: counts[call])
    chosen = [Point(call, (counts[call] + 1) // 2) for call in (moves, "pwrite64") if counts[call]]
    assert chosen
    wrong = [problem for point in chosen for problem in strike(drill, point, _copied(begun, str(point)))]
    assert not wrong, "\n".join(wrong)


def _copied(begun: Path, name: str) -> Path:
    """A copy of the folder before the step that is hit, times included; of nothing there is none."""
    copy = begun.with_name(name)
    if begun.exists():
        shutil.copytree(begun, copy, symlinks=True)
    return copy
