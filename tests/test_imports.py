"""What is loaded when: asking for little must cost little."""

import json
import subprocess
import sys

import pytest

import parbatch

HEAVY = {"docx", "lxml", "sqlite3", "dask", "click", "loky", "msgspec", "psutil", "tqdm", "asyncio"}


def loaded_after(code: str) -> set[str]:
    """The modules that a new interpreter has loaded after some code."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "code",
    [
        "import parbatch",
        "import parbatch; parbatch.__version__; dir(parbatch)",
        "import sys; sys.argv = ['parbatch', '--version']; from parbatch.__main__ import main; main()",
    ],
)
def test_importing_parbatch_and_asking_its_version_loads_nothing_heavy(code: str) -> None:
    assert loaded_after(code) & HEAVY == set()


def test_a_job_file_loads_no_documents_database_or_workers() -> None:
    assert (
        loaded_after("from parbatch import Item, Job") & {"docx", "lxml", "sqlite3", "click", "loky", "psutil"} == set()
    )


def test_a_worker_of_a_job_without_documents_loads_neither_documents_nor_the_checkpoint() -> None:
    assert loaded_after("import parbatch.worker.process") & {"docx", "lxml", "sqlite3", "click", "filelock"} == set()


def test_the_guardian_starts_without_types_processes_and_packages_and_a_run_without_what_a_worker_is_made_of() -> None:
    assert loaded_after("import parbatch.dispatch.guardian") & {*HEAVY, "typing", "subprocess", "pathlib"} == set()
    own = {"parbatch.worker.attempt", "parbatch.worker.process", "parbatch.engine.phased", "urllib.request", "tqdm"}
    assert loaded_after("import parbatch.engine.api, parbatch.dispatch.backends.loky") & own == set()


def test_every_public_name_is_there_and_others_are_not() -> None:
    for name in parbatch.__all__:
        assert getattr(parbatch, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        parbatch.runn  # noqa: B018


def test_the_version_is_said_without_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "parbatch", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"parbatch {parbatch.__version__}\n"
