"""A folder belongs to one job: its name, and its file or module. Another's is refused, with nothing touched."""

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from docx import Document

import parbatch
from parbatch import Item, Job
from parbatch.errors import FolderError
from tests.support import JOB, typed, write_job

ALPHA = JOB.replace('Job("letters")', 'Job("alpha")')
OTHER = ALPHA.replace("Dear", "Hello").replace('("ada", "bob", "cyd")', '("ada", "bob", "cyd", "dan")')
BETA = ALPHA.replace('Job("alpha")', 'Job("beta")')
TEMPLATED = ALPHA.replace("    (ctx.dir", '    return ctx.document("letter.docx")\n    (ctx.dir')
OVERVIEW = """
@job.overview
def summary(run, ctx):
    (ctx.dir / "overview.txt").write_text("all of them")
"""
PHASES = """
from parbatch import Item, Job

words = Job("words")
words.items(lambda: [Item(id="a")])
words.render(lambda item, ctx: "word")
job = Job("alpha", after=words)
job.items(lambda previous: [Item(id=one.item.id) for one in previous])
job.render(lambda item, ctx: (ctx.dir / "a.txt").write_text("a"))
"""


def tree(root: Path) -> dict[str, Any]:
    """All that is below, with what would change if anything were touched."""
    found = {}
    for path in [root, *root.rglob("*")]:
        state = path.lstat()
        found[str(path)] = (state.st_mtime_ns, state.st_ino, state.st_size)
    return found


@pytest.fixture
def out(here: Path) -> Path:
    """The folder of a finished run of alpha.py."""
    write_job(here / "alpha.py", ALPHA + OVERVIEW)
    assert typed("run", "alpha.py").exit_code == 0
    write_job(here / "alpha2.py", OTHER + OVERVIEW)
    write_job(here / "beta.py", BETA + OVERVIEW)
    return here / "outputs/alpha"


