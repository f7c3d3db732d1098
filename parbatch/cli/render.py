"""`parbatch render`."""

import shlex
import sys
from typing import Any

import click

from parbatch import loading, runner
from parbatch import options as run_options
from parbatch.cli.shared import JOB_HELP, item_argument, job_argument, job_options, people_apart
from parbatch.reports import json as json_report
from parbatch.result import RunResult


@click.command(
    short_help="Render one item, whether it was done or not.",
    help=f"""Render one item, by id or name, whether it was done or not; the others stay as they are.

    So do the overview and the merged file, until the next run or `parbatch overview`.

    {JOB_HELP}""",
)
@item_argument
@job_argument
@job_options
def render(item: str, job: str | None, **given: Any) -> None:  # noqa: D103 -- its help is above
    with people_apart(json=bool(given["json"])):
        result = _render(item, job, given)
    if given["json"]:
        sys.stdout.buffer.write(json_report.encode(result))
    sys.exit(result.exit_code)


def _render(item: str, job: str | None, given: dict[str, Any]) -> RunResult:
    loaded = loading.load(job)
    asked = run_options.read(loaded, {**given, "workers": 1}, default_progress="lines")
    return runner.render_one(
        loaded,
        asked,
        item,
        go_on=lambda _: shlex.join(["parbatch", "show", item, *([job] if job else [])]),
    )
