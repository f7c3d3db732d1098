"""The records of runs: written at a run's beginning, replaced at its end, and put right when there never was an end.

A run that was killed can't say so. The next command that comes by, and finds that nobody holds the folder, does.
"""

import contextlib
from datetime import datetime

import msgspec

from parbatch.errors import CheckpointError, FolderError, FolderHeldError
from parbatch.model.json_values import NOT_JSON
from parbatch.model.result import RunResult
from parbatch.reports import json
from parbatch.reports.results import RunFacts, build_result
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import REFUSALS, damage_in_words
from parbatch.storage.folder import Folder, unusable
from parbatch.storage.layout import read_layout
from parbatch.storage.lock import hold, holder
from parbatch.storage.opening import open_existing
from parbatch.storage.plain_files import UnsafePathError
from parbatch.storage.reader import reading
from parbatch.storage.view import View

_MOST_OF_RECORD = 1 << 29  # bytes; where all of 200,000 items failed it has some 200 million


def keep_record(result: RunResult, folder: Folder) -> None:
    """Write the record of a run, in place of what it was before."""
    with folder.tree.written_whole(folder.session(result.run_id)) as file:
        file.writelines(json.pieces(result))


def forget_record(run_id: str, folder: Folder) -> None:
    """Remove the record of a run that came to nothing."""
    folder.tree.remove(folder.session(run_id))


def newest_record(view: View | Checkpoint, folder: Folder) -> RunResult:
    """Return the newest readable record, of a run that the checkpoint knows. Raises FolderError where there is none."""
    for run_id in view.run_ids():
        if (record := _record(run_id, folder)) is not None:
            return record
    raise FolderError(f"No run in {folder.root} came to its end yet, so there is none to report on. Use --resume.")


def note_killed_runs(folder: Folder) -> None:
    """Write down which runs were killed, in their records and in the checkpoint. The caller holds the folder.

    A checkpoint that can't be used is left to the command that needs it, and will say so.
    """
    if not folder.has_checkpoint:
        return
    with contextlib.suppress(CheckpointError, *REFUSALS):
        with damage_in_words(folder.checkpoint), contextlib.closing(Checkpoint(folder.checkpoint)) as checkpoint:
            killed = checkpoint.runs_without_an_end()
        if killed:
            with (
                damage_in_words(folder.checkpoint),
                contextlib.closing(open_existing(folder.checkpoint)) as checkpoint,
            ):
                for run_id in killed:
                    if (record := _record(run_id, folder)) is not None:
                        keep_record(_killed(record, checkpoint, folder), folder)
                    checkpoint.run_was_killed(run_id)


def note_killed_runs_in_passing(folder: Folder) -> None:
    """Write down killed runs from a command that only looks, also in each shard and phase.

    It is done where nobody holds the folder, and it can be written; else nothing is done, and nothing said.
    """
    with contextlib.suppress(FolderError, CheckpointError):
        layout = read_layout(folder)
        for part in layout.begun() if layout is not None and layout.folder is layout.root else ():
            if part.folder.checkpoint != folder.checkpoint:
                note_killed_runs_in_passing(part.folder)
    if holder(folder) is not None or not folder.has_checkpoint:
        return
    with contextlib.suppress(CheckpointError, FolderError, FolderHeldError, *REFUSALS):
        with reading(folder) as checkpoint:
            killed = checkpoint.runs_without_an_end()
        if killed:
            with hold(folder):
                note_killed_runs(folder)


def _record(run_id: str, folder: Folder) -> RunResult | None:
    """Return the record of a run; None where it is not there, can't be read, or is not what a run has written."""
    try:
        record = msgspec.json.decode(folder.tree.read(folder.session(run_id), _MOST_OF_RECORD), type=RunResult)
        times = [datetime.fromisoformat(time) for time in (record.started_at, record.finished_at) if time is not None]
    except UnsafePathError as error:
        raise unusable(folder.root, error) from None
    except (OSError, ValueError, *NOT_JSON):
        return None
    return record if record.run_id == run_id and all(time.tzinfo is not None for time in times) else None


def _killed(record: RunResult, checkpoint: Checkpoint, folder: Folder) -> RunResult:
    """Return the record of a run that was killed, as the checkpoint can tell; when it ended, nobody knows."""
    began = datetime.fromisoformat(record.started_at).timestamp()
    rendered = checkpoint.ended_since(began)
    facts = msgspec.structs.replace(
        RunFacts.of(record), state="killed", finished_at=None, duration_s=None, rendered=rendered
    )
    return build_result(facts, View.of(checkpoint, folder))
