"""`parbatch report`."""

import sys

import click

from parbatch.cli.shared import JOB_HELP, folder_of, one_shard_option, out_option
from parbatch.progress import printable, show
from parbatch.reports import REPORTS
from parbatch.reports.console import as_typed
from parbatch.rewriting import write_again


@click.command(
    help=f"""Write the reports again, from the checkpoint and the record of the last run; nothing is rendered.

    {JOB_HELP}""",
    short_help="Write the reports again from the checkpoint.",
    epilog="Exit codes: 0 all are written; 1 some could not be; 2 there is no run to report on; 3 a run holds the"
    " folder.",
)
@click.argument("job", required=False)
@out_option
@one_shard_option
def report(job: str | None, out: str | None, shard: str | None) -> None:  # noqa: D103 -- its help is above
    folder = folder_of(job, out, shard)
    told = write_again(folder)
    for note in told.notes:
        show(f"parbatch: {printable(note)}", sys.stderr)
    for name in REPORTS:
        if name in told.written:
            show(as_typed(str(folder.root), folder.report(name).name), sys.stdout)
    sys.exit(0 if len(told.written) == len(REPORTS) else 1)
