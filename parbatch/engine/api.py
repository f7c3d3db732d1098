"""A run, from the job to the report: a visible sequence of stages.

load job ─▶ hold folder ─▶ open checkpoint and plan ─▶ render items ─▶ overview ─▶ report

A job that comes after others is run by `phased`, phase by phase.
"""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Unpack

import msgspec

from parbatch.dispatch.backends.base import check_some_descriptors
from parbatch.engine.listening import Listener, OnOutcome
from parbatch.engine.part import Stages
from parbatch.errors import (
    DataError,
    FolderError,
    FolderHeldError,
    JobError,
    ParbatchError,
    SetupError,
)
from parbatch.model import loading
from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob
from parbatch.model.option_table import RENDER_NAMES, RenderOptions, RetryOptions, RunOptions
from parbatch.model.options import Options, read_options
from parbatch.model.outcome import Outcome
from parbatch.model.result import ProductReport, RunResult
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.model.terminal import occupy_standard_descriptors, show
from parbatch.planning.plan import find_item
from parbatch.planning.prepare import open_and_plan
from parbatch.reports import console
from parbatch.reports.progress import reading_items
from parbatch.reports.results import report_within
from parbatch.reports.run_records import note_killed_runs
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.folder_owner import check_owner
from parbatch.storage.layout import check_on_disk, folder_of, read_layout, require_checkpoint, wanted_layout
from parbatch.storage.lock import hold
from parbatch.storage.opening import discard, open_to_write
from parbatch.storage.parts import with_work_left
from parbatch.storage.phase_record import remove_phases


def run(
    job: Job | str | os.PathLike[str] | None = None,
    *,
    on_outcome: OnOutcome | None = None,
    on_error: str = "continue",
    **options: Unpack[RunOptions],
) -> RunResult:
    """Run a job: a Job, or the name of one as on the command line.

    Takes every option of `parbatch run` by its long name, such as `workers=8, resume=True, out="outputs/letters"`.
    `on_outcome` is called with the Outcome of each item that has settled, in the order in which they end, once its
    files are published; it is committed within a second. The call is made in this thread, between other work of the
    run, so it has to be quick. What it raises ends the run in order, with all written down, and is then raised here.
    With `on_error="stop"`, the first item that is not ok stops the run, as `max_failures=1` does.
    Items that fail are part of the result. Raises NothingRunError (or one of its kinds) when nothing was run,
    FolderHeldError when another run holds the folder, SetupError when no worker can start; where that is so only in the
    middle of a run, the error's `result` is the RunResult of what was done.
    """
    loaded, asked = prepare(job, options, on_error)
    return execute(
        loaded, asked, go_on=None if asked.progress == "none" else go_on_in_python, listener=Listener(on_outcome)
    )


def prepare(
    job: Job | str | os.PathLike[str] | None, options: Mapping[str, Any], on_error: str
) -> tuple[LoadedJob, Options]:
    """The job and its options, checked. Raises NothingRunError."""
    if on_error not in {"continue", "stop"}:
        raise DataError(f"on_error: {on_error!r} is neither 'continue' nor 'stop'.")
    loaded = _load(job, "run")
    asked = _read_options(loaded, options)
    return loaded, asked if on_error == "continue" else asked.stopping_at_first_failure()


def retry(
    job: Job | str | os.PathLike[str] | None = None,
    *,
    on_outcome: OnOutcome | None = None,
    **options: Unpack[RetryOptions],
) -> RunResult:
    """Try again what is not ok in an earlier run: what is pending, then cheap failures first and time-outs last.

    Takes the options of `parbatch retry` by their long names, such as `group="north"`, and `on_outcome` and raises as
    `run` does.
    """
    loaded = _load(job, "retry")
    asked = _read_options(loaded, options, retry=True)
    go_on = None if asked.progress == "none" else lambda _: "parbatch.retry(…)"
    return execute(loaded, asked, go_on=go_on, listener=Listener(on_outcome))


def go_on_in_python(result: RunResult) -> str:
    """What goes on with a run that Python code has begun."""
    more = ", retry_failed=True" if result.only_known_failures_left else ""
    more += ", time_budget=None" if result.used_up_its_time else ""
    more += f", shard={result.shard!r}" if result.shard else ""
    if not result.exit_code:  # what is left was not selected
        return f"parbatch.run(…, resume=True{more}) without only=, exclude=, group=, limit="
    return f"parbatch.run(…, resume=True{more})"


