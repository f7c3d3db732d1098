"""What several commands have in common."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from parbatch import loading
from parbatch.backends import BACKENDS
from parbatch.folder import Folder
from parbatch.options import out_folder
from parbatch.progress import MODES, printable

Command = TypeVar("Command", bound=Callable[..., Any])

JOB_HELP = (
    "JOB is a file (job.py), a job in a file (job.py:letters), package.module:name, or a .toml file. Without one:"
    " parbatch.toml here, else [tool.parbatch] of pyproject.toml here, else the sample job."
)

LOOKING_EXIT_CODES = "Exit codes: 0 done; 2 there is no checkpoint yet, or what was typed can't be used."

out_option = click.option("--out", metavar="DIR", help="The output folder.  [default: outputs/<job name>]")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for programs.")

_OPTIONS = (
    out_option,
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


def folder_of(job: str | None, out: str | None) -> Folder:
    """The output folder that is named, or the job's own; the job is loaded only to find that."""
    return Folder(Path(out) if out else out_folder(loading.load(job)))


def job_to_type(job: str | None, out: str | None) -> str | None:
    """The job as it has to be typed: a stand-in where only a folder was named, and nothing here says whose it is."""
    return "JOB" if job is None and out and loading.configured_here() is None else job


def typed(command: str, *named: str | None, out: str | None, options: Sequence[str] = ()) -> str:
    """A command about the same folder, to be pasted into a shell: what it names (None for nothing), and its options."""
    names = [name for name in named if name is not None]
    given = [*(["--out", out] if out else []), *options]
    words = [*given, "--", *names] if any(name.startswith("-") for name in names) else [*names, *given]
    return printable(shlex.join(["parbatch", command, *words]))


def on_terminal() -> bool:
    """Whether people read along; else it is a pipe or a file, and each line stands for itself."""
    return sys.stdout.isatty()


def write_json(value: object) -> None:
    """A value as indented JSON on standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
