"""A run as the outside sees it: a command, a folder, an exit code, and processes."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

JOBS = Path(__file__).parent.parent / "jobs"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "parbatch", *map(str, arguments)]


def start(*arguments: object, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*arguments),
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*arguments: object, env: Mapping[str, str] | None = None, timeout: float = 100) -> tuple[int, str]:
    """Run a command to its end: the exit code, and what it printed."""
    process = start(*arguments, env=env)
    printed, _ = process.communicate(timeout=timeout)
    return process.returncode, printed


def rows(out: Path, query: str) -> list[tuple[Any, ...]]:
    """What any SQLite tool reads in the checkpoint; what a killed run has left there stays as it is."""
    checkpoint = out / "run" / "checkpoint.sqlite"
    try:
        return _rows(f"file:{checkpoint}?mode=ro", query)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
    # Whoever was killed as it began its journal leaves one that only a writer can read.
    with tempfile.TemporaryDirectory() as place:
        for path in checkpoint.parent.glob(f"{checkpoint.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, place)
        return _rows(f"file:{Path(place, checkpoint.name)}", query)


def _rows(uri: str, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
        return db.execute(query).fetchall()


def left_behind(out: Path) -> list[str]:
    """Processes that belong to a run in this folder and are still alive, the runs themselves apart."""
    runs = {str(run_id) for (run_id,) in rows(out, "SELECT run_id FROM runs")}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mark = process.environ().get("PARBATCH_RUN", "")
            if any(mark.startswith(run_id) for run_id in runs) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of so many bytes; the test is skipped where this process may not make one."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], capture_output=True, text=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip() if mounted else sys.platform}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, options: str) -> None:
    """Change a `small_disk`: its size, or whether it can be written (`ro`)."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
