"""What all benchmarks share: rounds that alternate, medians, and rows for the table."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import msgspec

ROOT = Path(__file__).parent.parent


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of the design's table: `value` against `must` and `aim`, in `unit`, with all that was measured."""

    row: int
    measure: str
    value: float
    unit: str
    must: float
    aim: float
    smaller_is_better: bool = True
    rounds: dict[str, list[float]] = {}
    note: str = ""

    def verdict(self) -> str:
        """How the value stands to what must be and what is aimed at."""
        sign = 1 if self.smaller_is_better else -1
        if sign * self.value <= sign * self.aim:
            return "aim"
        return "must" if sign * self.value <= sign * self.must else "MISSED"


def alternate(candidates: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call each candidate in turn, so many rounds; what each returned, by its name."""
    measured: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds):
        for name, candidate in candidates.items():
            measured[name].append(candidate())
        shown = ", ".join(f"{name} {values[-1]:.4g}" for name, values in measured.items())
        print(f"  round {number + 1}: {shown}", file=sys.stderr, flush=True)
    return measured


def ratio(measured: Mapping[str, list[float]], over: str, under: str) -> float:
    """The ratio of two medians."""
    return median(measured[over]) / median(measured[under])


def timed(arguments: list[str], folder: Path = ROOT) -> float:
    """Seconds that a command takes in a folder. Raises CalledProcessError when it fails."""
    began = time.perf_counter()
    subprocess.run(arguments, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def script(name: str, *arguments: object) -> str:
    """What a benchmark script prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.scripts.{name}", *map(str, arguments)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()
