"""Tab in a real shell completes commands, options, choices, job files and items; it never complains."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import FAILING, contents, typed, write_job

SCRIPT = Path(sys.executable).with_name("parbatch")
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="parbatch is not installed as a command")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")

# What a person's Tab does: the function that was registered for the command, called as bash calls it.
BASH = """
eval "$(_PARBATCH_COMPLETE=bash_source parbatch)"
COMP_WORDS=("$@")
COMP_CWORD=$(( $# - 1 ))
function_name=$(complete -p parbatch | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function_name" parbatch
printf '%s\\n' "${COMPREPLY[@]}"
"""


def tab(here: Path, *words: str) -> list[str]:
    """What bash offers after these words, the last of which is not finished; nothing may go to standard error."""
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", "parbatch", *words],
        cwd=here,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@needs_bash
def test_commands_options_and_choices(tmp_path: Path) -> None:
    assert {"run", "retry", "render", "show", "status"} <= set(tab(tmp_path, ""))
    assert tab(tmp_path, "sh") == ["show"]
    assert tab(tmp_path, "run", "--max-s") == ["--max-same-failure"]
    assert tab(tmp_path, "run", "--progress", "") == ["auto", "bar", "lines", "none"]


@needs_bash
def test_job_files_and_the_folders_on_the_way(tmp_path: Path) -> None:
    for name in ("letters.py", "letters.txt", "table.toml", ".hidden.py"):
        (tmp_path / name).write_text("raise SystemExit('the job is not run by Tab')")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "more.py").touch()
    assert tab(tmp_path, "run", "") == ["jobs/", "letters.py", "table.toml"]
    assert tab(tmp_path, "run", "jobs/") == ["jobs/more.py"]
    assert tab(tmp_path, "show", "ada", "le") == ["letters.py"]
    assert tab(tmp_path, "run", "nowhere/") == []


@needs_bash
def test_items_come_from_the_checkpoint_and_nothing_is_touched(tmp_path: Path) -> None:
    write_job(tmp_path / "job.py", FAILING)
    out = tmp_path / "outputs" / "letters"
    typed("run", str(tmp_path / "job.py"), "--out", str(out))
    before = contents(tmp_path)
    assert tab(tmp_path, "show", "") == ["ada", "bob", "cyd"]
    assert tab(tmp_path, "render", "b") == ["bob"]
    assert tab(tmp_path, "show", "--out", "outputs/letters", "c") == ["cyd"]
    assert tab(tmp_path, "show", "--out", "elsewhere", "") == []
    assert contents(tmp_path) == before


@needs_bash
def test_items_of_shards_and_of_phases_are_offered_as_they_are_called(tmp_path: Path) -> None:
    for place, item in (("s/run/shards/2-of-2", "two"), ("s/run/shards/1-of-2", "one"), ("p/lego/run", "ada")):
        folder = tmp_path / "outputs" / place
        folder.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(folder / "checkpoint.sqlite")) as db, db:
            db.execute("CREATE TABLE items (position INTEGER PRIMARY KEY, id TEXT)")
            db.execute("INSERT INTO items (id) VALUES (?)", (item,))
    assert tab(tmp_path, "show", "--out", "outputs/s", "") == ["one", "two"]
    assert tab(tmp_path, "show", "") == ["lego/ada", "one", "two"]
    assert tab(tmp_path, "show", "l") == tab(tmp_path, "show", "lego/a") == ["lego/ada"]
    assert tab(tmp_path, "show", "lego/b") == []


@needs_bash
def test_a_checkpoint_that_is_none_or_held_is_passed_over_in_silence(tmp_path: Path) -> None:
    for name, content in (("a", b"no database"), ("b", b"")):
        (tmp_path / "outputs" / name / "run").mkdir(parents=True)
        (tmp_path / "outputs" / name / "run" / "checkpoint.sqlite").write_bytes(content)
    with sqlite3.connect(tmp_path / "outputs" / "b" / "run" / "checkpoint.sqlite") as db:
        db.execute("CREATE TABLE items (position INTEGER PRIMARY KEY, id TEXT)")
        db.execute("INSERT INTO items (id) VALUES ('one'), ('two\nlines')")
    db.close()
    assert tab(tmp_path, "show", "") == ["one"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_read_what_parbatch_writes_for_them(shell: str) -> None:
    written = subprocess.run(
        [SCRIPT],
        env={**os.environ, "_PARBATCH_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_PARBATCH_COMPLETE" in written.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script was written, and not tried")
    subprocess.run([shell, "-n"], input=written.stdout, text=True, check=True)


def test_the_help_says_how_to_switch_it_on() -> None:
    text = typed("--help").output
    assert 'eval "$(_PARBATCH_COMPLETE=bash_source parbatch)"' in text
    assert 'eval "$(_PARBATCH_COMPLETE=zsh_source parbatch)"' in text
    assert "_PARBATCH_COMPLETE=fish_source parbatch | source" in text
