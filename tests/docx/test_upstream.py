"""python-docx's own unit tests, from its source distribution, pass with acceleration as they do without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = "python-docx"


@pytest.fixture(scope="module")
def source() -> Path:
    """Return the unpacked source distribution of the installed version; pip fetches it into the environment
    once.
    """
    name = f"python_docx-{version(PACKAGE)}"
    cache = Path(sys.prefix) / "cache" / "upstream"
    if not (cache / name / "tests").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        fetch = ["download", "--quiet", "--no-deps", "--no-binary", PACKAGE, "--dest", str(cache)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *fetch, f"{PACKAGE}=={version(PACKAGE)}"],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"pip can't fetch the source distribution of {PACKAGE}: {done.stderr.strip()[-300:]}")
        with tarfile.open(next(cache.glob(f"{name}.tar.gz"))) as archive:
            archive.extractall(cache, filter="data")
    return cache / name


def failures(source: Path, *options: str) -> tuple[set[str], int]:
    """Run the tests against the installed package; return those that failed and how many passed."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = ["-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    done = subprocess.run(
        # Its tests call functions that newer versions of their own helper libraries have deprecated.
        [sys.executable, *command, "-W", "ignore::DeprecationWarning", "tests"],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout + done.stderr
    return set(re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)), int(passed.group(1))


@pytest.mark.timeout(300)
def test_its_unit_tests_fail_nowhere_that_they_do_not_fail_without_acceleration(source: Path) -> None:
    failed, passed = failures(source, "-p", "docx_accelerated")
    assert passed > 1500
    assert not failed or failed <= failures(source)[0]
