"""`parbatch report`: the reports written again from the checkpoint."""

import sys

import click

from parbatch.cli.options import takes_options
from parbatch.cli.output import standard_output
from parbatch.cli.shared import JOB_HELP, folder_and_job, job_argument
from parbatch.engine.finish import refresh
from parbatch.model.terminal import show
from parbatch.model.text import printable
from parbatch.reports import REPORTS
from parbatch.reports.console import as_typed
from parbatch.storage.folder_owner import check_owner


@click.command(
    help=f"""Write the reports again, from the checkpoint and the record of the last run; nothing is rendered.

    {JOB_HELP}""",
    short_help="Write the reports again from the checkpoint.",
    epilog="Exit codes: 0 all are written; 1 some could not be; 2 there is no run to report on; 3 a run holds the"
    " folder.",
)
@job_argument
@takes_options("report", "out", "shard")
def report(job: str | None, out: str | None, shard: str | None) -> None:  # noqa: D103 -- its help is above
    with standard_output(fields=True) as output:
        folder, loaded = folder_and_job(job, out, shard)
        if loaded is not None:
            check_owner(folder, loaded)
        rewritten = refresh(folder)
        for note in rewritten.notes:
            show(f"parbatch: {printable(note)}", sys.stderr)
        written = (name for name in REPORTS if name in rewritten.written)
        output.tell(as_typed(str(folder.root), folder.report(name).name) for name in written)
    sys.exit(0 if len(rewritten.written) == len(REPORTS) else 1)
