"""CPU per document: the packet generator with plain python-docx and with parbatch's, its own code unchanged.

`python -m benchmarks packets` measures rows two and three of the design's table of speeds. The whole batch in a plain
loop is `plain_loop` (`python -m benchmarks.packets DIR`); the same batch as a parbatch job is in `packets_job.py`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docx

from benchmarks.measuring import Row, alternate, ratio, script
from benchmarks.packets_content import (
    INTERNAL,
    ITEMS,
    REGIONS,
    build_template,
    make_packet,
    make_regional,
    packet_items,
    packet_result,
)
from parbatch.docx import accelerate, open_template, restore, save

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

ROUNDS = 5
SAMPLE = 4  # items in a round, about seven documents: 5 s of the plain loop


def plain_loop(out_dir: str | os.PathLike[str], limit: int | None = None) -> dict[str, Any]:
    """Render the packets of the first `limit` items (all 592 if None), then the regions, into `out_dir`.

    This is the loop that people write, on plain python-docx, in one process. Returns `documents`, `wall_s`
    and `cpu_s`.
    """
    restore()
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    template = str(build_template(out / "template.docx"))
    started, cpu = time.perf_counter(), time.process_time()
    documents = 0
    results = defaultdict(list)
    for item in islice(packet_items(), limit):
        for edition in item["data"]["editions"]:
            document = make_packet(item["data"], edition, docx.Document, template)
            document.save(str(out / f"{item['id']}-{edition}.docx"))
            documents += 1
        results[item["group"]].append(packet_result(item["data"]))
    for region in REGIONS:
        if results[region]:
            document = make_regional(region, results[region], docx.Document, template)
            document.save(str(out / f"region-{region.lower()}.docx"))
            documents += 1
    return {
        "documents": documents,
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
    }


def measure() -> list[Row]:
    """Rows 2 and 3 of the design's table."""
    return [document_cost(), batch()]


def document_cost(rounds: int = ROUNDS, sample: int = SAMPLE) -> Row:
    """Row 2: CPU per document.

    Each round renders and saves the packets of `sample` items, other ones each time, first plain, then
    accelerated, in this process; what is compared is CPU time. Both have rendered one document before.
    """
    measured: dict[str, list[float]] = {"ratio": [], "plain ms": [], "parbatch ms": []}
    with tempfile.TemporaryDirectory() as folder:
        template = str(build_template(Path(folder) / "template.docx"))
        target = Path(folder) / "packet.docx"
        items = list(packet_items())
        for number in range(rounds + 1):
            at = number * 97 % (len(items) - sample)
            chosen = items[at : at + sample] if number else items[:1]
            restore()
            plain = _cpu_per_document(chosen, docx.Document, lambda d: d.save(str(target)), template)
            accelerate()
            _cpu_per_document(items[:1], open_template, lambda d: save(d, target), template)
            fast = _cpu_per_document(chosen, open_template, lambda d: save(d, target), template)
            if number:
                measured["ratio"].append(plain / fast)
                measured["plain ms"].append(plain * 1000)
                measured["parbatch ms"].append(fast * 1000)
        restore()
    return Row(
        row=2,
        measure="CPU per document, user code unchanged, against plain python-docx",
        value=statistics.median(measured["ratio"]),
        unit="x less",
        must=35,
        aim=60,
        smaller_is_better=False,
        rounds=measured,
    )


def batch() -> Row:
    """Row 3: the whole batch with two workers, start-up and regional documents included, against the plain loop.

    The plain loop takes eleven minutes; a round times it on every 24th item, spread over the batch, and scales up by
    the number of documents. The regional documents are in parbatch's time alone.
    """
    print("a 592-item batch against the plain loop", file=sys.stderr)
    measured = alternate({"plain": _plain_batch, "parbatch": lambda: float(script("packets_batch"))}, ROUNDS)
    return Row(
        row=3,
        measure="a 592-item batch (992 documents), 2 workers, against the plain loop",
        value=ratio(measured, "plain", "parbatch"),
        unit="x faster",
        must=45,
        aim=80,
        smaller_is_better=False,
        rounds=measured,
        note=", ".join(f"{name} {statistics.median(seconds):,.0f} s" for name, seconds in measured.items()),
    )


def _plain_batch() -> float:
    restore()
    with tempfile.TemporaryDirectory() as folder:
        template = str(build_template(Path(folder) / "template.docx"))
        documents = 0
        started = time.perf_counter()
        for item in islice(packet_items(), 0, None, 24):
            for edition in item["data"]["editions"]:
                document = make_packet(item["data"], edition, docx.Document, template)
                document.save(str(Path(folder, f"{item['id']}-{edition}.docx")))
                documents += 1
        return (time.perf_counter() - started) * (ITEMS + INTERNAL) / documents


def _cpu_per_document(
    items: list[dict[str, Any]], opened: Callable[[str], Any], saved: Callable[[Any], None], template: str
) -> float:
    started = time.process_time()
    documents = 0
    for item in items:
        for edition in item["data"]["editions"]:
            saved(make_packet(item["data"], edition, opened, template))
            documents += 1
    return (time.process_time() - started) / documents


def main() -> None:
    """Render the whole batch in a plain loop, or some of it: what the other figures are set against."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--limit", type=int, help="how many items")
    options = parser.parse_args()
    print(plain_loop(options.folder, options.limit))


if __name__ == "__main__":
    main()
