"""Evaluate the code blocks of a document, in order and in one folder, as a reader would type them.

| block | what is done with it |
| --- | --- |
| `python`, first line `# name.py` | saved under that name; run with `parbatch run` unless a later block uses it |
| `python`, first line `# sketch` | compiled: the reader sees that it leaves something out |
| `python` | run as a script beside the files saved so far |
| `toml`, first line `# name.toml` | saved under that name; `parbatch.toml` is tried with `parbatch plan` |
| `console` | each `$ command` is run, and has to end with what is shown, times and run ids aside |
| `sh` | run, line by line; of `make` only that there is such a target |
| `text` | a drawing: looked at, not run |
| none | a listing of an output folder: what it names has to be there |

Any other block is an error: somebody has to say what is done with it.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import docx
from sybil.document import Document
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sybil import Example, Region

ROOT = Path(__file__).parent.parent

_EVERY_BLOCK = RawFencedCodeBlockLexer(re.compile(r"(?P<info>[^\n]*)\n"))
_FILE_NAME = re.compile(r"# ([\w.-]+\.(?:py|toml))\n")
# What is another at each run: times, and the names of runs.
_CHANGING = [
    (re.compile(r"\b(?:\d+ h )?(?:\d+ min )?\d+(?:\.\d+)? (?:s|ms)\b"), "TIME"),
    (re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{6}\b"), "RUN"),
]


def blocks_of(path: Path, evaluate: Callable[[Example], str | None]) -> list[Example]:
    """All fenced blocks of a document, in order, each to be evaluated by this function."""

    def every_block(document: Document) -> Iterable[Region]:
        for region in _EVERY_BLOCK(document):
            region.parsed, region.evaluator = region.lexemes["source"], evaluate
            yield region

    return [*Document.parse(str(path), every_block)]


class Workspace:
    """A folder with the data that a reader has, where blocks are evaluated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self._copies = 0
        self._saved: dict[str, bool] = {}  # a job's file: whether something has used it
        self._lay_out_data()

    def _lay_out_data(self) -> None:
        """592 people, two of them without a city; a template; texts that a job reads."""
        with (self.folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("number", "name", "city"))
            without = {17: "Cherokee Nation", 203: "Navajo Nation"}
            for number in range(1, 593):
                rows.writerow((number, without[number]) if number in without else (number, f"Office {number}", "Tulsa"))
        docx.Document().save(str(self.folder / "letter.docx"))
        (self.folder / "sources").mkdir()
        for number in range(1, 21):
            (self.folder / f"sources/ctx_{number:03}.txt").write_text(f"Source {number}\nPrice: {number}\n")

    def evaluate(self, example: Example) -> str | None:
        """Do with a block what its kind says. Returns what is wrong, if anything."""
        info, source = example.region.lexemes["info"].strip(), str(example.parsed)
        kinds = {
            "python": self._python,
            "toml": self._toml,
            "console": self._console,
            "sh": self._sh,
            "text": self._drawing,
            "": self._listing,
        }
        if info not in kinds:
            return f"nothing runs a block of the kind {info!r}: say in {__name__} what is done with it"
        return kinds[info](source)

    def finish(self) -> str | None:
        """Run the jobs that no block has used."""
        for name in [name for name, used in self._saved.items() if not used]:
            if wrong := self.run(f"parbatch run {name} --progress none", self.folder):
                return wrong
        return None

    def run(self, command: str, folder: Path | None = None) -> str | None:
        """Run a command line. Returns what it printed if it fails."""
        done = self._typed(command, folder or self.folder)
        return f"$ {command}\nends with {done.returncode}:\n{done.stdout[-4000:]}" if done.returncode else None

    # --- kinds of blocks

    def _python(self, source: str) -> str | None:
        compile(source, "block", "exec")
        if source.startswith("# sketch"):
            return None
        if name := self._save(source):
            self._saved[name] = False
            return None
        self._copies += 1
        copy = self.folder.parent / f"script-{self._copies}"
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("outputs"))
        (copy / "block.py").write_text(source, encoding="utf-8")
        self._use(source)
        return self.run(f"{shlex.quote(sys.executable)} block.py", copy)

    def _toml(self, source: str) -> str | None:
        name = self._save(source)
        if name is None:
            return "the first line of a toml block names its file: # parbatch.toml"
        return self.run("parbatch plan", self.folder) if name == "parbatch.toml" else None

    def _console(self, source: str) -> str | None:
        for typed in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
            command, _, expected = typed.partition("\n")
            self._use(command)
            printed = self._typed(command, self.folder).stdout
            shown, wanted = _lines(printed), _lines(expected)
            if shown[len(shown) - len(wanted) :] != wanted:
                ending = "\n".join(printed.splitlines()[-len(wanted) - 5 :])
                return f"$ {command}\nis said to print at its end\n{expected}\nand prints at its end\n{ending}"
        return None

    def _sh(self, source: str) -> str | None:
        for line in source.splitlines():
            words = shlex.split(line, comments=True)
            self._use(line)
            if words[:1] == ["make"]:
                wrong = self.run(shlex.join([*words, "--dry-run"]), ROOT)
            elif words[:1] == ["sqlite3"] and shutil.which("sqlite3") is None:  # any tool reads it
                sqlite3.connect(self.folder / words[1]).execute(words[2]).fetchall()
                wrong = None
            else:
                wrong = self.run(line, self.folder)
            if wrong:
                return wrong
        return None

    def _drawing(self, source: str) -> str | None:
        return None if re.search("[─│▶]", source) else "a block of text is a drawing: say of any other what it is"

    def _listing(self, source: str) -> str | None:
        for line in source.splitlines():
            path, _, told = line.partition(" ")
            if not path.startswith("<out>/"):
                return f"a block without a language lists an output folder, and {line!r} is no path in one"
            of_an_overview = "overview" in path or "overview" in told
            if not of_an_overview and not (self.folder / "outputs/letters" / path[6:].rstrip("…")).exists():
                return f"no {path} in outputs/letters"
        return None

    # --- inside

    def _save(self, source: str) -> str | None:
        match = _FILE_NAME.match(source)
        if match is None:
            return None
        (self.folder / match[1]).write_text(source, encoding="utf-8")
        return match[1]

    def _use(self, text: str) -> None:
        for name in self._saved:
            self._saved[name] = self._saved[name] or name in text

    def _typed(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        return subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )


def _lines(text: str) -> list[str]:
    for changing, stand_in in _CHANGING:
        text = changing.sub(stand_in, text)
    return [line.rstrip() for line in text.strip().splitlines()]
