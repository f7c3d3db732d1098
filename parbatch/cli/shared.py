"""What several commands have in common: arguments, help texts, how a job and its folder are found, what is typed next.

Used by the modules of single commands. It knows no command and none of their options.
"""

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from parbatch.cli import FOLDER
from parbatch.cli.completion import complete_item, complete_job
from parbatch.cli.output import Output
from parbatch.errors import FolderError, JobError, NothingRunError, ParbatchError
from parbatch.model import loading
from parbatch.model.loading import LoadedJob
from parbatch.model.options import out_folder
from parbatch.model.result import RunResult
from parbatch.model.shard import parse_shard
from parbatch.model.terminal import show
from parbatch.model.text import printable
from parbatch.reports import json as json_report
from parbatch.reports.console import as_typed
from parbatch.storage.folder import Folder
from parbatch.storage.folder_owner import not_its_own
from parbatch.storage.layout import part_folder

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
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for programs.")


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
    """Return the folder that is named, or the job's, or a shard of it; and the job, unless only a folder is named.

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
    """Return the folder, once it is noted that this command is about it."""
    click.get_current_context().meta[FOLDER] = folder
    return folder


def _loaded_if_possible(job: str | None) -> LoadedJob | None:
    if job is not None:
        with contextlib.suppress(JobError):
            return loading.load(job)
    return None


def folder_looked_at(job: str | None, out: str | None, shard: str | None = None) -> Folder:
    """Return the folder for a command that only looks, and say where it is another job's than the one named."""
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
    """Return the job as it has to be typed: a stand-in where only a folder was named and nothing says whose it is."""
    return "JOB" if job is None and out and loading.configured_here() is None else job


def typed(command: str, *named: str | None, out: str | None, options: Sequence[str] = ()) -> str:
    """Return a command about the same folder, to be pasted into a shell: what it names (None: nothing), and options."""
    names = [name for name in named if name is not None]
    given = [*(["--out", out] if out else []), *options]
    words = [*given, "--", *names] if any(name.startswith("-") for name in names) else [*names, *given]
    return printable(shlex.join(["parbatch", command, *words]))
