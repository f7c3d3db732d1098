"""From what a person names to a Job, in the parent and again in a worker."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from parbatch import Job
from parbatch.errors import JobError
from parbatch.model.job_files import files_that_hide_modules
from parbatch.model.loading import from_object, load, resolve
from tests.support import JOB, make_job, write_job


def named(name: str, variable: str = "job") -> str:
    return JOB.replace('"letters"', f'"{name}"').replace("job = ", f"{variable} = ").replace("@job.", f"@{variable}.")


def test_a_job_is_found_in_a_file_by_path_and_by_name(here: Path) -> None:
    write_job(here / "jobs.py", named("first", "one") + named("second", "two"))
    assert load("jobs.py:one").job.name == "first"
    assert load("jobs.py:second").job.name == "second"
    assert load(str(here / "jobs.py:two")).job.name == "second"


def test_the_only_job_of_a_file_needs_no_name_whatever_its_variable(here: Path) -> None:
    write_job(here / "only.py", named("first", "letters"))
    found = load("only.py")
    assert found.job.name == "first"
    assert found.base == here
    assert found.label == "only.py"


def test_of_several_jobs_the_one_called_job_is_meant_and_else_one_must_be_named(here: Path) -> None:
    write_job(here / "main.py", named("first") + named("second", "other"))
    assert load("main.py").job.name == "first"
    write_job(here / "several.py", named("first", "one") + named("second", "two"))
    with pytest.raises(JobError, match=r"has several jobs: one, two\. Name one, as in .*several\.py:one\."):
        load("several.py")


def test_of_jobs_that_come_after_each_other_the_last_is_suggested(here: Path) -> None:
    write_job(
        here / "phases.py", named("first", "one") + named("second", "two").replace('"second"', '"second", after=one')
    )
    with pytest.raises(JobError, match=r"has several jobs: one, two\. Name one, as in .*phases\.py:two\."):
        load("phases.py")


def test_a_job_file_can_import_its_neighbours(here: Path) -> None:
    neighbour = f"neighbour_{uuid.uuid4().hex}"
    (here / f"{neighbour}.py").write_text("NAME = 'from next door'\n")
    write_job(here / "next.py", f"from {neighbour} import NAME\n" + JOB.replace('"letters"', "NAME"))
    assert load("next.py").job.name == "from next door"


def test_a_job_in_a_module_is_found_from_the_current_folder(here: Path) -> None:
    package = f"package_{uuid.uuid4().hex}"
    (here / package).mkdir()
    write_job(here / package / "mail.py")
    assert load(f"{package}.mail:job").job.name == "letters"


def test_without_a_name_it_is_the_toml_file_here_then_pyproject_then_the_sample(here: Path) -> None:
    assert load(None).job.name == "countries"
    write_job(here / "one.py", named("first"))
    write_job(here / "two.py", named("second"))
    (here / "pyproject.toml").write_text('[tool.other]\nx = 1\n[tool.parbatch]\njob = "one.py"\nworkers = 3\n')
    assert load(None).job.name == "first"
    assert load(None).defaults == {"workers": 3}
    (here / "parbatch.toml").write_text('job = "two.py:job"\nchunk-size = 7\n')
    assert load(None).job.name == "second"
    assert load(None).defaults == {"chunk_size": 7}


def test_a_pyproject_of_others_is_passed_over(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert load(None).job.name == "countries"


def test_a_toml_file_names_a_job_beside_itself(here: Path) -> None:
    (here / "sub").mkdir()
    write_job(here / "sub" / "beside.py", named("beside"))
    (here / "sub" / "run.toml").write_text('job = "beside.py"\n')
    assert load("sub/run.toml").job.name == "beside"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("missing.py", ["No such job file", "missing.py"]),
        ("missing.py:letters", ["No such job file", "missing.py"]),
        ("missing.toml", ["No such job file: missing.toml"]),
        ("no/such/file", ["No such job file"]),
        ("letters", ["No job named 'letters'", "job.py", "Did you mean letters.py?"]),
        ("nothing", ["No job named 'nothing'", "module:name"]),
        ("", ["No job named ''"]),
        ("no.such.module:job", ["No module named 'no.such.module'"]),
        ("letters.py:other", ["has no job named 'other'", "It has: job."]),
        ("empty.py", ["empty.py has no job", "job = Job("]),
        ("empty.py:job", ["has no job named 'job'", "It has none"]),
        ("broken.py", ["broken.py can't be loaded", "SyntaxError"]),
        ("raises.py", ["raises.py can't be loaded", "ZeroDivisionError"]),
        ("exits.py", ["exits.py can't be loaded", "SystemExit"]),
        ("bare.py", ["has no items function"]),
        ("bad.toml", ["bad.toml is not valid TOML"]),
        ("nameless.toml", ["nameless.toml", "names no job", 'job = "letters.py"']),
        ("itself.toml", ["itself.toml"]),
    ],
)
def test_what_is_wrong_with_a_named_job_is_said(here: Path, spec: str, words: list[str]) -> None:
    write_job(here / "letters.py")
    write_job(here / "empty.py", "x = 1\n")
    write_job(here / "broken.py", "def (:\n")
    write_job(here / "raises.py", "1 / 0\n")
    write_job(here / "exits.py", JOB + "import sys\nsys.exit()\n")
    write_job(here / "bare.py", "from parbatch import Job\njob = Job('bare')\n")
    (here / "bad.toml").write_text("job = \n")
    (here / "nameless.toml").write_text("workers = 8\n")
    (here / "itself.toml").write_text('job = "itself.toml"\n')
    with pytest.raises(JobError) as caught:
        load(spec)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_import_that_fails_inside_a_job_module_is_named_itself(here: Path) -> None:
    name = f"module_{uuid.uuid4().hex}"
    (here / f"{name}.py").write_text("import no_such_thing_at_all\n")
    with pytest.raises(JobError, match="ModuleNotFoundError: No module named 'no_such_thing_at_all'"):
        load(f"{name}:job")


def test_a_failed_import_leaves_no_half_module_behind(here: Path) -> None:
    write_job(here / "mended.py", "1 / 0\n")
    with pytest.raises(JobError):
        load("mended.py")
    write_job(here / "mended.py")
    assert load("mended.py").job.name == "letters"


@pytest.mark.parametrize("spec", ["letters.py", "letters.py:job", "run.toml"])
def test_a_worker_finds_the_same_job_by_the_reference(here: Path, spec: str) -> None:
    write_job(here / "letters.py")
    (here / "run.toml").write_text('job = "letters.py"\n')
    reference = load(spec).ref
    worker = (
        "import msgspec, sys, parbatch.model.loading as loading\n"
        "ref = msgspec.json.decode(sys.argv[1], type=loading.JobRef)\n"
        "print(loading.resolve(ref).name)\n"
    )
    import msgspec

    command = [sys.executable, "-c", worker, msgspec.json.encode(reference).decode()]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout == "letters\n"


def test_a_job_made_in_a_script_travels_by_value() -> None:
    job = make_job([{"id": "a"}])
    assert resolve(from_object(job).ref).name == job.name
    assert [*resolve(from_object(job).ref).source()] == [{"id": "a"}]


def test_only_a_complete_job_can_be_run() -> None:
    with pytest.raises(JobError, match="has no items function"):
        from_object(Job("bare"))
    with pytest.raises(JobError, match=r"takes a Job or the name of one, not int"):
        from_object(5)  # type: ignore[arg-type]


def test_a_job_of_a_package_named_by_its_path_is_told_how_to_name_it(here: Path) -> None:
    (here / "letters" / "monthly").mkdir(parents=True)
    for folder in (here / "letters", here / "letters" / "monthly"):
        (folder / "__init__.py").touch()
    (here / "letters" / "words.py").touch()
    (here / "letters" / "monthly" / "bills.py").write_text("import os\nfrom ..words import greeting\n")
    with pytest.raises(JobError, match=rf"bills.py:2 imports relative.*letters\.monthly\.bills:job, in {here}\."):
        load("letters/monthly/bills.py")


def test_files_that_are_imported_in_place_of_what_workers_need_are_found(here: Path) -> None:
    write_job(here / "job.py")
    (here / "sub").mkdir()
    for name in ("email", "loky", "mine"):
        (here / f"{name}.py").touch()
    load(str(here / "job.py"))
    assert files_that_hide_modules() == [here / "email.py", here / "loky.py"]
