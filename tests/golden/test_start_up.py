"""What the processes of a real run load: a worker and the guardian start quickly only as long as that is little.

Each process of the run writes down what it imports, by an audit hook that Python's `sitecustomize` sets before anything
else is loaded; so it does not matter where in the package a module lies.
"""

import os
import subprocess
import sys

import pytest

from tests.support import write_job

HOOK = """
import os, sys

def write(line):
    descriptor = os.open(f"{os.environ['IMPORTS']}/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\\n".encode())
    os.close(descriptor)

def note(event, arguments):
    if event == "import":
        write(arguments[0])

write(" ".join(sys.orig_argv).replace("\\n", " "))
sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The processes of a run of three letters: what was typed to start each, and the modules that it imported."""
    here = tmp_path_factory.mktemp("start")
    (here / "hook").mkdir()
    (here / "hook/sitecustomize.py").write_text(HOOK, encoding="utf-8")
    (here / "imports").mkdir()
    write_job(here / "job.py")
    command = [sys.executable, "-m", "parbatch", "run", "job.py", "--workers", "1", "--memory", "1GB"]
    environment = {**os.environ, "PYTHONPATH": str(here / "hook"), "IMPORTS": str(here / "imports")}
    subprocess.run(command, cwd=here, env=environment, check=True, capture_output=True, timeout=100)
    found = {}
    for file in (here / "imports").iterdir():
        started, *modules = file.read_text(encoding="utf-8").splitlines()
        found[started] = set(modules)
    return found


def imported(processes: dict[str, set[str]], word: str) -> set[str]:
    """What the one process with this word in its command line has imported."""
    (modules,) = (modules for started, modules in processes.items() if word in started)
    return modules


# Packages of others, and large ones of Python's own, that no letter needs.
HEAVY = {"asyncio", "dask", "docx", "http", "lxml", "numpy", "pandas", "ssl"}
OF_THE_RUN = {"click", "filelock", "sqlite3", "tqdm"}


def packages(modules: set[str]) -> set[str]:
    """The packages that modules belong to."""
    return {module.partition(".")[0] for module in modules}


def own(modules: set[str]) -> set[str]:
    """Those of parbatch's own."""
    return {module for module in modules if module.partition(".")[0] == "parbatch"}


def test_a_worker_loads_nothing_of_documents_the_checkpoint_or_the_command_line(
    processes: dict[str, set[str]],
) -> None:
    modules = imported(processes, "popen_loky")
    assert "msgspec" in packages(modules), "this is a worker, and has loaded what it needs"
    assert packages(modules) & (HEAVY | OF_THE_RUN) == set()


def test_a_worker_loads_few_modules_of_parbatch(processes: dict[str, set[str]]) -> None:
    """There are 53, and each costs a worker's start a fifth of a millisecond or more."""
    assert len(own(imported(processes, "popen_loky"))) <= 56


def test_the_guardian_loads_nothing_but_python_and_very_little_of_parbatch(processes: dict[str, set[str]]) -> None:
    modules = imported(processes, "guardian")
    assert packages(modules) <= sys.stdlib_module_names | {"parbatch"}
    assert packages(modules) & {*HEAVY, *OF_THE_RUN, "json", "logging", "multiprocessing", "socket"} == set()
    assert len(own(modules)) <= 5, "the package, the guardian, the marks of processes, and the packages they lie in"


def test_a_run_without_documents_does_not_load_them(processes: dict[str, set[str]]) -> None:
    assert packages(imported(processes, "-m parbatch")) & HEAVY <= {"http", "ssl"}