COMMANDS = [
    ("run",),
    ("run", "--resume"),
    ("run", "--fresh"),
    ("run", "--shard", "1/2"),
    ("retry",),
    ("render", "ada"),
    ("overview",),
    ("prune",),
    ("prune", "--dry-run"),
    ("plan",),
    ("report",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("job", ["alpha2.py", "beta.py"])
def test_another_jobs_folder_is_refused_by_name_and_nothing_is_touched(
    out: Path, job: str, command: tuple[str, ...]
) -> None:
    before = tree(out)
    result = typed(*command, job, "--out", "outputs/alpha")
    assert result.exit_code == 2, result.output
    assert f"{out} holds job 'alpha' of {out.parent.parent}/alpha.py, and not job" in result.stderr
    assert f"{out.parent.parent}/{job}" in result.stderr
    assert tree(out) == before


@pytest.mark.parametrize("command", [("status",), ("list",), ("show", "ada")])
def test_those_who_only_look_are_told_whose_it_is(out: Path, command: tuple[str, ...]) -> None:
    result = typed(*command, "alpha2.py")
    assert result.exit_code == 0
    assert f"is the folder of job 'alpha' of {out.parent.parent}/alpha.py, not of job 'alpha' of" in result.stderr
    assert "folder of job" not in typed(*command, "alpha.py").stderr


@pytest.mark.parametrize("options", [["--resume"], ["--fresh"], []])
def test_adopt_takes_it_over_and_says_so(out: Path, options: list[str]) -> None:
    result = typed("run", "beta.py", "--out", str(out), "--adopt", *options)
    assert result.exit_code == 0, result.output
    assert f"Took over {out}: it was that of job 'alpha'" in result.stdout
    assert typed("run", "beta.py", "--out", str(out), "--resume").exit_code == 0
    assert typed("run", "alpha.py", "--resume").exit_code == 2


def test_adopting_from_python_and_by_retry(out: Path) -> None:
    parbatch.run("beta.py", out=out, resume=True, adopt=True, backend="inline", progress="none")
    with pytest.raises(FolderError, match="holds job 'beta'"):
        parbatch.run("alpha.py", resume=True, backend="inline", progress="none")
    write_job(Path("alpha.py"), ALPHA.replace("(ctx.dir", "1 / (item.id != 'ada')\n    (ctx.dir"))
    assert typed("run", "alpha.py", "--adopt", "--fresh").exit_code == 1
    result = typed("retry", "beta.py", "--out", str(out), "--adopt")
    assert (result.exit_code, "Took over" in result.stdout) == (0, True)


def test_two_jobs_in_one_file_have_folders_of_their_own(here: Path) -> None:
    second = BETA.replace("job = Job", "second = Job").replace("@job", "@second").replace("def ", "def second_")
    write_job(here / "both.py", ALPHA + second)
    for name in ("alpha", "beta"):
        for options in ([], ["--resume"]):
            assert typed("run", f"both.py:{name}", *options).exit_code == 0
    assert typed("run", "both.py:beta", "--out", "outputs/alpha", "--resume").exit_code == 2


def test_a_job_that_moves_with_its_outputs_or_is_renamed_is_known_again(here: Path) -> None:
    (here / "project").mkdir()
    write_job(here / "project/alpha.py", ALPHA)
    assert typed("run", "project/alpha.py", "--out", "project/out").exit_code == 0
    (here / "project").rename(here / "elsewhere")
    assert typed("run", "elsewhere/alpha.py", "--out", "elsewhere/out", "--resume").exit_code == 0
    (here / "elsewhere/alpha.py").rename(here / "elsewhere/letters.py")
    assert typed("run", "elsewhere/letters.py", "--out", "elsewhere/out", "--resume").exit_code == 0
    write_job(here / "elsewhere/other.py", OTHER)
    (here / "elsewhere/letters.py").unlink()
    assert typed("run", "elsewhere/other.py", "--out", "elsewhere/out", "--resume").exit_code == 2


@pytest.mark.parametrize("copied", [False, True])
def test_a_job_that_moves_with_its_outputs_and_its_files_has_nothing_to_do(here: Path, copied: bool) -> None:
    (here / "project/parts").mkdir(parents=True)
    write_job(here / "project/alpha.py", ALPHA.replace('Job("alpha")', 'Job("alpha", files=["parts/logo.png"])'))
    (here / "project/parts/logo.png").write_text("logo")
    assert typed("run", "project/alpha.py", "--out", "project/out").exit_code == 0
    if copied:
        shutil.copytree(here / "project", here / "elsewhere")
        (here / "project/parts/logo.png").write_text("another logo, of the other project")
    else:
        (here / "project").rename(here / "elsewhere")
    asked = ("run", "elsewhere/alpha.py", "--out", "elsewhere/out", "--resume")
    assert "nothing to do, all 3 items are ok" in typed(*asked).stdout
    (here / "elsewhere/parts/logo.png").write_text("new logo")
    assert "Due: 3 of 3 items (3 file changed: logo.png)" in typed(*asked).stdout


def test_a_template_moves_with_its_job_too(here: Path) -> None:
    (here / "project").mkdir()
    write_job(here / "project/alpha.py", TEMPLATED)
    Document().save(str(here / "project/letter.docx"))
    assert typed("run", "project/alpha.py", "--out", "project/out").exit_code == 0
    (here / "project").rename(here / "elsewhere")
    asked = ("run", "elsewhere/alpha.py", "--out", "elsewhere/out", "--resume")
    assert "nothing to do, all 3 items are ok" in typed(*asked).stdout
    (here / "elsewhere/letter.docx").unlink()
    assert "file changed: letter.docx" in typed("plan", "elsewhere/alpha.py", "--out", "elsewhere/out").stdout


def test_a_copy_beside_it_is_another_job(here: Path) -> None:
    write_job(here / "alpha.py", ALPHA)
    typed("run", "alpha.py")
    write_job(here / "alpha2.py", ALPHA)
    assert typed("run", "alpha2.py", "--resume").exit_code == 2


def test_a_folder_from_before_is_the_jobs_when_its_name_fits(out: Path) -> None:
    def forget_the_owner() -> None:
        with contextlib.closing(sqlite3.connect(out / "run/checkpoint.sqlite")) as db:
            db.execute("DELETE FROM facts WHERE key = 'owner'")
            db.commit()

    forget_the_owner()
    assert typed("run", "beta.py", "--out", str(out), "--resume").exit_code == 2
    assert typed("run", "alpha.py", "--resume").exit_code == 0
    assert typed("run", "alpha2.py", "--resume").exit_code == 2, "from then on it is remembered"


@pytest.mark.parametrize("spoil", [b"", b"no checkpoint" * 1000])
def test_also_where_the_checkpoint_is_damaged(out: Path, spoil: bytes) -> None:
    (out / "run/checkpoint.sqlite").write_bytes(spoil)
    before = tree(out)
    assert typed("run", "beta.py", "--out", str(out), "--fresh").exit_code == 2
    assert tree(out) == before
    assert typed("run", "alpha.py", "--fresh").exit_code == 0


def test_the_folder_of_phases_and_that_of_each(here: Path) -> None:
    write_job(here / "alpha.py", PHASES)
    assert typed("run", "alpha.py").exit_code == 0
    write_job(here / "alpha2.py", PHASES)
    write_job(here / "words.py", ALPHA.replace('"alpha"', '"words"'))
    write_job(here / "plain.py", ALPHA)
    before = tree(here / "outputs")
    for job, out in (("alpha2.py", "alpha"), ("plain.py", "alpha"), ("words.py", "alpha/words")):
        result = typed("run", job, "--out", f"outputs/{out}", "--fresh")
        assert result.exit_code == 2, result.output
        assert f"of {here}/alpha.py, and not" in result.stderr
    assert tree(here / "outputs") == before
    assert typed("run", "alpha.py", "--resume").exit_code == 0
    assert typed("run", "alpha2.py", "--resume", "--adopt").exit_code == 0
    assert json.loads((here / "outputs/alpha/run/phases.json").read_bytes())["owner"]["file"] == f"{here}/alpha2.py"


def test_each_shard_knows(here: Path) -> None:
    write_job(here / "alpha.py", ALPHA)
    for number in (1, 2):
        typed("run", "alpha.py", "--shard", f"{number}/2")
    write_job(here / "alpha2.py", OTHER)
    before = tree(here / "outputs")
    for shard in ("1/2", "2/2", "1/3"):
        assert typed("run", "alpha2.py", "--shard", shard, "--resume").exit_code == 2
    assert tree(here / "outputs") == before


def test_a_job_of_this_process_is_known_by_its_module(here: Path) -> None:
    def job(text: str) -> Job:
        made = Job("made")
        made.items(lambda: [Item(id="a")])
        made.render(lambda _, ctx: (ctx.dir / "a.txt").write_text(text))
        return made

    for _ in range(2):
        assert parbatch.run(job("a"), out=here / "out", fresh=True, backend="inline", progress="none").ok
    write_job(here / "made.py", ALPHA.replace('"alpha"', '"made"'))
    with pytest.raises(FolderError, match="Nothing was touched"):
        parbatch.run("made.py", out=here / "out", fresh=True, backend="inline", progress="none")


def test_the_sample_is_known_by_its_module_wherever_it_is_installed(here: Path) -> None:
    assert typed("run", "--limit", "1").exit_code == 0
    with contextlib.closing(sqlite3.connect(next((here / "outputs").glob("*/run/checkpoint.sqlite")))) as db:
        (text,) = db.execute("SELECT value FROM facts WHERE key = 'owner'").fetchone()
    owner = json.loads(text)
    assert (owner["file"], owner["module"]) == ("", "parbatch.sample.job")
