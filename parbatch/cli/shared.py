"""What several commands have in common."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from parbatch.backends import BACKENDS
from parbatch.progress import MODES


@contextlib.contextmanager
def people_apart(*, json: bool) -> Iterator[None]:
    """With --json, keep standard output for the result; whatever else is printed, by the job too, goes elsewhere."""
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        yield


Command = TypeVar("Command", bound=Callable[..., Any])

JOB_HELP = (
    "JOB is a file (job.py), a job in a file (job.py:letters), package.module:name, or a .toml file. Without one:"
    " parbatch.toml here, else [tool.parbatch] of pyproject.toml here, else the sample job."
)

_OPTIONS = (
    click.option("--out", metavar="DIR", help="The output folder.  [default: outputs/<job name>]"),
    click.option("--memory", metavar="SIZE", help="Cap for each worker with the processes it starts, such as 512MB."
                 "  [default: the job's; else 80 % of the memory, shared among the workers]"),
    click.option("--timeout", metavar="SECONDS", help="Time for one attempt, such as 90 or 2m.  [default: the job's]"),
    click.option("--attempts", type=int, metavar="N", help="Tries at an item; a crash is always tried once more."
                 "  [default: the job's, else 1]"),
    click.option("--backend", type=click.Choice(list(BACKENDS)), help="loky: worker processes; inline: this process,"
                 " for debugging.  [default: loky]"),
    click.option("--progress", type=click.Choice(MODES), help="auto: a bar on a terminal, else a line an item."
                 "  [default: auto]"),
    click.option("--json", is_flag=True, default=None, help="The result on standard output as JSON, all else on"
                 " standard error."),
)  # fmt: skip


def job_options(command: Command) -> Command:
    """The options of commands that render."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
