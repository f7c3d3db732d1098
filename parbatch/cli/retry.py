"""`parbatch retry`: what is not ok tried again, and the command that goes on."""

import sys
from typing import Any

import click

from parbatch.cli.go_on import go_on_command
from parbatch.cli.options import as_given, takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import JOB_HELP, end_with, hinting_at_sample, job_argument
from parbatch.engine import api as runner
from parbatch.model import loading
from parbatch.model.options import read_options
from parbatch.model.result import RunResult

_EPILOG = """Exit codes: as of run; 2 where there is no earlier run, or a selection leaves nothing, saying which rule
left how many out."""


@click.command(
    epilog=_EPILOG,
    short_help="Try again what is not ok, time-outs last.",
    help=f"""Try again what is not ok, also what is known to fail: what is pending, then cheap failures, time-outs last.

    {JOB_HELP}

    Groups that still have pending items are left out, unless they are asked for: by --include-unfinished-groups, or by
    name with --group, --only or --status pending.""",
)
@job_argument
@takes_options("retry")
def retry(job: str | None, **given: Any) -> None:  # noqa: D103 -- its help is above
    with standard_output(json=bool(given["json"])) as output:
        exit_code = end_with(lambda: _retry(job, given), output, json=bool(given["json"]))
    sys.exit(exit_code)


def _retry(job: str | None, given: dict[str, Any]) -> RunResult:
    loaded = loading.load(job)
    options = read_options(loaded, as_given(given), retry=True)
    with hinting_at_sample(loaded):
        return runner.run_as_asked(loaded, options, go_on=_go_on)


def _go_on(result: RunResult) -> str:
    if not result.exit_code:  # what is left was not selected
        return go_on_command(["run", *sys.argv[2:]], selection=False)
    return go_on_command(sys.argv[1:], time_budget=not result.used_up_its_time, shard=result.shard)
