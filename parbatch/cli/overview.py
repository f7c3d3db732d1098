"""`parbatch overview`: the overview and the merged file made anew, from what the checkpoint has."""

import sys
from typing import Any

import click

from parbatch.cli.options import takes_options
from parbatch.cli.output import Output, json_text, standard_output
from parbatch.cli.shared import JOB_HELP, job_argument, json_option
from parbatch.engine import api as runner
from parbatch.model import loading
from parbatch.model.options import read_options
from parbatch.model.result import ProductReport
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.model.terminal import show
from parbatch.model.text import printable
from parbatch.reports.console import as_typed

_CALLED = {OVERVIEW: "overview", MERGE: "merged"}


@click.command(
    epilog="Exit codes: 0 made; 1 it failed; 2 there is no checkpoint yet, or the job has no overview; 3 a run"
    " holds the folder; 129, 130, 143 interrupted.",
    short_help="Make the overview anew from the checkpoint.",
    help=f"""Make the overview anew from the checkpoint, and merge the results, also when they are up to date.

    No item is rendered.

    Of a folder that is run in shards, all are joined first, and the reports of all are written as well; each shard has
    to be finished.

    {JOB_HELP}""",
)
@job_argument
@takes_options("overview")
@json_option
def overview(job: str | None, *, as_json: bool, **given: Any) -> None:  # noqa: D103 -- its help is above
    with standard_output(json=as_json) as output:
        loaded = loading.load(job)
        options = read_options(loaded, {**given, "workers": 1})
        reports, exit_code = runner.rebuild_products(loaded, options)
        if as_json:
            by_name = {_CALLED[product]: report for product, report in reports.items()}
            exit_code = output.result([json_text(by_name)], exit_code)
        else:
            for product, report in reports.items():
                _tell(_CALLED[product], report, str(options.out.absolute()), output)
    sys.exit(exit_code)


def _tell(what: str, report: ProductReport, out: str, output: Output) -> None:
    if report.error is not None:
        words = f"parbatch: {what} failed: {report.error}\n{report.traceback or ''}"
        show("\n".join(map(printable, words.splitlines())), sys.stderr)
    elif report.path is None:
        output.tell([f"{what:<8}  its function ran, and left no file"])
    else:
        output.tell([f"{what:<8}  {printable(as_typed(out, report.path))}"])
