"""Run the benchmarks, and leave JSON and a Markdown table in `benchmarks/results/`.

Usage: python -m benchmarks [readme|packets|runner|context|table]

`table` measures nothing: it prints the rows of all suites, as they were measured last, as README's one table.
"""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path

import msgspec

from benchmarks.measuring import Row

RESULTS = Path(__file__).parent / "results"
SUITES = ("readme", "packets", "runner", "context")
PACKAGES = ("parbatch", "python-docx", "lxml", "loky", "joblib", "mpire", "isal", "zlib-ng")


class Results(msgspec.Struct):
    """What a suite measured, and what its figures belong to."""

    about: dict[str, str]
    rows: list[Row]


def main() -> None:
    """Run the suites that were asked for, or all, and write down each; or print what was measured last."""
    asked = sys.argv[1:] or SUITES
    if asked == ["table"]:
        print(table_of_all())
        return
    for suite in asked:
        rows: list[Row] = import_module(f"benchmarks.{suite}").measure()
        machine = about()
        (RESULTS / f"{suite}.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(Results(about=machine, rows=rows)), indent=2) + b"\n"
        )
        text = table(rows, machine)
        (RESULTS / f"{suite}.md").write_text(text, encoding="utf-8")
        print(text)


def about() -> dict[str, str]:
    """The date, the machine and the versions that the figures belong to."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    } | versions


def table_of_all() -> str:
    """The rows of all suites in the design's order, as they were measured last, below what the newest belong to."""
    stored = {path.stem: msgspec.json.decode(path.read_bytes(), type=Results) for path in RESULTS.glob("*.json")}
    newest = max((results.about for results in stored.values()), key=lambda about: about["date"])
    rows = sorted((row for results in stored.values() for row in results.rows), key=lambda row: row.row)
    older = [f"{suite} of {results.about['date']}" for suite, results in stored.items() if results.about != newest]
    return table(rows, newest) + (f"Others: {', '.join(sorted(older))}.\n" if older else "")


def table(rows: list[Row], machine: dict[str, str]) -> str:
    """The rows as a Markdown table with what they belong to below."""
    lines = ["| measure | here | must | aim | |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        shown = f"{row.value:,.3g} {row.unit}" + (f" ({row.note})" if row.note else "")
        lines.append(f"| {row.measure} | {shown} | {row.must:g} | {row.aim:g} | {row.verdict()} |")
    below = ", ".join(f"{name} {value}" if name != "date" else value for name, value in machine.items())
    return "\n".join([*lines, "", f"Medians; {below}.", ""])


if __name__ == "__main__":
    main()
