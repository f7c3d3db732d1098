"""A job that goes wrong around its items, where the environment says."""

import os
import sys

from parbatch import Item, Job

job = Job("around", identity=["BROKEN"])


@job.items
def items():
    if os.environ["BROKEN"] == "items":
        raise FileNotFoundError("people.csv is not there")
    yield Item(id="a")
    if os.environ["BROKEN"] == "later items":
        sys.exit("row 2 is no row")


@job.render
def one(item, ctx):
    return 1


@job.overview
def summary(run, ctx):
    print("adding up")
    if os.environ["BROKEN"] == "overview":
        return 1 / 0
    if os.environ["BROKEN"] == "overview exits":
        os._exit(3)
    return None
