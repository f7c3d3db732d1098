"""A scenario: real commands, typed in an empty folder, and all that they said and left, as one text."""

import contextlib
import difflib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.volatile import Marks

EXPECTED = Path(__file__).parent / "expected"
JOBS = Path(__file__).parents[1] / "jobs"
UPDATE = "PARBATCH_GOLDEN"
# Files that are shown whole, and beginnings of paths whose contents are the same in every run of a scenario.
_SHOWN = ("overview.txt", "merged.json", "merged.jsonl")
_SAME = ("items", "overview", "merged", "run/context", "run/rejected", "run/withdrawn")


class Scenario:
    """What is typed in a folder of its own, and what comes of it.

    Each command is written down with its exit code and with what it said; then what it changed in the folder
    `outputs`: names, kinds and contents of files, reports, and the files that people read.
    """

    def __init__(self, here: Path, **environment: str) -> None:
        self.here = here
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        self.environment = {
            **kept,
            "COLUMNS": "80",
            "HOME": str(here.parent),
            "LANG": "C.UTF-8",
            "PARBATCH_DEFLATE": "zlib",
            "TZ": "UTC",
            **environment,
        }
        self._marks = Marks(here)
        self._tree: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._pieces: list[str] = []
        self._stdout = ""

    # --- what is done

    def job(self, name: str, saved_as: str) -> None:
        """Put a job file of the tests into the folder."""
        shutil.copyfile(JOBS / name, self.here / saved_as)

    def write(self, name: str, text: str) -> None:
        """Write a file, or write it anew, and say so."""
        (self.here / name).parent.mkdir(parents=True, exist_ok=True)
        (self.here / name).write_text(text, encoding="utf-8")
        self._pieces.append(f"=== {name} is written\n{text}")
        self._tree = self._list()

    def set(self, **environment: str) -> None:
        """Set variables for the commands that follow, and say so."""
        self.environment.update(environment)
        self._pieces.append("".join(f"=== {name}={value}\n" for name, value in environment.items()))

    def parbatch(self, *arguments: str) -> None:
        """Type a command, and write down what came of it."""
        with self.started(*arguments) as process:
            stdout, stderr = process.communicate(timeout=100)
        self.ended(arguments, process.returncode, stdout, stderr)

    def started(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command, for a scenario that does something to it."""
        return subprocess.Popen(
            [sys.executable, "-m", "parbatch", *arguments],
            cwd=self.here,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def ended(self, arguments: tuple[str, ...], code: int, stdout: str, stderr: str) -> None:
        """Write down what came of a command."""
        assert "runpy" not in stderr, f"a traceback of parbatch's own:\n{stderr}"  # which no update may write down
        typed = " ".join(f"'{word}'" if " " in word or "*" in word else word for word in arguments)
        self._pieces.append(f"$ parbatch {typed}\nexit {code}\n")
        is_json = "--json" in arguments and stdout[:1] in {"{", "["}
        self._stdout = self._marks.json(stdout) if is_json else self._marks.text(stdout)
        self._section("stdout, JSON" if is_json else "stdout", self._stdout)
        self._section("stderr", self._marks.text(stderr))
        self._note_changes()

    # --- what is written down

    def _section(self, title: str, text: str) -> None:
        if text:
            self._pieces.append(
                f"--- {title}\n{text}{'' if text.endswith(chr(10)) else chr(10) + '(no newline)' + chr(10)}"
            )

    def _note_changes(self) -> None:
        tree = self._list()
        gone = [f"- {path}\n" for path in self._tree if path not in tree]
        new = [f"{'~' if path in self._tree else '+'} {path}{kind}\n" for path, kind in tree.items()
               if self._tree.get(path) != kind]  # fmt: skip
        self._tree = tree
        self._section("tree", "".join(gone + new))
        for path in sorted((self.here / "outputs").rglob("*")):
            name = str(path.relative_to(self.here))
            if path.name in _SHOWN or path.match("report*.json"):
                text = path.read_text(encoding="utf-8")
                shown = self._marks.json(text) if path.suffix == ".json" and path.name not in _SHOWN else text
                if self._files.get(name) != shown:
                    self._files[name] = shown
                    self._section(name, shown if shown != self._stdout else "(what stdout says)\n")

    def _list(self) -> dict[str, str]:
        """What is below `outputs`: path, and the kind or what is known of the contents."""
        found = {}
        for path in (self.here / "outputs").rglob("*"):
            name = self._marks.text(str(path.relative_to(self.here)))
            if "/run/tmp/<run" in name.rpartition("/")[0]:
                continue  # what a killed run was at: how far it had tidied up is chance
            if path.is_dir():
                found[name] = "/"
            elif not path.is_file():
                found[name] = " (no plain file)"
            elif not name.endswith((".docx", ".stderr.txt", ".stdout.txt")) and any(
                f"/{part}" in f"/{name}" for part in _SAME
            ):
                data = path.read_bytes()
                found[name] = f"  {len(data)} bytes {hashlib.sha256(data).hexdigest()[:8]}"
            else:
                found[name] = ""
        return dict(sorted(found.items()))

    def whole(self) -> str:
        """Return all that was written down."""
        return "\n".join(self._pieces)


@contextlib.contextmanager
def golden(name: str, here: Path, **environment: str) -> Iterator[Scenario]:
    """A scenario whose text has to be that of the expected file of this name."""
    here = here / "here"
    here.mkdir()
    scenario = Scenario(here, **environment)
    yield scenario
    compare(name, scenario.whole())


def compare(name: str, text: str) -> None:
    """Fail with the differences to an expected file; write it anew instead if that is asked for."""
    path = EXPECTED / f"{name}.txt"
    was = path.read_text(encoding="utf-8") if path.exists() else ""
    if os.environ.get(UPDATE) == "update":
        path.write_text(text, encoding="utf-8")
        pytest.skip(f"{path.name} is {'as it was' if text == was else 'WRITTEN ANEW: look at its differences'}")
    if text != was:
        lines = difflib.unified_diff(was.split("\n"), text.split("\n"), f"expected/{path.name}", "now", lineterm="")
        pytest.fail(
            "\n".join([*lines, f"If that is meant: {UPDATE}=update python -m pytest tests/golden"]), pytrace=False
        )
