"""What the system refuses is named as what it is, and nothing else is blamed for it."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.outside import command, finish, small_disk
from tests.support import write_job

MINE = Path(__file__).parent.parent.parent


def ended(
    *arguments: object, before: list[str] | None = None, limit: Callable[[], None] | None = None
) -> tuple[int, str]:
    """Run a command with its working folder and limits: the exit code, and all that it printed."""
    done = subprocess.run(
        [*(before or []), *command(*arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=100,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": str(MINE)},
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done.returncode, done.stdout


def fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    assert os.statvfs(disk).f_bavail == 0


def test_a_disk_that_is_full_is_named_by_what_writes_and_does_not_keep_readers_out(here: Path) -> None:
    job = write_job(here / "job.py")
    with small_disk(here / "disk", "1m") as disk:
        out = disk / "out"
        assert ended("run", job, "--out", out, "--progress", "none", "--backend", "inline")[0] == 0
        fill(disk)
        for looking in (("status", job), ("list", job), ("show", "ada", job), ("plan", job)):
            code, printed = ended(*looking, "--out", out)
            assert code == 0, printed
        for writing in (("run", job, "--resume"), ("run", job, "--fresh"), ("retry", job), ("report", job)):
            code, printed = ended(*writing, "--out", out)
            assert code == 2
            assert "No space left on device" in printed
            assert "lock.json" in printed
            assert "damaged" not in printed
            assert "use --fresh" not in printed
        (disk / "fill").unlink()
        assert ended("run", job, "--out", out, "--resume", "--progress", "none")[0] == 0


@pytest.mark.parametrize(
    "mount",
    [f"mount -t tmpfs -o {how} none /dev/shm" for how in ("ro", "size=8k", "nr_inodes=2")]
    + ["mount --bind /proc /dev/shm"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps semaphores in /dev/shm")
def test_where_workers_have_no_semaphores_their_place_is_named(here: Path, mount: str) -> None:
    tried = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    job = write_job(here / "job.py")
    code, printed = ended(
        "run", job, "--progress", "none", before=["unshare", "-m", "sh", "-c", f'{mount} && "$@"', "-"]
    )
    assert code in {1, 2}
    assert "/dev/shm: " in printed
    assert "inline" in printed
    assert "outputs/letters can't be" not in printed


def test_a_current_folder_that_was_removed_is_named(here: Path) -> None:
    job = write_job(here / "job.py")
    inside = ["sh", "-c", f'mkdir "{here}/gone" && cd "{here}/gone" && rmdir "{here}/gone" && "$@"', "-"]
    for arguments in (("status",), ("run",), ("run", job, "--out", here / "out")):
        code, printed = ended(*arguments, before=inside)
        assert code in {1, 2}
        assert "the current folder was removed" in printed


def test_a_file_that_may_not_grow_is_named(here: Path) -> None:
    job = write_job(here / "job.py")
    code, printed = ended(
        "run", job, "--progress", "none", limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    )
    assert code == 2
    assert "lock.json" in printed
    assert "File too large" in printed


def test_a_checkpoint_that_may_not_grow_is_told_with_the_limit(here: Path) -> None:
    job = write_job(here / "job.py")
    code, printed = ended(
        "run", job, "--progress", "none", limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    )
    assert code == 2
    assert "checkpoint.sqlite.new" in printed
    assert "the 50,000 bytes that a file may have (ulimit -f)" in printed


@pytest.mark.parametrize("backend", ["loky", "inline"])
@pytest.mark.parametrize("most", [8, 9, 11])
def test_too_few_files_are_told_before_anything_is_begun(here: Path, most: int, backend: str) -> None:
    job = write_job(here / "job.py")
    code, printed = ended(
        "run", job, "--progress", "none", "--backend", backend,
        limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
    )  # fmt: skip
    assert code == 2
    assert f"this process may have {most} (ulimit -n), and " in printed
    assert [path.name for path in here.iterdir()] == ["job.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux holds a process to RLIMIT_DATA")
def test_too_little_memory_to_load_parbatch_is_told_as_that(here: Path) -> None:
    code, printed = ended(
        "run", write_job(here / "job.py"), limit=lambda: resource.setrlimit(resource.RLIMIT_DATA, (9 << 20, 9 << 20))
    )
    assert code == 2
    assert "there is too little memory" in printed


@pytest.mark.parametrize("name", ["email", "zipfile"])
def test_a_neighbour_of_the_job_that_workers_import_in_place_of_a_module_is_named(here: Path, name: str) -> None:
    (here / "jobs").mkdir()
    job = write_job(here / "jobs" / "job.py")
    (here / "jobs" / f"{name}.py").write_text("raise ImportError\n")
    code, printed = finish("run", job, "--progress", "none", "--workers", 1)
    assert code == 2
    assert f"Rename {here / 'jobs' / name}.py: workers import a module of that name" in printed
    assert "the item closed" not in printed


def test_a_path_that_no_report_could_name_is_refused(here: Path) -> None:
    code, printed = ended("run", write_job(here / "job.py"), "--out", os.fsdecode(b"out\xff"))
    assert code == 2
    assert "not valid UTF-8" in printed
    assert [path.name for path in here.iterdir()] == ["job.py"]
