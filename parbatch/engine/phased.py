"""A run of several phases: each job in a folder of its own, once all that it comes after has finished.

hold folder ─▶ phase after phase: read what came before, plan, render, overview ─▶ one report of all
"""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from parbatch.engine.announcements import announcements
from parbatch.engine.listening import Listener
from parbatch.engine.part import Stages, write_out
from parbatch.engine.phases import Phase, fed, options_for, phases_in, unmet
from parbatch.engine.session import PhaseOf, new_run_id
from parbatch.errors import DamagedCheckpointError, FolderError, NothingRunError, ParbatchError, SetupError
from parbatch.model import terminal
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.result import Counts, PhaseReport, RunEnd, RunResult, State, sum_of
from parbatch.model.units import counted
from parbatch.planning.plan import make_due_again
from parbatch.planning.prepare import open_and_plan
from parbatch.reports import progress as progressing
from parbatch.reports.results import RunFacts, build_result, counts, sum_facts, within
from parbatch.reports.run_records import keep_record, note_killed_runs
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.layout import wanted_layout
from parbatch.storage.lock import Hold, hold
from parbatch.storage.opening import discard, open_existing, open_to_write, set_aside
from parbatch.storage.owner import owner_of
from parbatch.storage.phase_record import PhaseRecord, remove_phases, write_phases
from parbatch.storage.reader import reading
from parbatch.storage.view import View, open_view


@contextlib.contextmanager
def one_phase(loaded: LoadedJob, asked: Options, item: str = "") -> Iterator[tuple[LoadedJob, Options, str]]:
    """One phase alone, those before it as they are: the last, or the one whose name an item's id begins with.

    Gives its job, the options for it, and the item's id without the phase. The folder of all is held meanwhile. A job
    without phases is given as it is.
    """
    if not loaded.job.after:
        yield loaded, asked, item
        return
    root = Folder(asked.out)
    phases = {phase.name: phase for phase in phases_in(loaded, root)}
    name, slash, rest = item.partition("/")
    phase = phases[name] if slash and name in phases else phases[loaded.job.name]
    with hold(root), fed(phase, root) as fed_job:
        yield (
            fed_job,
            asked.for_phase(phase.loaded.job, phase.folder.root),
            rest if slash and name in phases else item,
        )


_NO_END = RunEnd()


