"""The whole batch of packets, 592 items and 992 documents, with two workers: prints the wall time in seconds.

Usage: python -m benchmarks.scripts.packets_batch
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks.packets_content import INTERNAL, ITEMS, REGIONS, build_template

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PACKETS_TEMPLATE"] = str(build_template(Path(folder, "template.docx")))
        import parbatch

        began = time.perf_counter()
        result = parbatch.run("benchmarks.packets_job:job", workers=2, out=f"{folder}/out", progress="none")
        wall = time.perf_counter() - began
        assert result.exit_code == 0, (result.failures, result.overview)
        assert len(list(Path(folder, "out/items").iterdir())) == ITEMS + INTERNAL
        assert len(list(Path(folder, "out").glob("region-*.docx"))) == len(REGIONS)
        print(wall)
