"""A run of many empty items, then its resumption: prints the parent's peak memory in bytes, and seconds.

Usage: python -m benchmarks.scripts.many_items COUNT FOLDER run|resume
"""

import resource
import sys
import time

import parbatch

if __name__ == "__main__":
    count, folder, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.argv[1:] = ["parbatch", str(count)]
    began = time.perf_counter()
    result = parbatch.run(
        "benchmarks/scripts/empty_items.py", workers=2, out=folder, progress="none", resume=mode == "resume"
    )
    assert (result.success, result.rendered) == (count, 0 if mode == "resume" else count)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.perf_counter() - began)
