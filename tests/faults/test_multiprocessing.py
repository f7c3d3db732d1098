"""multiprocessing and parbatch around one another: items that start processes, and processes that start runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.outside import JOBS, finish, left_behind, rows

SQUARES = [4, 9]
RIGHT = {
    "pool": SQUARES,
    "executor": SQUARES,
    "error": "odd: 3",
    "process": 7,
    "manager": {"a": 1},
    "pool_left": SQUARES,
    "by_loky": SQUARES,
}


@pytest.mark.parametrize("given", ["as a file", "as a module", "as a script"])
def test_items_start_processes_in_every_way_as_in_plain_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    code = (JOBS / "multiprocessing_inside.py").read_text()
    default = "spawn" if given == "as a file" else "fork"
    if given == "as a file":
        code = code.replace("\n\njob =", '\n\nmultiprocessing.set_start_method("spawn")\njob =')
    (place / "my_job.py").write_text(code)
    monkeypatch.chdir(place)
    out = tmp_path / "out"
    if given == "as a script":
        printed = subprocess.run([sys.executable, "my_job.py", out], capture_output=True, text=True, check=True).stderr
    else:
        name, only = (place / "my_job.py", "*") if given == "as a file" else ("my_job:job", "*spawn")
        _, printed = finish("run", name, "--workers", 1, "--out", out, "--only", only, "--progress", "none")
    results = rows(out, "SELECT id, status, result FROM items WHERE attempts > 0")
    told = {item: (status, json.loads(result or "null")) for item, status, result in results}
    methods = {item: item.partition(" ")[2].replace("default", default) for item in told}
    assert told == {item: ("ok", RIGHT.get(item.partition(" ")[0], methods[item])) for item in told}, printed
    assert len(told) == (7 if given == "as a module" else 29)
    assert left_behind(out) == []


UNGUARDED = """
import parbatch
from parbatch import Item, Job

job = Job("unguarded")
job.items(lambda: [Item(id="a")])
job.render(lambda item, ctx: 1)
"""


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("run", 'parbatch.run(job, workers=1, out="inner")'),
        ("retry", 'parbatch.retry(job, out="inner")'),
        ("render", 'parbatch.render(job, "a", out="inner")'),
        ("stream", 'list(parbatch.stream(job, out="inner"))'),
    ],
)
def test_a_file_that_begins_a_run_while_it_is_loaded_is_told_so(here: Path, call: str, line: str) -> None:
    job = here / "job.py"
    job.write_text(UNGUARDED + line)
    code, printed = finish("run", job, "--workers", 1, "--out", here / "out", timeout=30)
    assert code == 2
    assert f"{job}:8 calls parbatch.{call} while {job} is loaded" in printed
    assert '`if __name__ == "__main__":`' in printed
    assert [path.name for path in here.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


@pytest.mark.parametrize("name", ["no_such_module", "no such.module"])
def test_a_job_of_a_module_that_no_import_finds_reaches_its_workers(here: Path, name: str) -> None:
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "letters.py").write_text(UNGUARDED)
    (here / "begin.py").write_text(
        "import importlib.util, sys, parbatch\n"
        f"spec = importlib.util.spec_from_file_location({name!r}, 'elsewhere/letters.py')\n"
        "module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(parbatch.run(module.job, workers=1, out='out', progress='none').success)\n"
    )
    ended = subprocess.run([sys.executable, "begin.py"], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.stdout, ended.stderr) == ("1\n", "")


def test_a_daemonic_process_is_told_that_it_has_to_render_inline(here: Path) -> None:
    (here / "letters.py").write_text(UNGUARDED)
    (here / "begin.py").write_text(
        "import multiprocessing, os, parbatch\n"
        "def task(backend):\n"
        "    try:\n"
        "        return str(parbatch.run('letters.py', out=backend, backend=backend, progress='none').success)\n"
        "    except parbatch.NothingRunError as error:\n"
        "        return f'{error} {os.path.exists(backend)}'\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.Pool(1) as pool:\n"
        "        print('\\n'.join(pool.map(task, ['loky', 'inline'])))\n"
    )
    ended = subprocess.run([sys.executable, "begin.py"], capture_output=True, text=True, check=False, timeout=60)
    refused, done = ended.stdout.splitlines()
    assert "daemonic" in refused
    assert 'backend="inline"' in refused
    assert refused.endswith("False"), "no folder is made"
    assert done == "1"


def test_a_signal_for_a_process_that_an_inline_item_forked_ends_it(here: Path) -> None:
    (here / "job.py").write_text(
        "import multiprocessing, signal, time\nfrom parbatch import Item, Job\n\n"
        "job = Job('forking', timeout=30)\njob.items(lambda: [Item(id='a')])\n\n"
        "@job.render\ndef render(item, ctx):\n"
        "    started = multiprocessing.Process(target=signal.pause)\n"
        "    started.start()\n    started.terminate()\n    started.join()\n    return started.exitcode\n"
    )
    code, printed = finish("run", "job.py", "--backend", "inline", timeout=60)
    assert code == 0, printed
    assert rows(here / "outputs" / "forking", "SELECT result FROM items") == [("-15",)]


def test_an_inline_item_of_a_script_can_hand_the_scripts_functions_to_a_pool(here: Path) -> None:
    (here / "script.py").write_text(
        "import multiprocessing, parbatch\nfrom parbatch import Item, Job\n\n"
        "job = Job('inline', timeout=30)\njob.items(lambda: [Item(id='a')])\n\n"
        "def square(number):\n    return number * number\n\n"
        "@job.render\ndef render(item, ctx):\n"
        "    with multiprocessing.Pool(1) as pool:\n        return pool.map(square, [2, 3])\n\n"
        "if __name__ == '__main__':\n    parbatch.run(job, backend='inline', out='out')\n"
    )
    subprocess.run([sys.executable, "script.py"], check=True, capture_output=True, timeout=60)
    assert rows(here / "out", "SELECT status, result FROM items") == [("ok", "[4,9]")]
