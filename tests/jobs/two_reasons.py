"""Forty items that fail for two reasons, in words full of particulars."""

import datetime as dt
import os
import uuid

from parbatch import Item, Job

job = Job("reasons", attempts=2, identity=["DATABASE_URL", "API_TOKEN", "HEADERS", "PEM", "SOURCE", "STAGE"])


@job.items
def items():
    for number in range(40):
        yield Item(id=f"c-{number:04d}", name=f"Customer No. {number}", data={"number": number})
    yield Item(id="sound", data={"number": 99})


def no_price(item):
    number = item.data["number"]
    when = dt.datetime(2026, 1, 1 + number % 28, number % 24, 7, number, tzinfo=dt.UTC)
    raise LookupError(
        f"{when:%a %b %d %H:%M:%S UTC %Y}: no price for '{item.name}' ({uuid.UUID(int=number * 7**40)}) in"
        f" /data/{number}/prices-{number}.csv, {number}.5 % of {number * 1000:,} rows ({number} KB),"
        f" object at {number:#x}"
    )


def refused(item):
    number = item.data["number"]
    raise ConnectionError(
        f"the {number}th try at https://host{number}.example/{item.id}?page={number} for ada{number}@example.org from"
        f" C:\\jobs\\{number}\\in was refused by 10.0.{number}.1:80{number} on {number % 28 + 1}/11/2026"
    )


@job.render
def one(item, ctx):
    print(f"try {ctx.number} at {item.id}")
    if item.data["number"] == 99:
        return os.environ.get("STAGE")
    return (no_price if item.data["number"] % 2 else refused)(item)
