"""Starting workers: what loky needs beside them holds nobody up when it fails."""

import subprocess
import sys

TRACKER = """
import os, warnings
from parbatch.dispatch.backends.startup import start_trackers_quietly

warnings.simplefilter("ignore")
start_trackers_quietly()
from loky.backend import resource_tracker

tracker = resource_tracker._resource_tracker
first, kept = tracker._pid, os.dup(tracker._fd)  # as the workers have it
tracker._write = lambda data: (_ for _ in ()).throw(OSError(5, "Input/output error")) if data else None
try:
    resource_tracker.register("/nothing", "semlock")
except OSError as error:
    print(error)
del tracker._write
resource_tracker.ensure_running()
print(tracker._pid not in {None, first})
"""


def test_a_tracker_that_can_not_be_written_to_is_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", TRACKER], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
