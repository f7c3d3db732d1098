"""A run as it is asked for, by the command line or by Python code, with the session that it gets.

Here options are checked, owners and limits of the process too, and it is decided who is told. The run itself: `run`.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from typing import Any, Unpack

from parbatch.dispatch.backends.base import check_some_descriptors
from parbatch.engine.control import RunControl
from parbatch.engine.phases import jobs_of, layout_of, with_inputs
from parbatch.engine.reporters import ConsoleReporter, GoOn, OnOutcome, OutcomeReporter, SilentReporter
from parbatch.engine.run import execute, render_alone
from parbatch.engine.session import Budget, RunSession
from parbatch.errors import DataError, FolderError, FolderHeldError, JobError
from parbatch.model import loading
from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob
from parbatch.model.option_table import RENDER_NAMES, RenderOptions, RetryOptions, RunOptions
from parbatch.model.options import Options, read_options
from parbatch.model.outcome import Outcome
from parbatch.model.result import ProductReport, RunResult
from parbatch.model.terminal import occupy_standard_descriptors
from parbatch.planning.plan import find_item
from parbatch.storage.folder import Folder
from parbatch.storage.folder_owner import check_owner
from parbatch.storage.layout import Layout, Part, folder_of, read_layout, wanted_layout
from parbatch.storage.lock import hold
from parbatch.storage.reader import reading


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
    go_on = None if asked.progress == "none" else go_on_in_python
    return run_as_asked(loaded, asked, go_on=go_on, on_outcome=on_outcome)


def prepare(
    job: Job | str | os.PathLike[str] | None, options: Mapping[str, Any], on_error: str
) -> tuple[LoadedJob, Options]:
    """Return the job and its options, checked. Raises NothingRunError."""
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
    return run_as_asked(loaded, asked, go_on=go_on, on_outcome=on_outcome)


def go_on_in_python(result: RunResult) -> str:
    """Return the call that goes on with a run that Python code has begun."""
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
    loaded = _load(job, "render")
    if strange := options.keys() - RENDER_NAMES:
        raise DataError(f"parbatch.render takes no {', '.join(sorted(strange))}; it renders one item, done or not.")
    asked = _read_options(loaded, {"progress": "none", **options, "workers": 1})
    with _one_item(loaded, asked, item) as (alone, layout, part, its_own):
        render_alone(alone, layout, part, its_own, session_of(its_own, None))
        with reading(part.folder) as checkpoint:
            outcome = checkpoint.outcome_of(its_own.selection.exact or "")
    _refresh(asked)
    assert outcome is not None
    return outcome


def render_one(loaded: LoadedJob, asked: Options, item: str, *, go_on: GoOn) -> RunResult:
    """Render the one item that a person names. Raises SelectionError, and as `run` does."""
    with _one_item(loaded, asked, item) as (alone, layout, part, its_own):
        result = render_alone(alone, layout, part, its_own, session_of(its_own, go_on))
    _refresh(asked)
    return result


@contextlib.contextmanager
def _one_item(loaded: LoadedJob, asked: Options, item: str) -> Iterator[tuple[LoadedJob, Layout, Part, Options]]:
    """Give the job, layout and part of an item, and the options for it alone; what parts share is held meanwhile.

    Of phases, an id without a phase's name is the last one's. Raises SelectionError.
    """
    check_some_descriptors(asked.backend)
    check_owner(folder_of(asked), loaded)
    layout = layout_of(loaded, asked)
    named, name = layout.locate(item) if layout.is_run_as_one else (layout.parts[-1], item)
    (job,) = [one for one in jobs_of(loaded, layout) if one.part.name == named.name]
    with (
        hold(layout.root) if layout.is_run_as_one else contextlib.nullcontext(),
        with_inputs(job, layout.root) as alone,
    ):
        item_id = find_item(alone, name)
        there = read_layout(layout.root)
        if not layout.is_run_as_one and there is not None and not there.is_run_as_one:
            named = there.locate(item_id)[0]
            layout = wanted_layout(asked.out, shard=named.shard)
        options = asked.for_phase(job.loaded.job, named.folder.root).for_one_item(item_id, named.shard)
        yield alone, layout, named._replace(prefix=""), options  # it is told of as if there were no others


def _refresh(asked: Options) -> None:
    """Bring the reports of all parts up to date after one item was rendered in its own part."""
    root = Folder(asked.out)
    layout = read_layout(root)
    if layout is not None and not layout.is_single:
        from parbatch.engine.finish import refresh  # noqa: PLC0415 -- seldom needed

        with contextlib.suppress(FolderError, FolderHeldError):  # never run as a whole, or somebody else is at it
            refresh(root)


def _load(job: Job | str | os.PathLike[str] | None, call: str) -> LoadedJob:
    loading.refuse_while_loading(call)
    occupy_standard_descriptors()  # before any file is opened
    if job is None or isinstance(job, (str, os.PathLike)):
        return loading.load(None if job is None else os.fspath(job))
    return loading.from_object(job)


def _read_options(loaded: LoadedJob, options: Mapping[str, Any], *, retry: bool = False) -> Options:
    """Return the options for a run from Python. Raises JobError where this process can't have workers."""
    asked = read_options(loaded, options, retry=retry)
    if asked.backend != "inline" and multiprocessing.current_process().daemon:
        raise JobError(
            "This process is daemonic (a task of a multiprocessing.Pool, of Celery or the like), and Python lets no"
            ' such process start workers. Give backend="inline" to render in this process itself.'
        )
    return asked


def session_of(asked: Options, go_on: GoOn | None, control: RunControl | None = None) -> RunSession:
    """Return the session of a run that begins now. Without `go_on`, the command that goes on, no summary is shown."""
    quiet = go_on is None and asked.progress == "none"
    reporter = SilentReporter(asked) if quiet else ConsoleReporter(asked, go_on)
    return RunSession(asked, reporter, control or RunControl(), Budget(asked.time_budget))


def run_as_asked(
    loaded: LoadedJob,
    asked: Options,
    *,
    go_on: GoOn | None,
    control: RunControl | None = None,
    on_outcome: OnOutcome | None = None,
) -> RunResult:
    """Run a job with these options, once the folder is seen to be its own.

    What `on_outcome` has raised is raised again at the end, with everything written down. Raises FolderError where the
    folder is another job's, and it is not to be adopted, and as `run.execute` does.
    """
    session = session_of(asked, go_on, control)
    observer = None
    if on_outcome is not None:
        session.reporter = observer = OutcomeReporter(session.reporter, on_outcome, session.control)
    check_some_descriptors(asked.backend)
    adopted = check_owner(folder_of(asked), loaded, adopt=asked.adopt)
    if go_on is not None:
        for line in adopted:
            session.reporter.note(line)
    result = execute(loaded, session)
    if observer is not None and observer.error is not None:
        raise observer.error
    return result


def rebuild_products(loaded: LoadedJob, asked: Options) -> tuple[dict[str, ProductReport], int]:
    """Merge the results and make the overview anew, also when they are up to date: what became of each, the exit code.

    Raises JobError for a job with neither, FolderError where nothing was run yet, and as `run` does.
    """
    check_some_descriptors(asked.backend)
    from parbatch.engine.products.anew import make_products_anew  # noqa: PLC0415 -- seldom needed

    check_owner(folder_of(asked), loaded)
    session = session_of(asked, None)
    reports = make_products_anew(loaded, session)
    failed = any(report.error is not None for report in reports.values())
    return reports, 128 + session.control.signum if session.control.signum is not None else int(failed)
