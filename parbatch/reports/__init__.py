"""What is said about a run once it is over: files for programs and people, and a summary at the prompt (`console`).

A report is a module that satisfies `Report`; it is found by its file's name here.
"""

from importlib import import_module
from typing import BinaryIO, Protocol, cast

from parbatch.reports.report_data import Material
from parbatch.storage.system_errors import in_words

REPORTS = {
    "report.json": "parbatch.reports.json",
    "junit.xml": "parbatch.reports.junit",
    "report.html": "parbatch.reports.html.report",
}


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
