"""The record of phases, `run/phases.json`: which phases a folder has, and how their last run stands.

Written by the engine, which holds the folder; read by `layout` and by whoever tells of the last run of all phases. The
outcomes of each phase are in its own folder, not here.
"""

import msgspec

from parbatch.errors import CheckpointError
from parbatch.model.file_names import is_job_name
from parbatch.model.json_values import NOT_JSON
from parbatch.model.result import RunEnd
from parbatch.storage.folder import Folder
from parbatch.storage.owner import Owner


class PhaseRecord(msgspec.Struct, frozen=True):
    """The phases of a folder by their names, in the order in which they are done, their last run, and their job."""

    names: tuple[str, ...]
    run_id: str
    state: str
    end: RunEnd = RunEnd()
    owner: Owner | None = None


def read_phases(root: Folder) -> PhaseRecord | None:
    """Read the record; None for a folder without phases. Raises CheckpointError where it can't be read."""
    path = root.run / "phases.json"
    try:
        with root.in_use():
            if not root.tree.is_file(path):
                return None
            phases = msgspec.json.decode(root.tree.read(path), type=PhaseRecord)
    except NOT_JSON as error:
        raise CheckpointError(f"{path} can't be read: {error}. Restore it; each run writes it anew.") from None
    if not all(map(is_job_name, phases.names)):
        raise CheckpointError(f"{path} names phases that no job can have. Restore it; each run writes it anew.")
    return phases


def write_phases(root: Folder, phases: PhaseRecord) -> None:
    """Write the record, in place of what it was before."""
    with root.in_use(), root.tree.written_whole(root.run / "phases.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(phases), indent=2) + b"\n")


def remove_phases(root: Folder) -> None:
    """Remove the record: a job without phases has this folder now."""
    root.tree.remove(root.run / "phases.json")