def render(job: Job | str | os.PathLike[str], item: str, **options: Unpack[RenderOptions]) -> Outcome:
    """Render one item, by id or name, whether it was done or not, in a pool of one; the others stay as they are.

    Takes the options of `run` that concern one item, such as `out=`. Raises as `run` does, and SelectionError with
    close matches when there is no such item.
    """
    from parbatch.engine.phased import one_phase  # noqa: PLC0415 -- seldom needed; see `execute`

    loaded = _load(job, "render")
    if strange := options.keys() - RENDER_NAMES:
        raise DataError(f"parbatch.render takes no {', '.join(sorted(strange))}; it renders one item, done or not.")
    read = _read_options(loaded, {"progress": "none", **options, "workers": 1})
    check_some_descriptors(read.backend)
    check_owner(folder_of(read), loaded)
    with one_phase(loaded, read, item) as (alone, its_own, name):
        asked = for_one_item(alone, its_own, name)
        _execute(alone, asked, go_on=None)
        with contextlib.closing(Checkpoint(folder_of(asked).checkpoint)) as checkpoint:
            outcome = checkpoint.outcome_of(asked.selection.exact or "")
    _report_all_again(read)
    assert outcome is not None
    return outcome


def render_one(loaded: LoadedJob, asked: Options, item: str, *, go_on: Callable[[RunResult], str]) -> RunResult:
    """Render the one item that a person names. Raises SelectionError, and as `run` does."""
    from parbatch.engine.phased import one_phase  # noqa: PLC0415 -- seldom needed; see `execute`

    check_some_descriptors(asked.backend)
    check_owner(folder_of(asked), loaded)
    with one_phase(loaded, asked, item) as (alone, its_own, name):
        result = _execute(alone, for_one_item(alone, its_own, name), go_on=go_on)
    _report_all_again(asked)
    return result


def _report_all_again(asked: Options) -> None:
    """Bring the reports of all phases, or of all shards, up to date after one item was rendered in its own part."""
    root = Folder(asked.out)
    layout = read_layout(root)
    if layout is not None and layout.kind != "single":
        from parbatch.engine.rewriting import write_again  # noqa: PLC0415 -- seldom needed; see `execute`

        with contextlib.suppress(FolderError, FolderHeldError):  # never run as a whole, or somebody else is at it
            write_again(root)


def for_one_item(loaded: LoadedJob, asked: Options, item: str) -> Options:
    """The same options for the one item that a person names, in the shard that has it. Raises SelectionError."""
    item_id = find_item(loaded, item)
    layout = read_layout(Folder(asked.out))
    part = None if layout is None else layout.locate(item_id)[0]
    return asked.for_one_item(item_id, part and part.shard)


def _load(job: Job | str | os.PathLike[str] | None, call: str) -> LoadedJob:
    loading.refuse_while_loading(call)
    occupy_standard_descriptors()  # before any file is opened
    if job is None or isinstance(job, (str, os.PathLike)):
        return loading.load(None if job is None else os.fspath(job))
    return loading.from_object(job)


def _read_options(loaded: LoadedJob, options: Mapping[str, Any], *, retry: bool = False) -> Options:
    """The options for a run from Python. Raises JobError where this process can't have workers."""
    asked = read_options(loaded, options, retry=retry)
    if asked.backend != "inline" and multiprocessing.current_process().daemon:
        raise JobError(
            "This process is daemonic (a task of a multiprocessing.Pool, of Celery or the like), and Python lets no"
            ' such process start workers. Give backend="inline" to render in this process itself.'
        )
    return asked


def execute(
    loaded: LoadedJob,
    asked: Options,
    *,
    go_on: Callable[[RunResult], str] | None,
    listener: Listener | None = None,
) -> RunResult:
    """The stages, one after another. `go_on` gives the command that goes on; with None, no summary is shown.

    What the listener's function has raised is raised again at the end, with everything written down. Raises FolderError
    where the folder is another job's, and it is not to be adopted.
    """
    check_some_descriptors(asked.backend)
    adopted = check_owner(folder_of(asked), loaded, adopt=asked.adopt)
    if go_on is not None:
        for line in adopted:
            show(line, sys.stderr if asked.json else sys.stdout)
    if not loaded.job.after:
        return _execute(loaded, asked, go_on=go_on, listener=listener)
    from parbatch.engine.phased import PhasedRun  # noqa: PLC0415 -- most jobs have no phases, and start sooner without

    phased = PhasedRun(loaded, asked, tells=go_on is not None, listener=listener)
    with _telling_what_was_done(phased.show, asked, go_on):
        result = phased.run()
    if go_on is not None:
        phased.show(_summary(result, asked, go_on))
        if phased.came_to_nothing:
            phased.show("\n" + console.CAME_TO_NOTHING)
    if listener is not None and listener.error is not None:
        raise listener.error
    return result


