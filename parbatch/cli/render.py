"""`parbatch render`: one item rendered, and what to do next."""

import sys
from typing import Any

import click

from parbatch.cli.options import takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    end_with,
    hinting_at_order,
    hinting_at_sample,
    item_argument,
    job_argument,
    typed,
)
from parbatch.engine import api as runner
from parbatch.model import loading
from parbatch.model.options import read_options
from parbatch.model.result import RunResult


@click.command(
    short_help="Render one item, whether it was done or not.",
    help=f"""Render one item, by id or name, whether it was done or not; the others stay as they are.

    So do the overview and the merged file, until the next run or `parbatch overview`.

    {JOB_HELP}""",
)
@item_argument
@job_argument
@takes_options("render")
def render(item: str, job: str | None, **given: Any) -> None:  # noqa: D103 -- its help is above
    with standard_output(json=bool(given["json"])) as output, hinting_at_order("render", item, job):
        exit_code = end_with(lambda: _render(item, job, given), output, json=bool(given["json"]))
    sys.exit(exit_code)


def _render(item: str, job: str | None, given: dict[str, Any]) -> RunResult:
    loaded = loading.load(job)
    options = read_options(loaded, {**given, "workers": 1}, default_progress="lines")
    with hinting_at_sample(loaded):
        return runner.render_one(
            loaded,
            options,
            item,
            go_on=lambda result: _go_on(result, item, job, given["out"]),
        )


def _go_on(result: RunResult, item: str, job: str | None, out: str | None) -> str:
    """Return what to do next: look at an item that failed, else go on with the others."""
    if result.exit_code:
        return typed("show", item, job, out=out)
    return typed("run", job, out=out, options=["--resume"])
