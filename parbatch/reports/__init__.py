"""What is said about a run once it is over: files for programs and people, and a summary at the prompt (`console`).

A report is a module that satisfies `Report`; it is found by its file's name here.
"""

import stat
from importlib import import_module
from typing import BinaryIO, Protocol, cast

from parbatch.errors import FolderError
from parbatch.folder import Folder
from parbatch.reports.material import Material
from parbatch.system_errors import in_words

REPORTS = {
    "report.json": "parbatch.reports.json",
    "junit.xml": "parbatch.reports.junit",
    "report.html": "parbatch.reports.html",
}


_OWN = (b'"job":', b'"run_id":')  # near the beginning of every report.json


class Report(Protocol):
    """A way to tell what a run came to, as one file in the output folder."""

    def write(self, material: Material, file: BinaryIO) -> None:
        """Write the report, without holding every item in memory."""


def write_reports(material: Material) -> dict[str, str]:
    """Write every report, each whole or not at all. Returns what could not be written by its name, and why in words."""
    problems = {}
    for name, module in REPORTS.items():
        report = cast("Report", import_module(module))
        path = material.folder.report(name)
        try:
            with material.folder.tree.written_whole(path) as file:
                report.write(material, file)
        except Exception as error:  # noqa: BLE001 -- the run is over and safe: nothing in a report may fail it
            why = in_words(error, material.folder.checkpoint) or f"{type(error).__name__}: {error}"
            problems[name] = f"{path.name} can't be written ({why}). `parbatch report` writes it again."
    return problems


def check_no_others_reports(folder: Folder) -> None:
    """Raise FolderError where files that parbatch did not write have the names of reports; call before a first run.

    Reports of a folder from which only `run/` was removed are parbatch's own.
    """
    there = [folder.report(name) for name in REPORTS if _is_file(folder, name)]
    if there and not _is_own(folder):
        raise FolderError(
            f"{there[0]} is there already, and parbatch did not write it: a report of that name would take its place."
            " Nothing was touched. Move it away, or give another folder with --out."
        )


def _is_file(folder: Folder, name: str) -> bool:
    state = folder.tree.state(folder.report(name))
    return state is not None and stat.S_ISREG(state.st_mode)


def _is_own(folder: Folder) -> bool:
    if not _is_file(folder, "report.json"):
        return False
    with folder.tree.open(folder.report("report.json")) as file:
        beginning = file.read(1 << 12)
    return all(field in beginning for field in _OWN)
