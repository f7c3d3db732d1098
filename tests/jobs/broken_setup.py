"""A job whose setup raises, crashes or leaves the worker, as the environment says."""

import os
import signal
import sys

from parbatch import Item, Job

job = Job("broken")


@job.items
def items():
    for number in range(20):
        yield Item(id=f"i{number:02d}")


@job.setup
def prepare():
    how = os.environ["BROKEN"]
    print("looking for the table", file=sys.stderr)
    if how == "raises":
        raise FileNotFoundError("prices.csv is not there")
    if how == "exits":
        sys.exit(7)
    if how == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)


@job.render
def one(item, ctx):
    return None
