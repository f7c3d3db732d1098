"""What a process may use, and what it has used."""

import os
import subprocess
import sys

import pytest

from parbatch.worker.limits import PeakMeter, default_cap, own_bytes, usable_memory

MEBIBYTE = 1024**2


def test_workers_share_most_of_what_may_be_used() -> None:
    assert default_cap(4) == pytest.approx(usable_memory() * 0.8 / 4, rel=0.05)


def test_the_peak_of_an_attempt_has_what_it_let_go_of_again() -> None:
    meter = PeakMeter()
    before = meter.read()
    held = bytearray(os.urandom(64 * MEBIBYTE))
    assert own_bytes() > 64 * MEBIBYTE
    del held
    assert meter.read() >= min(before, own_bytes()) + 32 * MEBIBYTE


def run(code: str) -> str:
    """What a process of its own prints."""
    code = f"import resource\nfrom parbatch.worker.limits import *\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the watch over the size stands alone")
def test_an_allocation_beyond_the_cap_fails_until_the_limit_is_lifted() -> None:
    code = f"""
hold_memory(200 * {MEBIBYTE})
try:
    bytearray(300 * {MEBIBYTE})
except MemoryError:
    print("failed")
relieve_memory()
print(len(bytearray(300 * {MEBIBYTE})) // {MEBIBYTE})
"""
    assert run(code).split() == ["failed", "300"]


def test_descriptors_are_allowed_as_many_as_are_needed_and_no_more() -> None:
    code = """
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
limit_descriptors(40)
print(allow_descriptors(10), descriptor_limit())
print(allow_descriptors(50), 50 < descriptor_limit() < 80)
"""
    few, more = run(code).splitlines()
    assert int(few.split()[0]) >= 10
    assert few.split()[1] == "40"
    assert more == "50 True"
