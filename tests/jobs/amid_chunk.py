"""A function that renders a whole chunk within contexts of its own, which last over all of its items."""

import decimal
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

from parbatch import Item, Job

job = Job("amid", chunk_size=4, timeout=60)


@job.items
def items() -> Iterator[Item]:
    for number in range(8):
        yield Item(id=f"i{number}", data={"number": number})


def square(number: int) -> int:
    return number * number


@job.render_chunk
def render(items: Sequence[Item], _: Any) -> Iterator[tuple[str, object]]:
    found = [decimal.getcontext().prec, os.environ.get("AMID"), signal.getitimer(signal.ITIMER_REAL)[0] > 0]
    os.environ["AMID"] = "1"
    signal.setitimer(signal.ITIMER_REAL, 50)
    with multiprocessing.Pool(1) as pool, decimal.localcontext() as context:
        context.prec = 3
        for item, result in zip(items, pool.imap(square, [item.data["number"] for item in items]), strict=True):
            pool.apply(square, (2,))
            told = [decimal.getcontext().prec, os.environ.get("AMID"), signal.getitimer(signal.ITIMER_REAL)[0] > 0]
            yield item.id, {"found": found, "told": told, "square": result}
