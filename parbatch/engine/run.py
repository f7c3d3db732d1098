"""A run as one sequence, whatever its layout: a plain run is one part, phases are several, a shard is one of several.

    check layout ─▶ hold ─▶ for each part that is meant:   ┌▶ prepare ─▶ render ─▶ products ─▶ record ┐ ─▶ finish
                      │                                    └──────────────── run_part ────────────────┘      │
                      └ of parts that are run as one: the folder of all, and then each part's                │
                                                             of parts run as one: one result, one report ◀───┤
                                         of a part among others, once all are finished: products of all ◀────┘

Called by `api`. What differs between layouts is data on the layout, read here and in `finish`.
"""

import contextlib

from parbatch.engine.part import PartRun, run_part
from parbatch.engine.phases import PartJob, jobs_of, layout_of, options_for, unmet_dependency, with_inputs
from parbatch.engine.session import RunSession
from parbatch.errors import NothingRunError, ParbatchError, SetupError
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.result import RunEnd, RunResult
from parbatch.storage.layout import Layout, Part, check_on_disk
from parbatch.storage.lock import Hold, hold
from parbatch.storage.owner import owner_of
from parbatch.storage.phase_record import PhaseRecord, remove_phases, write_phases
from parbatch.storage.reader import reading


def execute(loaded: LoadedJob, session: RunSession) -> RunResult:
    """Do all parts that are meant, in order, and finish. The result is told to the session's reporter.

    Raises NothingRunError where nothing could be begun, FolderHeldError, SetupError, and ParbatchError where the run
    broke off; with the `result` of what was done before, which is told as well.
    """
    layout = layout_of(loaded, session.options)
    check_on_disk(layout)
    course = _Course(loaded, layout, session)
    try:
        with contextlib.closing(session.reporter):
            result = course.run()
    except ParbatchError as error:
        if isinstance(error.result, RunResult):
            session.reporter.finished(error.result)
        raise
    session.reporter.finished(result)
    if layout.chosen is not None and result.state == "finished":
        from parbatch.engine.all_parts import finish_all  # noqa: PLC0415 -- most runs are no part of others

        return finish_all(loaded, layout, result, session)
    return result


def render_alone(loaded: LoadedJob, layout: Layout, part: Part, options: Options, session: RunSession) -> RunResult:
    """Render what is selected in one part alone, the others as they are. The caller holds the folder of all, if any."""
    check_on_disk(layout)
    try:
        with contextlib.closing(session.reporter), hold(part.folder) as held:
            check_on_disk(layout)

            def begun() -> None:
                held.keep()
                if not layout.is_run_as_one:
                    remove_phases(layout.root)

            try:
                result = run_part(PartRun(part, loaded, options, begun=begun), session)
            except SetupError:
                if not part.folder.has_checkpoint:
                    held.drop()
                raise
    except ParbatchError as error:
        if isinstance(error.result, RunResult):
            session.reporter.finished(error.result)
        raise
    session.reporter.finished(result)
    return result


