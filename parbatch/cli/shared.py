"""What several commands have in common."""

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from parbatch.cli import FOLDER
from parbatch.cli.completion import complete_folder, complete_item, complete_job
from parbatch.cli.output import Output
from parbatch.errors import FolderError, JobError, NothingRunError, ParbatchError
from parbatch.model import loading
from parbatch.model.loading import LoadedJob
from parbatch.model.options import BACKENDS, MODES, out_folder
from parbatch.model.result import RunResult
from parbatch.model.shard import parse_shard
from parbatch.model.terminal import show
from parbatch.model.text import printable
from parbatch.reports import json as json_report
from parbatch.reports.console import as_typed
from parbatch.storage.folder import Folder
from parbatch.storage.folder_owner import not_its_own
from parbatch.storage.layout import part_folder

Command = TypeVar("Command", bound=Callable[..., Any])

JOB_HELP = (
    "JOB is a file (job.py), a job in a file (job.py:letters), package.module:name, or a .toml file. Without one:"
    " parbatch.toml here, else [tool.parbatch] of pyproject.toml here, else the sample job."
)
PHASES_HELP = (
    "What a job comes after (after=) is run first, as far as that is needed. Options are for all phases; those that"
    " select items (--only, --exclude, --group, --limit, --sample-groups) are for the last."
)

LOOKING_EXIT_CODES = (
    "Exit codes: 0 done; 1 what there is to say could not be written; 2 there is no checkpoint yet, or what was typed"
    " can't be used."
)

job_argument = click.argument("job", required=False, shell_complete=complete_job)
item_argument = click.argument("item", shell_complete=complete_item)
out_option = click.option(
    "--out", metavar="DIR", help="The output folder.  [default: outputs/<job name>]", shell_complete=complete_folder
)
shard_option = click.option(
    "--shard",
    metavar="N/M",
    help="One of M fixed parts of the items, such as 2/5; each can run on a machine of its own.",
)
one_shard_option = click.option("--shard", metavar="N/M", help="Only this shard, such as 2/5.  [default: all]")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for programs.")

_OPTIONS = (
    out_option,
    click.option("--memory", metavar="SIZE", help="Cap for each worker with the processes it starts, such as 512MB."
                 "  [default: the job's; else 80 % of the memory, shared among the workers]"),
    click.option(
        "--timeout",
        metavar="SECONDS",
        help="Time for one attempt, for setup, baseline, merge and overview, such as 90 or 2m.  [default: the job's]",
    ),
    click.option("--attempts", type=int, metavar="N", help="Tries at an item; a crash is always tried once more."
                 "  [default: the job's, else 1, or 3 where it validates]"),
    click.option("--backend", type=click.Choice(list(BACKENDS)), help="loky: worker processes; inline: this process,"
                 " for debugging.  [default: loky]"),
    click.option("--progress", type=click.Choice(MODES), help="auto: a bar on a terminal, else a line an item,"
                 " and after the first 1,000 a line in ten seconds;"
                 " none: only the summary."
                 "  [default: auto]"),
    click.option("--json", is_flag=True, default=None, help="The result on standard output as JSON, all else on"
                 " standard error."),
)  # fmt: skip

_BATCH_OPTIONS = (
    click.option("--workers", type=int, metavar="N", help="Worker processes.  [default: the CPUs this process may"
                 " use]"),
    click.option("--chunk-size", metavar="N|auto", help="Items a worker is handed at once; auto aims at about a second"
                 " of work.  [default: the job's, else auto]"),
    click.option("--only", multiple=True, metavar="PATTERN", help="Items by id or name; shell patterns; repeatable."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="But not these items, by id or name; repeatable."),
    click.option("--group", multiple=True, metavar="PATTERN", help="Items of groups; shell patterns; repeatable."),
    click.option("--limit", type=int, metavar="N", help="At most N items this time; the source is read not much"
                 " further."),
    shard_option,
    click.option("--sample-groups", is_flag=True, default=None, help="Try one item of each group first, and go on with"
                 " the groups where it ended ok."),
    click.option("--max-failures", type=int, metavar="N", help="Stop handing out items after N failures."),
    click.option("--max-same-failure", type=int, metavar="N", help="Stop handing out items after N attempts in a row"
                 " have failed alike."),
    click.option("--time-budget", metavar="DURATION", help="Stop handing out items after that time, such as 8h;"
                 " it counts over a run and its resumptions."),
    click.option("--keep-stale", is_flag=True, default=None, help="Leave older outputs of items that end not ok in"
                 " items/, marked in the report.  [default: they are moved to run/withdrawn]"),
    click.option("--adopt", is_flag=True, default=None, help="Take over a folder that another job made."),
)  # fmt: skip
_ACCELERATE = click.option("--no-accelerate", "accelerate", flag_value=False, type=bool, default=None,
                           help="Use python-docx as it is, without the faster equivalents.")  # fmt: skip


