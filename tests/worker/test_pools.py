"""Pools and children that multiprocessing remembers, ended from outside."""

import subprocess
import sys
from multiprocessing.pool import ThreadPool

import pytest

from parbatch.worker.pools import end_pools, reap


def test_a_pool_that_is_ended_takes_no_more_work() -> None:
    pool = ThreadPool(1)
    assert pool.apply(len, ["abc"]) == 3
    end_pools()
    with pytest.raises(ValueError, match="Pool not running"):
        pool.apply(len, ["abc"])
    pool.join()


def test_a_killed_child_is_reaped_where_multiprocessing_remembers_it_and_where_it_does_not() -> None:
    code = """
import multiprocessing, os, signal, subprocess, sys, time
from parbatch.worker.pools import reap

known = multiprocessing.get_context("fork").Process(target=signal.pause)
known.start()
other = subprocess.Popen(["sleep", "100"])
for pid in (known.pid, other.pid):
    os.kill(pid, signal.SIGKILL)
reap({known.pid, other.pid})
print(known.exitcode, multiprocessing.active_children())
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no children")
other.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-9 []", "no children"]


def test_one_that_is_no_child_is_not_waited_for() -> None:
    reap({1})


def test_the_tracker_of_shared_memory_is_known_once_it_runs() -> None:
    code = """
from multiprocessing import resource_tracker
from parbatch.worker.pools import tracker_pids
before = tracker_pids()
resource_tracker.ensure_running()
print(before, tracker_pids() == {resource_tracker._resource_tracker._pid})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"
