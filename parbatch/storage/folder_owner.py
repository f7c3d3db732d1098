"""Whose an output folder is, read without leaving a trace, and a refusal for everybody else."""

import contextlib
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from parbatch.errors import CheckpointError, FolderError
from parbatch.model.json_values import NOT_JSON
from parbatch.model.loading import LoadedJob, phases_of
from parbatch.storage.checkpoint import OWNER
from parbatch.storage.folder import REPORT_NAMES, Folder
from parbatch.storage.layout import read_layout
from parbatch.storage.lock import holder
from parbatch.storage.owner import Owner, owner_of
from parbatch.storage.phase_record import read_phases

# Near the beginning of every report.json.
_FIELDS_OF_REPORTS = (b'"job":', b'"run_id":')


class _Record(msgspec.Struct):
    """What the record of a run says of its job."""

    job: str


def owner_in(folder: Folder) -> Owner | None:
    """Whose a folder is: of the whole, of phases, or of shards. None where nothing was run, or nobody knows."""
    if (phases := read_phases(folder)) is not None:
        return phases.owner or Owner(job=phases.names[-1])
    if folder.has_checkpoint:
        return _written(folder) or _recorded(folder)
    layout = read_layout(folder)
    for part in layout.begun() if layout is not None and layout.chosen is None else ():
        return owner_in(part.folder)
    return None


def check_owner(folder: Folder, loaded: LoadedJob, *, adopt: bool = False) -> list[str]:
    """Raise FolderError, with nothing touched, where the folder, or a phase's in it, is another job's.

    With `adopt` it is taken over instead: returns what to tell people then, a line a folder.
    """
    lines = []
    for place, job in _places(folder, loaded):
        found, asking = owner_in(place), owner_of(job, place.root)
        if found is None or found.is_the_same_as(asking, place.root):
            continue
        if not adopt:
            raise FolderError(
                f"{place.root} holds {found}, and not {asking}. Nothing was touched. Give another folder with --out,"
                " or take this one over: parbatch run … --adopt."
            )
        lines.append(f"Took over {place.root}: it was that of {found}, and is that of {asking} from now on.")
    return lines


def not_its_own(folder: Folder, loaded: LoadedJob) -> str | None:
    """Say to whom a folder belongs, for people who look at it by way of another job; None where it is that job's."""
    found, asking = owner_in(folder), owner_of(loaded, folder.root)
    if found is None or found.is_the_same_as(asking, folder.root):
        return None
    return f"{folder.root} is the folder of {found}, not of {asking}."


def _places(folder: Folder, loaded: LoadedJob) -> Iterable[tuple[Folder, LoadedJob]]:
    whole = folder.whole()
    yield whole, loaded
    if folder is not whole:
        yield folder, loaded
    phases = phases_of(loaded)
    for phase in phases if phases[1:] else ():
        yield whole.below(phase.job.name), phase


def _written(folder: Folder) -> Owner | None:
    """Return the owner that the checkpoint names; None where it names none, or can't be read."""
    with contextlib.suppress(sqlite3.Error, OSError, TypeError, *NOT_JSON):
        with _untouched(folder) as db:
            row = db.execute("SELECT value FROM facts WHERE key = ?", (OWNER,)).fetchone()
        if row is not None:
            return msgspec.json.decode(row[0], type=Owner)
    return None


@contextlib.contextmanager
def _untouched(folder: Folder) -> Iterator[sqlite3.Connection]:
    """Open a checkpoint so that nothing in its folder changes, not even what SQLite keeps beside it.

    What a killed run has left there is read in a copy: to read it in place is to bring it to an end.
    """
    with contextlib.ExitStack() as opened:
        path, journal = folder.checkpoint, Path(f"{folder.checkpoint}-wal")
        mode = "mode=ro&immutable=1"
        if folder.tree.is_file(journal):
            mode = "mode=ro"
            if holder(folder) is None:
                copy = Path(opened.enter_context(tempfile.TemporaryDirectory()), path.name)
                shutil.copyfile(path, copy)
                shutil.copyfile(journal, f"{copy}-wal")
                path = copy
        uri = f"{path.absolute().as_uri()}?{mode}"
        yield opened.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True)))


def _recorded(folder: Folder) -> Owner | None:
    """Return the owner by the newest record of a run, which has the job's name: of an old folder, or a damaged one."""
    with folder.in_use():
        names = folder.tree.names(folder.sessions)
    for name in reversed(names):
        with contextlib.suppress(OSError, CheckpointError, *NOT_JSON):
            return Owner(job=msgspec.json.decode(folder.tree.read(folder.sessions / name), type=_Record).job)
    return None


def check_no_others_reports(folder: Folder) -> None:
    """Raise FolderError where files that parbatch did not write have the names of reports; call before a first run.

    Reports of a folder from which only `run/` was removed are parbatch's own.
    """
    there = [folder.report(name) for name in REPORT_NAMES if _is_file(folder, name)]
    if there and not _is_own_report(folder):
        raise FolderError(
            f"{there[0]} is there already, and parbatch did not write it: a report of that name would take its place."
            " Nothing was touched. Move it away, or give another folder with --out."
        )


def _is_file(folder: Folder, name: str) -> bool:
    state = folder.tree.state(folder.report(name))
    return state is not None and stat.S_ISREG(state.st_mode)


def _is_own_report(folder: Folder) -> bool:
    if not _is_file(folder, "report.json"):
        return False
    with folder.tree.open(folder.report("report.json")) as file:
        beginning = file.read(1 << 12)
    return all(field in beginning for field in _FIELDS_OF_REPORTS)
