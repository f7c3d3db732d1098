"""The runner's own cost: rows four, seven and nine to twelve of the design's table of speeds."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from loky import cpu_count

from benchmarks.measuring import Row, alternate, ratio, script, timed

ROUNDS = 5
EMPTY_ITEMS = 300_000
FEW, MANY = 10_000, 1_000_000


def measure() -> list[Row]:
    """All rows, measured now."""
    return [
        overhead(),
        throughput(),
        *memory_and_resumption(),
        refill(),
        start_up(),
    ]


def overhead() -> Row:
    """Row 4: wall time against render CPU shared among the cores."""
    print("wall time against render CPU ÷ cores", file=sys.stderr)
    cores = min(2, int(cpu_count()))

    def once() -> float:
        wall, cpu = map(float, script("busy_items").split())
        return wall / (cpu / cores)

    measured = alternate({"ratio": once}, ROUNDS)
    return Row(
        row=4,
        measure="wall time against (render CPU ÷ cores), 592 items, start-up included",
        value=median(measured["ratio"]),
        unit="x",
        must=1.06,
        aim=1.03,
        rounds=measured,
    )


def throughput() -> Row:
    """Row 7: empty items a second, against the faster of joblib and mpire."""
    print("empty items a second", file=sys.stderr)
    measured = alternate({name: partial(_items_a_second, name) for name in ("parbatch", "joblib", "mpire")}, ROUNDS)
    faster = max(("joblib", "mpire"), key=lambda name: median(measured[name]))
    return Row(
        row=7,
        measure=f"empty items a second, journalled, chunk 25, against {faster} (no journal)",
        value=ratio(measured, "parbatch", faster),
        unit="x",
        must=1.0,
        aim=2,
        smaller_is_better=False,
        rounds=measured,
        note=", ".join(f"{name} {median(values):,.0f} a second" for name, values in measured.items()),
    )


def _items_a_second(name: str) -> float:
    return float(script("empty_items", name, EMPTY_ITEMS))


def memory_and_resumption() -> list[Row]:
    """Rows 9 and 10: the parent's memory, and a resumption that has nothing to do, with a million items."""
    print("a million items", file=sys.stderr)
    peaks: dict[str, list[float]] = {"few": [], "many": []}
    resumptions: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            out = Path(folder, str(number))
            peaks["few"].append(_many(FEW, out / "few", "run")[0])
            peaks["many"].append(_many(MANY, out / "many", "run")[0])
            peak, seconds = _many(MANY, out / "many", "resume")
            peaks["many"][-1] = max(peaks["many"][-1], peak)
            resumptions += [seconds, _many(MANY, out / "many", "resume")[1]]
    more = (median(peaks["many"]) - median(peaks["few"])) / 1e6
    return [
        Row(
            row=9,
            measure="parent's peak memory, 1,000,000 items against 10,000",
            value=more,
            unit="MB more",
            must=60,
            aim=20,
            rounds=peaks,
        ),
        Row(
            row=10,
            measure="--resume on 1,000,000 finished items",
            value=median(resumptions),
            unit="s",
            must=8,
            aim=4,
            rounds={"seconds": resumptions},
        ),
    ]


def _many(count: int, out: Path, mode: str) -> tuple[float, float]:
    peak, seconds = map(float, script("many_items", count, out, mode).split())
    return peak, seconds


def refill() -> Row:
    """Row 11: from a worker's death to its slot rendering again."""
    print("from a worker's death to its slot rendering again", file=sys.stderr)
    seconds = [float(line) for line in script("worker_death").splitlines()]
    return Row(
        row=11,
        measure="from a worker's death to its slot rendering again",
        value=median(seconds),
        unit="s",
        must=0.5,
        aim=0.2,
        rounds={"seconds": seconds},
    )


def start_up() -> Row:
    """Row 12: `parbatch --version` against an interpreter that does nothing."""
    print("parbatch --version", file=sys.stderr)
    command = str(Path(sys.executable).with_name("parbatch"))
    subprocess.run([command, "--version"], check=True, stdout=subprocess.DEVNULL)  # compiled once
    measured = alternate(
        {
            "parbatch": partial(timed, [command, "--version"]),
            "python": partial(timed, [sys.executable, "-c", "pass"]),
        },
        21,
    )
    return Row(
        row=12,
        measure="`parbatch --version` against `python -c pass`",
        value=ratio(measured, "parbatch", "python"),
        unit="x",
        must=4,
        aim=2,
        rounds=measured,
    )
