"""592 documents that take tens of milliseconds each: prints wall time, and the CPU time spent in render.

Usage: python -m benchmarks.scripts.busy_items
"""

import sys
import tempfile
import time
from collections.abc import Iterator

import parbatch
from parbatch import Item, Job
from parbatch.worker.context import Context

ITEMS = 592

job = Job("busy")


@job.items
def items() -> Iterator[Item]:
    """592 items, a third of them three times the size of the others."""
    for number in range(ITEMS):
        yield Item(id=f"item-{number}", data={"paragraphs": 240 if number % 3 else 80})


@job.render
def document(item: Item, ctx: Context) -> object:
    """A document of plain and styled paragraphs; the CPU time it took is a metric."""
    began = time.process_time()
    made = ctx.document()
    for number in range(item.data["paragraphs"]):
        made.add_paragraph(f"Paragraph {number} of {item.name}", style="List Bullet" if number % 4 else None)
    made.save(str(ctx.dir / f"{item.id}.docx"))
    ctx.metric("cpu_s", time.process_time() - began)
    return None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = parbatch.run(
            "benchmarks/scripts/busy_items.py", workers=2, out=f"{folder}/out", progress="none", accelerate=False
        )
        wall = time.perf_counter() - began
        assert result.success == ITEMS, result.failures
        print(wall, result.metrics["cpu_s"].sum)
        sys.exit(0)