class PhasedRun:
    """One run of all phases, under one lock, with one progress display and one report."""

    def __init__(self, loaded: LoadedJob, asked: Options, *, tells: bool, listener: Listener | None = None) -> None:
        self._asked = asked
        self._tells = tells
        self._root = Folder(asked.out)
        self._phases = phases_in(loaded, self._root)
        self._owner = owner_of(loaded, self._root.root)
        self._names = tuple(phase.name for phase in self._phases)
        self._layout = wanted_layout(asked.out, self._names)
        self._run_id = new_run_id()
        self._began = datetime.now(UTC), time.monotonic()
        self._listener = listener or Listener()
        self._interrupts = self._listener.interrupts
        self._progress: progressing.Progress | None = None
        self._results: dict[str, RunResult] = {}
        self._failures = 0
        self._stopped_by: str | None = None
        self._stream = sys.stderr if asked.json else sys.stdout
        self.came_to_nothing = False

    def run(self) -> RunResult:
        """Do every phase that there is something to do for. Raises as a run without phases does."""
        with hold(self._root) as held, contextlib.ExitStack() as holds:
            asked = self._decide()
            try:
                for phase in self._phases:
                    if not self._do(phase, asked, held, holds):
                        break
                self._close_progress()
                return self._report()
            except ParbatchError as error:
                self._broke_off(error)
                raise
            except KeyboardInterrupt:  # by a second signal: the phase has written down its own end
                with contextlib.suppress(OSError):
                    write_phases(self._root, self._as_remembered("interrupted"))
                raise
            finally:
                self._close_progress()
                with contextlib.suppress(OSError), self._root.tree.folder() as root:
                    root.remove_empty(self._root.items.name)  # each phase has one of its own

    def show(self, text: str) -> None:
        """Print a text for people."""
        terminal.show(text, self._stream)

    # --- inside

    def _close_progress(self) -> None:
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _decide(self) -> Options:
        """Whether the phases are gone on with or started over, decided once for the whole folder."""
        asked, earlier = self._asked, self._layout.begun()
        if asked.selection.retry and not earlier:
            raise FolderError(
                f"{self._root.root} holds no run of which items could be tried again. parbatch run begins one."
            )
        if asked.resume:
            return asked
        if earlier and not asked.fresh and (unfinished := self._unfinished()):
            raise FolderError(
                f"{self._root.root} holds an unfinished earlier run ({unfinished})."
                " Use --resume to go on with it, or --fresh to start over."
            )
        self._start_over()
        return asked.starting_over()

    def _unfinished(self) -> str:
        """What an earlier run has left, in words; empty where nothing is left."""
        ok = left = 0
        states = []
        for phase in self._phases:
            if phase.folder.has_checkpoint:
                with contextlib.closing(open_existing(phase.folder.checkpoint)) as checkpoint:
                    by_status, last = checkpoint.counts(), checkpoint.last_run()
                ok += by_status["ok"]
                left += sum(by_status.values()) - by_status["ok"]
                states.append(last[1] if last else "finished")
            else:
                states.append("not begun")
        if not left and set(states) == {"finished"}:
            return ""
        not_begun = states.count("not begun")
        return f"{ok} ok, {left} not" + (f", {counted(not_begun, 'phase')} not begun" if not_begun else "")

    def _start_over(self) -> None:
        """Make all that there is due again, the last phase first: after a kill no phase is taken as done anew."""
        for phase in reversed(self._phases):
            if not phase.folder.has_checkpoint:
                continue
            with hold(phase.folder) as held:
                held.keep()
                try:
                    self._make_due_again(phase)
                except DamagedCheckpointError:
                    if not self._asked.fresh:
                        raise
                    set_aside(phase.folder.checkpoint)

    def _make_due_again(self, phase: Phase) -> None:
        place = phase.folder.checkpoint
        with (
            damage_in_words(place),
            contextlib.closing(open_to_write(place, fresh=True)) as checkpoint,
            checkpoint.transaction(),
        ):
            make_due_again(checkpoint, options_for(phase, self._asked).selection)

    def _do(self, phase: Phase, asked: Options, held: Hold, holds: contextlib.ExitStack) -> bool:
        """Do one phase. Returns whether the run goes on."""
        if self._interrupts.signum is not None:
            return False
        if (why := unmet(phase, self._root)) is not None:
            self._stopped_by = why
            return False
        own = holds.enter_context(hold(phase.folder))
        note_killed_runs(phase.folder)
        is_first = not phase.folder.has_checkpoint
        options = options_for(phase, asked)
        with fed(phase, self._root) as loaded, progressing.reading_items(loaded, asked.progress, self._stream) as read:
            checkpoint, plan = open_and_plan(phase.folder, read, options)
        held.keep()
        own.keep()
        write_phases(self._root, self._as_remembered("running"))
        try:
            with contextlib.closing(checkpoint), damage_in_words(phase.folder.checkpoint):
                self._announce(phase, [*announcements(loaded, plan, accelerate=options.accelerate)])
                slots = min(options.workers, plan.due)
                stages = Stages(
                    loaded,
                    options,
                    phase.folder,
                    checkpoint,
                    slots=slots,
                    phase_of=self._given(phase, due=plan.due),
                    listener=self._listener,
                )
                result = self._results[phase.name] = stages.run(plan)
        except SetupError as error:
            if isinstance(error.result, RunResult):
                self._results[phase.name] = error.result
            if is_first and error.before_first_item:
                discard(phase.folder.checkpoint)
                own.drop()
                if not self._results:
                    remove_phases(self._root)
                    held.drop()
            raise
        self._failures += stages.new_failures
        self.came_to_nothing |= stages.came_to_nothing
        if result.state == "stopped":
            self._stopped_by = f"{result.stopped_by}, in phase {phase.name}"
        return result.state == "finished"

    def _as_remembered(self, state: str, end: RunEnd = _NO_END) -> PhaseRecord:
        return PhaseRecord(self._names, self._run_id, state, end, self._owner)

    def _broke_off(self, error: ParbatchError) -> None:
        """A phase could not begin, or not go on: what came before it is kept, and was run."""
        before = [name for name, result in self._results.items() if result is not error.result]
        if not self._results:
            return
        with contextlib.suppress(OSError):
            write_phases(self._root, self._as_remembered("stopped", RunEnd(stopped_by=str(error))))
        if any(one.rendered for one in self._results.values()):
            if error.exit_code == NothingRunError.exit_code:
                error.exit_code = ParbatchError.exit_code
            self._stopped_by = str(error)
            with contextlib.suppress(OSError, ParbatchError):  # the first error is the one to tell
                self._close_progress()
                error.result = self._report()
        if not before:
            return
        done = ", ".join(before)
        error.args = (f"{error}\nWhat was done in the phases before it ({done}) is kept. Mend that; --resume goes on.",)

    def _given(self, phase: Phase, *, due: int) -> PhaseOf:
        """What a phase needs to know of the others."""
        if due and self._progress is None:
            self._progress = progressing.start(self._asked.progress, 0, self._stream)
        spent = 0.0
        for other in self._layout.begun():
            if other.name != phase.name:
                with reading(other.folder) as checkpoint:
                    spent += checkpoint.spent_s
        return PhaseOf(
            run_id=self._run_id,
            progress=self._progress,
            spent_s=spent,
            failures=self._failures,
        )

    def _announce(self, phase: Phase, lines: Sequence[str]) -> None:
        if self._tells:
            say = self.show if self._progress is None else self._progress.say
            for line in lines:
                say(f"{phase.name}: {line}")

    def _report(self) -> RunResult:
        """One result of all phases, written down in the folder of all."""
        with open_view(self._layout.begun(), self._root) as view:
            result = self._sum_up(view)
            keep_record(result, self._root)
            write_phases(self._root, self._as_remembered(result.state, RunEnd.of(result)))
            write_out(result, view, self._root)
        return result

    def _sum_up(self, view: View) -> RunResult:
        now = {}
        for part in self._layout.begun():
            with reading(part.folder) as checkpoint:
                now[part.name] = counts(checkpoint)
        facts = {name: within(name, RunFacts.of(result)) for name, result in self._results.items()}
        others = [now[name] for name in now.keys() - facts.keys()]
        summed = sum_facts([*facts.values()])
        stopped: State = "finished" if self._stopped_by is None else "stopped"
        metrics = {
            f"{name}/{key}": one for name, result in self._results.items() for key, one in result.metrics.items()
        }
        whole = msgspec.structs.replace(
            summed,
            job=self._names[-1],
            state="interrupted" if self._interrupts.signum is not None else stopped,
            signum=self._interrupts.signum,
            has_failed=summed.has_failed or self._stopped_by is not None,
            started_at=self._began[0].isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            duration_s=round(time.monotonic() - self._began[1], 3),
            kept=summed.kept + sum(one.by_status["ok"] for one in others),
            before=sum_of([(facts[name].before if name in facts else one) for name, one in now.items()]),
            stopped_by=self._stopped_by,
            metrics=metrics,
            phases=tuple(self._phase(name, now.get(name)) for name in self._names),
        )
        return build_result(whole, view)

    def _phase(self, name: str, now: Counts | None) -> PhaseReport:
        result, by_status = self._results.get(name), now.by_status if now else {}
        total, success, pending = sum(by_status.values()), by_status.get("ok", 0), by_status.get("pending", 0)
        return PhaseReport(
            name=name,
            state=result.state if result else "not begun",
            total=total,
            success=success,
            errors=total - success - pending,
            pending=pending,
            rendered=result.rendered if result else 0,
            duration_s=(result and result.duration_s) or 0.0,
        )
