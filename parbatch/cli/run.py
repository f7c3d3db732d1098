"""`parbatch run`."""

import shlex
import sys
from typing import Any

import click

from parbatch import loading, runner
from parbatch import options as run_options
from parbatch.cli.shared import JOB_HELP, job_options, people_apart
from parbatch.reports import json as json_report
from parbatch.result import RunResult

_EPILOG = """Exit codes: 0 all ok, or nothing left to do; 1 some items are not ok, or the overview failed;
2 nothing was run; 3 another run holds the folder; 4 stopped by its own limit; 130, 143 interrupted. After 1, 4, 130
and 143, --resume goes on."""


@click.command(
    epilog=_EPILOG,
    help=f"""Render the items of a job on every core.

    {JOB_HELP}

    Each item's status is kept in the output folder; after a failure or an interruption, --resume does what is left.""",
)
@click.argument("job", required=False)
@click.option("--workers", type=int, metavar="N", help="Worker processes.  [default: the CPUs this process may use]")
@click.option("--resume", is_flag=True, default=None, help="Go on from the checkpoint in the output folder.")
@click.option(
    "--fresh", is_flag=True, default=None, help="Start over; an output is replaced when its new one is ready."
)
@click.option("--rerun", type=click.Choice(["code"]), help="With --resume: do items again that older code made.")
@click.option("--chunk-size", metavar="N|auto", help="Items a worker is handed at once; auto aims at about a second of"
              " work.  [default: the job's, else auto]")  # fmt: skip
@click.option("--only", multiple=True, metavar="PATTERN", help="Items by id or name; shell patterns; repeatable.")
@click.option("--limit", type=int, metavar="N", help="At most N items this time.")
@click.option("--max-failures", type=int, metavar="N", help="Stop handing out items after N failures.")
@click.option("--time-budget", metavar="DURATION", help="Stop handing out items after that time, such as 8h.")
@job_options
@click.option("--no-accelerate", "accelerate", flag_value=False, type=bool, default=None,
              help="Use python-docx as it is, without the faster equivalents.")  # fmt: skip
def run(job: str | None, **given: Any) -> None:  # noqa: D103 -- its help is above
    if not given["only"]:
        given["only"] = None
    with people_apart(json=bool(given["json"])):
        result = _run(job, given)
    if given["json"]:
        sys.stdout.buffer.write(json_report.encode(result))
    sys.exit(result.exit_code)


def _run(job: str | None, given: dict[str, Any]) -> RunResult:
    loaded = loading.load(job)
    asked = run_options.read(loaded, given)
    return runner.execute(loaded, asked, go_on=go_on_command(sys.argv[1:]))


def go_on_command(arguments: list[str]) -> str:
    """The command that goes on with what was typed: the same, with --resume in place of --fresh."""
    end = arguments.index("--") if "--" in arguments else len(arguments)  # what follows is no option
    kept = [argument for argument in arguments[:end] if argument not in {"--fresh", "--resume"}]
    return shlex.join(["parbatch", *kept, "--resume", *arguments[end:]])
