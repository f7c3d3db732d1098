"""200 items, of which twelve go wrong in ways that end other batch runners."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from parbatch import Item, Job

job = Job("faults", chunk_size=25, memory="256MB", timeout=3)


class Unpicklable(Exception):
    """Holds what pickle can't take, and can't be rebuilt from its arguments."""

    def __init__(self, left, right):
        super().__init__("it can't be pickled")
        self.lock = open(os.devnull)
        self.left, self.right = left, right


def raises(ctx):
    raise ValueError("no such city")


def segfaults(ctx):
    print("last words of the segfault", flush=True)
    ctypes.string_at(0)


def exits(ctx):
    os._exit(0)


def killed(ctx):
    os.kill(os.getpid(), signal.SIGKILL)


def allocates(ctx):
    block = bytearray(2 * 1024**3)
    block[:] = b"x" * len(block)


def sleeps(ctx):
    time.sleep(600)


def spins_in_c(ctx):
    libc = ctypes.PyDLL(None)  # unlike CDLL, it keeps the GIL
    libc.sleep.argtypes = [ctypes.c_uint]
    while True:
        libc.sleep(600)


def returns_lambda(ctx):
    return lambda: None


def raises_unpicklable(ctx):
    raise Unpicklable(1, 2)


def floods(ctx):
    line = "x" * 999 + "\n"
    for _ in range(50 * 1024):
        sys.stdout.write(line)


def closes_descriptors(ctx):
    os.close(1)
    os.close(2)


def leaves_child(ctx):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)


FAULTS = {
    10: raises,
    31: segfaults,
    47: exits,
    62: killed,
    78: allocates,
    90: sleeps,
    101: spins_in_c,
    120: returns_lambda,
    133: raises_unpicklable,
    150: floods,
    171: closes_descriptors,
    188: leaves_child,
}


@job.items
def numbers():
    for number in range(200):
        fault = FAULTS.get(number)
        yield Item(id=f"i{number:03d}", data={"number": number}, group=fault.__name__ if fault else "sound")


@job.render
def one(item, ctx):
    number = item.data["number"]
    if number in FAULTS:
        return FAULTS[number](ctx)
    (ctx.dir / f"{item.id}.txt").write_text(f"{number}\n" * 50)
    return {"number": number}
