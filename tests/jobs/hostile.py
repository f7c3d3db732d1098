"""One item of eight breaks its own worker, or its pipe, in the way that the environment names."""

import ctypes
import os
import subprocess
import sys

from parbatch import Item, Job

job = Job("hostile", chunk_size=8, memory="200MB")

kept = []


class Endless(Exception):
    def __str__(self):
        raise KeyboardInterrupt


def many_small_objects():
    held = []
    while True:
        held.append([len(held)])


def many_small_objects_kept():
    while True:
        kept.append([len(kept)])


def closes_stderr_and_leaves_a_child():
    os.close(2)
    sys.stderr.close()
    subprocess.Popen(["sleep", "600"], start_new_session=True)


def closes_high_descriptors():
    print("before")
    os.closerange(200, 300)


def closes_all_descriptors():
    os.closerange(3, 400)


def raises_the_unspeakable():
    raise Endless


def forks_and_lets_the_child_return():
    os.fork()


def returns_five_megabytes():
    return "x" * (5 * 1024**2)


def raises_ten_megabytes():
    raise ValueError("x" * (10 * 1024**2))


def removes_its_folder_and_streams():
    sys.stdout = sys.stderr = None
    ctypes.CDLL(None).close(1)


@job.items
def items():
    for number in range(8):
        yield Item(id=f"i{number}")


@job.render
def one(item, ctx):
    if item.id == "i3":
        return globals()[os.environ["HOSTILE"]]()
    return item.id
