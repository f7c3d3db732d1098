"""Empty items through a runner in chunks of 25, two workers: prints items a second.

Usage: python -m benchmarks.scripts.empty_items parbatch|joblib|mpire COUNT
"""

import sys
import tempfile
import time
from collections.abc import Iterator

import parbatch
from parbatch import Item, Job

CHUNK, WORKERS = 25, 2

job = Job("empty", chunk_size=CHUNK)


@job.items
def items() -> Iterator[Item]:
    """As many empty items as were asked for."""
    for number in range(int(sys.argv[2])):
        yield Item(id=f"item-{number}", data={"number": number})


@job.render
def nothing(item: Item, ctx: object) -> None:
    """Do nothing."""


def empty(number: int) -> None:
    """Do nothing, for the others."""


def by_parbatch(count: int) -> None:
    """Every outcome journalled."""
    with tempfile.TemporaryDirectory() as folder:
        result = parbatch.run(
            "benchmarks/scripts/empty_items.py", workers=WORKERS, out=f"{folder}/out", progress="none"
        )
        assert result.success == count


def by_joblib(count: int) -> None:
    """No journal; results in memory."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=WORKERS, batch_size=CHUNK)(delayed(empty)(number) for number in range(count))


def by_mpire(count: int) -> None:
    """No journal; results in memory."""
    from mpire.pool import WorkerPool

    with WorkerPool(n_jobs=WORKERS) as pool:
        pool.map(empty, range(count), iterable_len=count, chunk_size=CHUNK)


if __name__ == "__main__":
    runner, asked = {"parbatch": by_parbatch, "joblib": by_joblib, "mpire": by_mpire}[sys.argv[1]], int(sys.argv[2])
    began = time.perf_counter()
    runner(asked)
    print(asked / (time.perf_counter() - began))
