"""CPU per document: the packet generator with plain python-docx and with parbatch's, its own code unchanged.

`python -m benchmarks.packets` prints the ratio of design section 9, row 1, with what it was measured on. The
whole batch in a plain loop is `plain_loop`; the same batch as a parbatch job is in `packets_job.py`.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docx
from lxml import etree

from benchmarks.packets_content import (
    REGIONS,
    build_template,
    make_packet,
    make_regional,
    packet_items,
    packet_result,
)
from parbatch.docx import accelerate, open_template, restore, save
from parbatch.docx.deflate import library

if TYPE_CHECKING:
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


def measure(rounds: int = ROUNDS, sample: int = SAMPLE) -> list[dict[str, Any]]:
    """Return row 1 of design section 9 as a list of one dict.

    Each round renders and saves the packets of `sample` items, other ones each time, first plain, then
    accelerated, in this process; what is compared is CPU time. Both have rendered one document before.
    """
    with tempfile.TemporaryDirectory() as folder:
        template = str(build_template(Path(folder) / "template.docx"))
        target = Path(folder) / "packet.docx"
        items = list(packet_items())
        values, plain_ms, fast_ms = [], [], []
        for number in range(rounds + 1):
            at = number * 97 % (len(items) - sample)
            chosen = items[at : at + sample] if number else items[:1]
            restore()
            plain = _cpu_per_document(chosen, docx.Document, lambda d: d.save(str(target)), template)
            accelerate()
            _cpu_per_document(items[:1], open_template, lambda d: save(d, target), template)
            fast = _cpu_per_document(chosen, open_template, lambda d: save(d, target), template)
            if number:
                values.append(plain / fast)
                plain_ms.append(plain * 1000)
                fast_ms.append(fast * 1000)
        restore()
    return [
        {
            "row": 1,
            "measure": "CPU per document, user code unchanged, against plain python-docx",
            "must": 8,
            "aim": 15,
            "value": statistics.median(values),
            "unit": "times less",
            "rounds": values,
            "plain_ms": plain_ms,
            "parbatch_ms": fast_ms,
        }
    ]


def versions() -> dict[str, str]:
    """Return what the figures depend on: versions and the machine."""
    return {
        "python": platform.python_version(),
        "python-docx": version("python-docx"),
        "lxml": version("lxml"),
        "libxml2": ".".join(map(str, etree.LIBXML_VERSION)),
        "deflate": library().name,
        "cpus": str(os.cpu_count()),
        "machine": f"{platform.system()} {platform.machine()}",
    }


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
    """Print the measure, or run the plain loop into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--plain-loop", metavar="DIR", help="render the whole batch in a plain loop")
    parser.add_argument("--limit", type=int, help="items of the plain loop")
    options = parser.parse_args()
    if options.plain_loop:
        print(plain_loop(options.plain_loop, options.limit))
        return
    print(", ".join(f"{name} {value}" for name, value in versions().items()))
    for row in measure(options.rounds):
        print(f"{row['measure']}: {row['value']:.1f} {row['unit']} (must {row['must']}, aim {row['aim']})")
        print("  rounds:", ", ".join(f"{value:.1f}" for value in row["rounds"]))
        print("  plain ms:", ", ".join(f"{value:.0f}" for value in row["plain_ms"]))
        print("  parbatch ms:", ", ".join(f"{value:.1f}" for value in row["parbatch_ms"]))


if __name__ == "__main__":
    main()
