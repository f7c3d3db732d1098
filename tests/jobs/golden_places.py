"""Mistakes of all kinds of code that a job has; FAULT in the environment says which is made besides those of items."""

import os
import statistics

from parbatch import Entry, Item, Job

FAULT = os.environ.get("FAULT", "")


def mistake(of):
    if of == FAULT:
        raise ValueError(f"a mistake of {of}")


mistake("import")
job = Job("places", chunk_size=20, memory="1GB", merge="lines", attempts=1)


@job.context
def entries():
    yield Entry("tea", "green")
    mistake("context")


@job.items
def items():
    for name in os.environ.get("WAYS", "well").split():
        yield Item(id=name, requires=("tea",))


@job.setup
def prepare():
    mistake("setup")


@job.baseline(key="one")
def base():
    mistake("baseline")
    return 1


@job.teardown
def leave(shared):
    mistake("teardown")


@job.render
def render(item, ctx):
    return WAYS[item.id](ctx)


def well(ctx):
    return 1


def raises(ctx):
    raise ValueError("no such city")


def in_library(ctx):
    return statistics.mean([])


def in_parbatch(ctx):
    return ctx.context["rum"].content


def no_template(ctx):
    return ctx.document("nope.docx")


def no_json(ctx):
    return {1}


def reasons(ctx):
    try:
        raises(ctx)
    except ValueError as error:
        raise RuntimeError("the row can't be used") from error


def several(ctx):
    leaves = []
    for part in (raises, in_library):
        try:
            part(ctx)
        except ValueError as error:
            leaves.append(error)
    raise ExceptionGroup("two parts", leaves)


def exits(ctx):
    raise SystemExit(3)


def aborts(ctx):
    os.abort()


def misjudged(ctx):
    return "misjudged"


def wrongly_judged(ctx):
    return "wrongly judged"


WAYS = {
    way.__name__: way
    for way in (
        well, raises, in_library, in_parbatch, no_template, no_json, reasons, several, exits, misjudged, wrongly_judged,
        aborts,
    )
}  # fmt: skip


@job.validate
def check(item, ctx):
    if ctx.result == "misjudged":
        raise ValueError("can't be judged")
    if ctx.result == "wrongly judged":
        yield 3


@job.merge
def merged(outcomes):
    mistake("merge")
    for outcome in outcomes:
        yield outcome.result


@job.overview
def summary(run, ctx):
    mistake("overview")
    (ctx.dir / "overview.txt").write_text("all\n")