def batch_options(command: Command) -> Command:
    """The options of commands that render many items."""
    command = _ACCELERATE(command)
    for option in reversed((*_BATCH_OPTIONS, *_OPTIONS)):
        command = option(command)
    return command


def as_given(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Options as typed; one that can be repeated, and was not typed at all, is not given."""
    return {name: None if value == () else value for name, value in typed.items()}


def job_options(command: Command) -> Command:
    """The options of commands that render."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def end_with(run: Callable[[], RunResult], output: Output, *, json: bool) -> int:
    """Run what a command is there to run, and write the result where it is asked for. Returns the exit code.

    Where an error ends a run in its middle, what was done before is written all the same.
    """
    try:
        result = run()
    except ParbatchError as error:
        if json and isinstance(error.result, RunResult):
            output.result(json_report.pieces(error.result), error.exit_code)
        raise
    exit_code = result.exit_code or 0
    return output.result(json_report.pieces(result), exit_code) if json else exit_code


def folder_and_job(job: str | None, out: str | None, shard: str | None = None) -> tuple[Folder, LoadedJob | None]:
    """The output folder that is named, or the job's own, or a shard of it; and the job, unless only a folder is named.

    What lies in a folder can be looked at also where its job can't be loaded. Raises FolderError for a job that was
    run as a phase of another, and says where.
    """
    part = None if shard is None else parse_shard(shard)
    if out:
        return _noted(part_folder(Path(out), part)), _loaded_if_possible(job)
    loaded = loading.load(job)
    folder = _noted(part_folder(out_folder(loaded), part))
    if not folder.root.exists():
        name = folder.root.name
        for phases in sorted(folder.root.parent.glob("*/run/phases.json")):
            if (phase := phases.parent.parent / name).is_dir():
                shown = as_typed(str(phase), "")
                raise FolderError(f"{name} was run as a phase of another job, in {shown}. Add --out {shown}")
        if loading.is_unnamed_sample(loaded):
            raise FolderError(
                "No job named, so this is the sample job, and it was not run here. Name a job, as in job.py, or the"
                " folder of a run with --out."
            )
    return folder, loaded


def _noted(folder: Folder) -> Folder:
    """The folder, once it is noted that this command is about it."""
    click.get_current_context().meta[FOLDER] = folder
    return folder


def _loaded_if_possible(job: str | None) -> LoadedJob | None:
    if job is not None:
        with contextlib.suppress(JobError):
            return loading.load(job)
    return None


def folder_looked_at(job: str | None, out: str | None, shard: str | None = None) -> Folder:
    """The folder for a command that only looks, which says where it is another job's than the one that was named."""
    folder, loaded = folder_and_job(job, out, shard)
    if loaded is not None and (note := not_its_own(folder, loaded)) is not None:
        show(f"parbatch: {printable(note)}", sys.stderr)
    return folder


def _looks_like_a_job(text: str) -> bool:
    return text.partition(":")[0].endswith((".py", ".toml"))


@contextlib.contextmanager
def hinting_at_order(command: str, item: str, job: str | None) -> Iterator[None]:
    """Add to an error how the command is typed, where a job was typed in place of the item."""
    try:
        yield
    except NothingRunError as error:
        if _looks_like_a_job(item) and (job is None or not _looks_like_a_job(job)):
            typed = shlex.join(["parbatch", command, "ITEM" if job is None else job, item])
            error.args = (f"{error}\nThe item comes before the job: {typed}",)
        raise


@contextlib.contextmanager
def hinting_at_sample(loaded: LoadedJob) -> Iterator[None]:
    """Add to an error that nobody named a job, where that is so: then it is about the sample job."""
    try:
        yield
    except NothingRunError as error:
        if loading.is_unnamed_sample(loaded):
            error.args = (f"{error}\nNo job named, so this is the sample job. To name one: job.py, or parbatch.toml.",)
        raise


def job_to_type(job: str | None, out: str | None) -> str | None:
    """The job as it has to be typed: a stand-in where only a folder was named, and nothing here says whose it is."""
    return "JOB" if job is None and out and loading.configured_here() is None else job


def typed(command: str, *named: str | None, out: str | None, options: Sequence[str] = ()) -> str:
    """A command about the same folder, to be pasted into a shell: what it names (None for nothing), and its options."""
    names = [name for name in named if name is not None]
    given = [*(["--out", out] if out else []), *options]
    words = [*given, "--", *names] if any(name.startswith("-") for name in names) else [*names, *given]
    return printable(shlex.join(["parbatch", command, *words]))
