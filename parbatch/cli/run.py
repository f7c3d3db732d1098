"""`parbatch run`: a run of all that is due, and the command that goes on."""

import sys
from typing import Any

import click

from parbatch.cli.go_on import go_on_command
from parbatch.cli.options import as_given, takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import (
    JOB_HELP,
    PHASES_HELP,
    end_with,
    hinting_at_sample,
    job_argument,
)
from parbatch.engine import api as runner
from parbatch.model import loading
from parbatch.model.options import read_options
from parbatch.model.result import RunResult

_EPILOG = """Exit codes: 0 all ok, or nothing left to do; 1 some items are not ok, or the overview failed;
2 nothing was run; 3 another run holds the folder; 4 stopped by its own limit; 129, 130, 143 interrupted. After
1, 4, 129, 130 and 143, --resume goes on."""


@click.command(
    epilog=_EPILOG,
    help=f"""Render the items of a job on every core.

    {JOB_HELP}

    {PHASES_HELP}

    Each item's status is kept in the output folder; after a failure or an interruption, --resume does what is left.

    With --shard 1/5 to --shard 5/5, five processes or machines share one folder, each with a fixed fifth of the items
    and a checkpoint of its own. The one that ends last makes the overview and the reports of all.""",
)
@job_argument
@takes_options("run")
def run(job: str | None, **given: Any) -> None:  # noqa: D103 -- its help is above
    with standard_output(json=bool(given["json"])) as output:
        exit_code = end_with(lambda: _run(job, given), output, json=bool(given["json"]))
    sys.exit(exit_code)


def _run(job: str | None, given: dict[str, Any]) -> RunResult:
    loaded = loading.load(job)
    options = read_options(loaded, as_given(given))
    with hinting_at_sample(loaded):
        return runner.run_as_asked(loaded, options, go_on=_go_on)


def _go_on(result: RunResult) -> str:
    return go_on_command(
        sys.argv[1:],
        retry_failed=result.only_known_failures_left,
        time_budget=not result.used_up_its_time,
        selection=result.exit_code != 0,
        shard=result.shard,
    )