def _execute(
    loaded: LoadedJob,
    asked: Options,
    *,
    go_on: Callable[[RunResult], str] | None,
    listener: Listener | None = None,
) -> RunResult:
    """The stages of a job without phases, or of one phase alone."""
    layout = wanted_layout(asked.out, shard=asked.shard)
    folder = layout.folder
    check_on_disk(layout)
    with hold(folder) as held:
        check_on_disk(layout)
        is_first = not folder.has_checkpoint
        note_killed_runs(folder)
        with reading_items(loaded, asked.progress, sys.stderr if asked.json else sys.stdout) as read:
            checkpoint, plan = open_and_plan(folder, read, asked)
        held.keep()
        remove_phases(layout.root)
        try:
            with contextlib.closing(checkpoint), damage_in_words(folder.checkpoint):
                stage = Stages(loaded, asked, folder, checkpoint, slots=min(asked.workers, plan.due), listener=listener)
                if go_on is not None:
                    stage.announce(plan)
                with _telling_what_was_done(stage.show, asked, go_on):
                    result = stage.run(plan)
        except SetupError as error:
            if is_first and error.before_first_item:
                discard(folder.checkpoint)
                held.drop()
            raise
    if go_on is not None:
        stage.show(_summary(result, asked, go_on))
        if stage.came_to_nothing:
            stage.show("\n" + console.CAME_TO_NOTHING)
    if asked.shard is not None and result.state == "finished" and asked.selection.exact is None:
        result = _with_the_whole(loaded, asked, result, go_on, stage.show)
    if listener is not None and listener.error is not None:
        raise listener.error
    return result


def _summary(result: RunResult, asked: Options, go_on: Callable[[RunResult], str]) -> str:
    """What is shown at the end; with no progress above it, without the blank line that sets it off."""
    told = console.summary(result, go_on(result))
    return told.removeprefix("\n") if asked.progress == "none" else told


@contextlib.contextmanager
def _telling_what_was_done(
    show: Callable[[str], None], asked: Options, go_on: Callable[[RunResult], str] | None
) -> Iterator[None]:
    """Show the summary of what was done before an error ended the run in its middle."""
    try:
        yield
    except ParbatchError as error:
        if go_on is not None and isinstance(error.result, RunResult):
            show(_summary(error.result, asked, go_on))
        raise


def _with_the_whole(
    loaded: LoadedJob,
    asked: Options,
    result: RunResult,
    go_on: Callable[[RunResult], str] | None,
    show: Callable[[str], None],
) -> RunResult:
    """Make the overview of all shards, if this one was the last. Its failure is this run's, as without shards."""
    from parbatch.engine.finish import join_when_all_are_finished  # noqa: PLC0415 -- seldom needed; see `execute`

    joined = join_when_all_are_finished(loaded, asked)
    if joined is None:
        return result
    for problem in joined.problems.values():
        show(f"parbatch: {problem}")
    if go_on is not None:
        show(f"\nThat was the last of {asked.shard.of if asked.shard else 1} shards; all of them together:")
        show(console.summary(joined.result, _go_on_with_shards(joined.result, asked, go_on)))
    whole = joined.result
    exit_code = joined.products_exit_code or result.exit_code
    return msgspec.structs.replace(result, overview=whole.overview, merged=whole.merged, exit_code=exit_code)


def _go_on_with_shards(whole: RunResult, asked: Options, go_on: Callable[[RunResult], str]) -> str:
    """What goes on with the shards that have work left; with the one at hand, which makes the overview, if none has."""
    left = with_work_left(wanted_layout(asked.out, shard=asked.shard)) or [str(asked.shard)]
    more = f", and so with {', '.join(left[1:])}" if left[1:] else ""
    return f"{go_on(msgspec.structs.replace(whole, shard=left[0]))}{more}"


def rebuild_products(loaded: LoadedJob, asked: Options) -> tuple[dict[str, ProductReport], int]:
    """Merge the results and make the overview anew, also when they are up to date: what became of each, the exit code.

    Raises JobError for a job with neither, FolderError where nothing was run yet, and as `run` does.
    """
    from parbatch.engine.finish import join_anew, require_finished  # noqa: PLC0415
    from parbatch.engine.phased import one_phase  # noqa: PLC0415 -- seldom needed; see `execute`

    job = loaded.job
    products = [*([MERGE] if job.merging else []), *([OVERVIEW] if OVERVIEW in job.functions else [])]
    if not products:
        raise JobError(
            f"{job!r} has no overview function, and merges nothing. Add @job.overview above def summary(run, ctx): …"
        )
    check_some_descriptors(asked.backend)
    check_owner(folder_of(asked), loaded)
    folder = Folder(asked.out)
    layout = read_layout(folder)
    if layout is not None and layout.kind == "shards":
        require_finished(folder)
        joined = join_anew(loaded, asked)
        return joined.products, joined.products_exit_code
    with one_phase(loaded, asked) as (alone, its_own, _):
        reports, exit_code = _only_products(alone, its_own, products)
    if job.after:
        reports = {product: report_within(job.name, report) for product, report in reports.items()}
    return reports, exit_code


def _only_products(loaded: LoadedJob, asked: Options, products: Sequence[str]) -> tuple[dict[str, ProductReport], int]:
    folder = Folder(asked.out)
    require_checkpoint(folder)
    with hold(folder):
        note_killed_runs(folder)
        with (
            contextlib.closing(open_to_write(folder.checkpoint)) as checkpoint,
            damage_in_words(folder.checkpoint),
        ):
            stage = Stages(loaded, asked, folder, checkpoint)
            reports = stage.only_products(products)
            if warning := stage.documents.warning:
                stage.show(warning)
            return reports, stage.exit_code
