"""The reports of a folder once more, from its checkpoint and the record of its last run."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from parbatch.engine.finish import report_anew
from parbatch.errors import FolderError
from parbatch.reports import REPORTS, write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import RunFacts, build_result
from parbatch.reports.run_records import newest_record, note_killed_runs, note_killed_runs_in_passing
from parbatch.storage.damage import damage_in_words
from parbatch.storage.folder import Folder
from parbatch.storage.layout import check_on_disk, read_layout, shard_of_folder, wanted_layout
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_existing
from parbatch.storage.phase_record import read_phases
from parbatch.storage.view import View, view_of


class Told(NamedTuple):
    """Which reports were written, and what a person should know about them."""

    written: list[str]
    notes: list[str]


def write_again(folder: Folder) -> Told:
    """Write the reports from the checkpoint and the newest record; of shards and phases, from all that have begun.

    Raises FolderError where there is none, FolderHeldError during a run, CheckpointError for a damaged checkpoint.
    """
    layout = read_layout(folder)
    if layout is not None and layout.kind == "shards" and layout.chosen is None:
        note_killed_runs_in_passing(folder)
        result, problems = report_anew(folder)
        if result.state != "finished":
            problems |= {"shards": f"Not everything is in it yet: {result.stopped_by}."}
        return Told([name for name in REPORTS if name not in problems], [*problems.values()])
    check_on_disk(wanted_layout(folder.root, shard=shard_of_folder(folder)))
    if layout is None or (layout.kind != "phases" and not layout.begun()):
        raise FolderError(f"{folder.root} holds no run of parbatch. Name the job, or the folder with --out.")
    with hold(folder):
        note_killed_runs(folder)
        phases = read_phases(folder)
        with damage_in_words(folder.checkpoint), _opened(folder, is_read=phases is not None) as view:
            record = newest_record(view, folder)
            result = build_result(RunFacts.of(record), view)
            problems = write_reports(Material(result, view, folder))
            notes = [*problems.values()]
            last = view.last_run()
    if last and last[0] != record.run_id:
        notes.append(
            f"The last run ({last[0]}) was cut off and left no record. The counts and failures are those of the"
            f" checkpoint now; times and worker figures are of the run before ({record.run_id})."
        )
    elif record.state == "killed":
        notes.append(f"The last run ({record.run_id}) was killed: when it ended, and its worker figures, nobody knows.")
    return Told([name for name in REPORTS if name not in problems], notes)


@contextlib.contextmanager
def _opened(folder: Folder, *, is_read: bool) -> Iterator[View]:
    """Open a view of a folder that is held; a checkpoint of an earlier version gets the present format."""
    if is_read:
        with view_of(folder) as view:
            yield view
        return
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        yield View.of(checkpoint, folder)
