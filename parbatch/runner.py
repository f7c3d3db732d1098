"""A run, from the job to the report: a visible sequence of stages.

load job ─▶ hold folder ─▶ open checkpoint and plan ─▶ render items ─▶ overview ─▶ report
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

import msgspec

from parbatch import loading
from parbatch import options as run_options
from parbatch.checkpoint import Checkpoint
from parbatch.checkpoint_files import discard, open_existing
from parbatch.errors import DataError, JobError, NothingRunError, SetupError
from parbatch.folder import Folder, held
from parbatch.job import Job
from parbatch.loading import LoadedJob
from parbatch.model import MERGE, OVERVIEW, Outcome
from parbatch.opening import open_and_plan
from parbatch.options import Options
from parbatch.plan import find_item
from parbatch.reading import require_checkpoint
from parbatch.reports import console
from parbatch.result import ProductReport, RunResult
from parbatch.selection import Selection
from parbatch.stages import Stages

_ONE_ITEM_OPTIONS = frozenset({"out", "memory", "timeout", "attempts", "backend", "progress", "json", "accelerate"})


def run(job: Job | str | os.PathLike[str] | None = None, **options: Any) -> RunResult:
    """Run a job: a Job, or the name of one as on the command line.

    Takes every option of `parbatch run` by its long name, such as `workers=8, resume=True, out="outputs/letters"`.
    Items that fail are part of the result. Raises NothingRunError (or one of its kinds) when nothing was run,
    FolderHeldError when another run holds the folder, SetupError when no worker could start.
    """
    loaded = _load(job)
    asked = run_options.read(loaded, options)
    return execute(loaded, asked, go_on=None if asked.progress == "none" else _go_on)


def retry(job: Job | str | os.PathLike[str] | None = None, **options: Any) -> RunResult:
    """Try again what is not ok in an earlier run: what is pending, then cheap failures first and time-outs last.

    Takes the options of `parbatch retry` by their long names, such as `group="north"`, and raises as `run` does.
    """
    loaded = _load(job)
    asked = run_options.read(loaded, options, retry=True)
    return execute(loaded, asked, go_on=None if asked.progress == "none" else lambda _: "parbatch.retry(…)")


def _go_on(result: RunResult) -> str:
    more = ", retry_failed=True" if result.only_known_failures_left else ""
    more += ", time_budget=None" if result.used_up_its_time else ""
    return f"parbatch.run(…, resume=True{more})"


def render(job: Job | str | os.PathLike[str], item: str, **options: Any) -> Outcome:
    """Render one item, by id or name, whether it was done or not, in a pool of one; the others stay as they are.

    Takes the options of `run` that concern one item, such as `out=`. Raises as `run` does, and SelectionError with
    close matches when there is no such item.
    """
    loaded = _load(job)
    if strange := options.keys() - _ONE_ITEM_OPTIONS:
        raise DataError(f"parbatch.render takes no {', '.join(sorted(strange))}; it renders one item, done or not.")
    read = run_options.read(loaded, {"progress": "none", **options, "workers": 1})
    asked = for_one_item(loaded, read, item)
    execute(loaded, asked, go_on=None)
    with contextlib.closing(Checkpoint(Folder(asked.out).checkpoint)) as checkpoint:
        outcome = checkpoint.outcome_of(asked.selection.exact or "")
    assert outcome is not None
    return outcome


def for_one_item(loaded: LoadedJob, asked: Options, item: str) -> Options:
    """The same options for the one item that a person names. Raises SelectionError."""
    return msgspec.structs.replace(asked, selection=Selection(exact=find_item(loaded, item)))


def _load(job: Job | str | os.PathLike[str] | None) -> LoadedJob:
    if job is None or isinstance(job, (str, os.PathLike)):
        return loading.load(None if job is None else os.fspath(job))
    return loading.from_object(job)


def execute(loaded: LoadedJob, asked: Options, *, go_on: Callable[[RunResult], str] | None) -> RunResult:
    """The stages, one after another. `go_on` gives the command that goes on; with None, no summary is shown."""
    folder = Folder(asked.out)
    with held(folder) as hold:
        is_first = not folder.checkpoint.exists()
        checkpoint, plan = open_and_plan(folder, loaded, asked)
        hold.keep()
        try:
            with contextlib.closing(checkpoint):
                stage = Stages(loaded, asked, folder, checkpoint, slots=min(asked.workers, plan.due))
                if go_on is not None:
                    stage.announce(plan)
                result = stage.run(plan)
        except SetupError as error:
            if is_first and error.exit_code == NothingRunError.exit_code:
                discard(folder.checkpoint)
                hold.drop()
            raise
    if go_on is not None:
        stage.show(console.summary(result, go_on(result)))
        if stage.came_to_nothing:
            stage.show("\n" + console.CAME_TO_NOTHING)
    return result


def rebuild_products(loaded: LoadedJob, asked: Options) -> tuple[dict[str, ProductReport], int]:
    """Merge the results and make the overview anew, also when they are up to date: what became of each, the exit code.

    Raises JobError for a job with neither, FolderError where nothing was run yet, and as `run` does.
    """
    job = loaded.job
    products = [*([MERGE] if job.merging else []), *([OVERVIEW] if OVERVIEW in job.functions else [])]
    if not products:
        raise JobError(
            f"{job!r} has no overview function, and merges nothing. Add @job.overview above def summary(run, ctx): …"
        )
    folder = Folder(asked.out)
    require_checkpoint(folder)
    with held(folder), contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        stage = Stages(loaded, asked, folder, checkpoint)
        return stage.only_products(products), stage.exit_code