class _Course:
    """A run on its way through its parts: what each has come to, and why no further one is begun."""

    def __init__(self, loaded: LoadedJob, layout: Layout, session: RunSession) -> None:
        self._loaded = loaded
        self._layout = layout
        self._session = session
        self._done: dict[str, RunResult] = {}
        self._stopped_by: str | None = None

    def run(self) -> RunResult:
        """Hold what has to be held, and do each part. Returns the result of all that are meant."""
        with contextlib.ExitStack() as holds:
            if not self._layout.is_run_as_one:
                (job,) = jobs_of(self._loaded, self._layout)
                return self._do(job, self._session.options, None, holds)
            whole = holds.enter_context(hold(self._layout.root))
            holds.callback(self._remove_empty_items)
            check_on_disk(self._layout)
            from parbatch.engine.restart import decide_for_all  # noqa: PLC0415 -- most runs have one part

            options = decide_for_all(self._loaded, self._layout, self._session.options)
            try:
                self._do_all(options, whole, holds)
                self._session.reporter.close()
                return self._finish()
            except ParbatchError as error:
                if (told := self._broken_off(error)) is error:
                    raise
                raise told from error
            except KeyboardInterrupt:  # by a second signal: the part has written down its own end
                with contextlib.suppress(OSError):
                    self._write_down("interrupted")
                raise

    def _do_all(self, options: Options, whole: Hold, holds: contextlib.ExitStack) -> None:
        for job in jobs_of(self._loaded, self._layout):
            if self._session.control.signum is not None:
                return
            if (why := unmet_dependency(job, self._layout.root)) is not None:
                self._stopped_by = why
                return
            result = self._do(job, options, whole, holds)
            if result.state == "stopped":
                self._stopped_by = f"{result.stopped_by}, in phase {job.part.name}"
            if result.state != "finished":
                return

    def _do(self, job: PartJob, options: Options, whole: Hold | None, holds: contextlib.ExitStack) -> RunResult:
        """Do one part, under its own lock, which is kept to the end of the run."""
        layout, part = self._layout, job.part
        own = holds.enter_context(hold(part.folder))
        check_on_disk(layout)

        def begun() -> None:
            for one in (whole, own):
                if one is not None:
                    one.keep()
            if layout.is_run_as_one:
                self._write_down("running")
            else:
                remove_phases(layout.root)

        self._session.budget.spent_s = self._spent_by_others(part)
        its_own = options_for(job, options)
        try:
            with with_inputs(job, layout.root) as its_job:
                run = PartRun(
                    part,
                    its_job,
                    its_own,
                    makes_products=layout.chosen is None,
                    writes_reports=not layout.is_run_as_one,
                    begun=begun,
                )
                result = self._done[part.name] = run_part(run, self._session)
        except SetupError as error:
            if isinstance(error.result, RunResult):
                self._done[part.name] = error.result
            if not part.folder.has_checkpoint:
                own.drop()
                if whole is not None and not self._done:
                    remove_phases(layout.root)
                    whole.drop()
            raise
        return result

    def _spent_by_others(self, part: Part) -> float:
        """Return how long the other parts have rendered, which counts towards the same budget."""
        spent = 0.0
        for other in self._layout.begun():
            if other.name != part.name:
                with reading(other.folder) as checkpoint:
                    spent += checkpoint.spent_s
        return spent

    def _finish(self) -> RunResult:
        from parbatch.engine.finish import finish  # noqa: PLC0415 -- most runs have one part, which is its own end

        result = finish(self._layout, self._done, self._session, self._stopped_by)
        self._write_down(result.state, RunEnd.of(result))
        return result

    def _broken_off(self, error: ParbatchError) -> ParbatchError:
        """Return the error to tell where a part could not begin, or not go on: what came before it is kept."""
        before = [name for name, result in self._done.items() if result is not error.result]
        if not self._done:
            return error
        with contextlib.suppress(OSError):
            self._write_down("stopped", RunEnd(stopped_by=str(error)))
        told, result = error, error.result
        if any(one.rendered for one in self._done.values()):
            self._stopped_by = str(error)
            with contextlib.suppress(OSError, ParbatchError):  # the first error is the one to tell
                self._session.reporter.close()
                result = self._finish()
            if error.exit_code == NothingRunError.exit_code:
                told = (SetupError if isinstance(error, SetupError) else ParbatchError)(str(error))
        told.result = result
        if before:
            done = ", ".join(before)
            told.args = (
                f"{error}\nWhat was done in the phases before it ({done}) is kept. Mend that; --resume goes on.",
            )
        return told

    def _write_down(self, state: str, end: RunEnd | None = None) -> None:
        write_phases(self._layout.root, self._record(state, end))

    def _record(self, state: str, end: RunEnd | None) -> PhaseRecord:
        owner = owner_of(self._loaded, self._layout.root.root)
        names = tuple(part.name for part in self._layout.parts)
        return PhaseRecord(names, self._session.run_id, state, end or RunEnd(), owner)

    def _remove_empty_items(self) -> None:
        """Remove the folder that holding the root has made: each part has one of its own."""
        with contextlib.suppress(OSError), self._layout.root.tree.folder() as root:
            root.remove_empty(self._layout.root.items.name)
