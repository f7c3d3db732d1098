"""`items/` is what is ok now: what no longer counts is withdrawn, and what is pending and out of date is said to be."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import parbatch
from tests.support import contents, typed, write_job

LETTERS = """
from parbatch import Item, Job

job = Job("letters")
TEXT = "Dear {}"


@job.items
def people():
    for name in ("ada", "bob", "cyd"):
        yield Item(id=name, name=name.title(), data={"text": TEXT})


@job.render
def letter(item, ctx):
    if item.id in FAILING:
        raise ValueError("no such city")
    (ctx.dir / f"{item.id}.txt").write_text(item.data["text"].format(item.name))


@job.overview
def summary(run, ctx):
    lines = [f"{one.item.id} {one.status} {one.outputs} {one.out_of_date}" for one in run.outcomes()]
    (ctx.dir / "overview.txt").write_text("\\n".join(lines))


FAILING = ()
"""
CHANGED = LETTERS.replace('"Dear {}"', '"Hello {}"')
FAILS = CHANGED.replace("FAILING = ()", "FAILING = ('bob',)")


@pytest.fixture
def out(here: Path) -> Path:
    """The folder of a finished run."""
    write_job(here / "job.py", LETTERS)
    assert typed("run", "job.py").exit_code == 0
    return here / "outputs/letters"


def items(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((out / "items").iterdir())}


def withdrawn(out: Path) -> dict[str, str]:
    folder = out / "run/withdrawn"
    return {path.name: path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def files(root: Path) -> set[str]:
    return {path for path, content in contents(root).items() if content is not None}


def report(out: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((out / "report.json").read_bytes())
    return value


def test_an_item_that_ends_not_ok_has_its_older_output_withdrawn_and_named(out: Path) -> None:
    write_job(Path("job.py"), FAILS)
    result = typed("run", "job.py", "--resume")
    assert result.exit_code == 1
    assert items(out) == {"ada.txt": "Hello Ada", "cyd.txt": "Hello Cyd"}
    assert withdrawn(out) == {"bob.txt": "Dear Bob"}
    assert "  withdrawn 1 older output was withdrawn: bob.txt; now in outputs/letters/run/withdrawn/" in result.stdout
    assert "  withdrawn 1 output kept in outputs/letters/run/withdrawn" in typed("status", "job.py").stdout
    assert "  withdrawn\n      outputs/letters/run/withdrawn/" in typed("show", "bob", "job.py").stdout
    assert "1 older output was withdrawn" in (out / "report.html").read_text()
    told = report(out)["withdrawn"]
    assert told["count"] == 1
    assert told["first"][0]["id"] == "bob"
    assert (out / told["first"][0]["kept"]).read_text() == "Dear Bob"
    assert (out / told["path"]).is_dir()
    assert "bob failed () ()" in (out / "overview.txt").read_text()


def test_with_keep_stale_it_stays_and_is_marked(out: Path) -> None:
    write_job(Path("job.py"), FAILS)
    result = typed("run", "job.py", "--resume", "--keep-stale")
    assert result.exit_code == 1
    assert items(out)["bob.txt"] == "Dear Bob"
    assert withdrawn(out) == {}
    told = "1 older output in items/ is out of date"
    assert told in result.stdout
    assert told in typed("status", "job.py").stdout
    assert told in (out / "report.html").read_text()
    assert (
        "out of date: the item is not ok\n      outputs/letters/items/bob.txt" in typed("show", "bob", "job.py").stdout
    )
    assert report(out)["withdrawn"]["out_of_date"] == 1
    assert "bob failed () ('bob.txt',)" in (out / "overview.txt").read_text()
    typed("run", "job.py", "--resume")
    assert "bob.txt" not in items(out), "without the option, the next run withdraws it, also where nothing is rendered"
    assert withdrawn(out) == {"bob.txt": "Dear Bob"}


def test_an_output_that_somebody_edited_is_withdrawn_before_its_new_one_is_published(out: Path) -> None:
    (out / "items/bob.txt").write_text("corrected by hand")
    result = typed("run", "job.py", "--resume")
    assert result.exit_code == 0
    assert "1 output changed" in result.stdout
    assert items(out)["bob.txt"] == "Dear Bob"
    assert withdrawn(out) == {"bob.txt": "corrected by hand"}
    assert report(out)["withdrawn"]["by_reason"] == {"edited": 1}
    assert "nothing to do" in typed("run", "job.py", "--resume").stdout


@pytest.mark.parametrize("option", ["--fresh", "--resume"])
def test_a_file_that_parbatch_did_not_publish_is_never_overwritten(here: Path, option: str) -> None:
    write_job(here / "job.py", LETTERS)
    out = here / "outputs/letters"
    (out / "items").mkdir(parents=True)
    (out / "items/bob.txt").write_text("precious")
    for options in ([], [option], [option]):
        result = typed("run", "job.py", *options)
        assert result.exit_code == 1
        assert "parbatch did not publish it" in result.stdout
        assert items(out)["bob.txt"] == "precious"
    (out / "items/bob.txt").rename(here / "bob.txt")
    assert typed("run", "job.py", "--resume").exit_code == 0
    assert items(out)["bob.txt"] == "Dear Bob"


def test_the_outputs_of_a_checkpoint_that_was_set_aside_are_withdrawn_and_not_in_the_way(out: Path) -> None:
    (out / "run/checkpoint.sqlite").write_bytes(b"no checkpoint" * 1000)
    write_job(Path("job.py"), CHANGED)
    assert typed("run", "job.py", "--fresh").exit_code == 0
    assert items(out) == {"ada.txt": "Hello Ada", "bob.txt": "Hello Bob", "cyd.txt": "Hello Cyd"}
    assert withdrawn(out)["bob.txt"] == "Dear Bob"


def test_a_product_that_parbatch_did_not_make_is_not_overwritten_and_an_edited_one_is_withdrawn(here: Path) -> None:
    write_job(here / "job.py", LETTERS)
    out = here / "outputs/letters"
    out.mkdir(parents=True)
    (out / "overview.txt").write_text("precious")
    assert typed("run", "job.py").exit_code == 1
    assert (out / "overview.txt").read_text() == "precious"
    (out / "overview.txt").unlink()
    assert typed("run", "job.py", "--resume").exit_code == 0
    (out / "overview.txt").write_text("with a remark")
    assert typed("overview", "job.py").exit_code == 0
    assert (out / "overview.txt").read_text().startswith("ada ok")
    assert withdrawn(out) == {"overview.txt": "with a remark"}


def test_an_overview_of_earlier_outcomes_is_said_to_be_one(out: Path) -> None:
    write_job(Path("job.py"), FAILS)
    result = typed("run", "job.py", "--resume", "--max-failures", "1", "--chunk-size", "1")
    assert report(out)["overview"]["out_of_date"] == "overview.txt"
    told = "outputs/letters/overview.txt is of earlier outcomes, and out of date"
    assert told in result.stdout
    assert told in typed("status", "job.py").stdout
    assert "1 older output in items/ is out of date" in result.stdout, "cyd is pending"


@pytest.mark.usefixtures("out")
def test_a_run_in_python_leaves_them_too() -> None:
    job = write_job(Path("job.py"), FAILS)
    result = parbatch.run(str(job), resume=True, keep_stale=True, backend="inline", progress="none")
    assert (result.withdrawn.count, result.withdrawn.out_of_date) == (0, 1)


def test_prune_withdraws_what_was_edited_and_removes_what_was_withdrawn_on_request(out: Path) -> None:
    (out / "items/ada.txt").write_text("edited")
    write_job(Path("job.py"), LETTERS.replace('("ada", "bob", "cyd")', '("cyd",)'))
    told = typed("prune", "job.py", "--dry-run").stdout
    assert "would withdraw outputs/letters/items/ada.txt, which was edited" in told
    assert typed("prune", "job.py").exit_code == 0
    assert items(out) == {"cyd.txt": "Dear Cyd"}
    assert withdrawn(out) == {"ada.txt": "edited"}
    assert "1 withdrawn output kept in run/withdrawn; --withdrawn removes it." in typed("prune", "job.py").stdout
    assert typed("prune", "job.py", "--withdrawn").exit_code == 0
    assert withdrawn(out) == {}
    assert not any(contents(out / "run/withdrawn"))


PHASES = """
import json
from pathlib import Path

from parbatch import Item, Job

FAIL = json.loads(Path(__file__).with_name("fail.json").read_text())


def made(job, name):
    def render(item, ctx):
        if item.id in FAIL:
            raise ValueError("no")
        (ctx.dir / f"{item.id}.txt").write_text(json.dumps(FAIL))

    job.render(render)
    return job


words = made(Job("words"), "words")
words.items(lambda: [Item(id="a", data=FAIL), Item(id="b", data=FAIL)])
job = made(Job("pages", after=words), "pages")
job.items(lambda previous: [Item(id=one.item.id, data=FAIL) for one in previous])
"""


def test_of_phases_and_shards_all_is_told_together(here: Path) -> None:
    (here / "fail.json").write_text("[]")
    write_job(here / "job.py", PHASES)
    write_job(here / "letters.py", LETTERS)
    typed("run", "job.py")
    for shard in ("1/2", "2/2"):
        typed("run", "letters.py", "--shard", shard)
    (here / "fail.json").write_text('["a"]')
    write_job(here / "letters.py", FAILS)
    result = typed("run", "job.py", "--resume")
    assert "1 older output was withdrawn: a.txt; now in outputs/pages/words/run/withdrawn/" in result.stdout
    assert "1 output kept in outputs/pages/words/run/withdrawn" in typed("status", "job.py").stdout
    for shard in ("1/2", "2/2"):
        told = typed("run", "letters.py", "--shard", shard, "--resume").stdout
    assert "1 older output was withdrawn: bob.txt; now in outputs/letters/run/shards/" in told
    assert "1 output kept in outputs/letters/run/shards/" in typed("status", "letters.py").stdout
    assert "run/withdrawn" in typed("show", "words/a", "job.py").stdout


@pytest.mark.parametrize(
    ("before", "after"), [("x", "x/y/z.txt"), ("x/y/z.txt", "x"), ("x.txt", "X.txt"), ("a/x.txt", "b/x.txt")]
)
def test_an_output_that_gets_another_path_is_withdrawn_from_the_one_before(here: Path, before: str, after: str) -> None:
    """Also where its file has the name of a folder now, its folder that of a file, or but the case of it differs."""
    out = here / "outputs/letters"
    text = LETTERS.replace("""(ctx.dir / f"{item.id}.txt")""", "(FILE(ctx.dir, item.data['path']))").replace(
        """"text": TEXT""", f'''"text": TEXT, "path": name if name != "bob" else "{before}"'''
    )
    text += """

def FILE(folder, path):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return folder / path
"""
    write_job(here / "job.py", text)
    assert typed("run", "job.py").exit_code == 0
    write_job(here / "job.py", text.replace(f'"{before}"', f'"{after}"'))
    result = typed("run", "job.py", "--resume")
    assert result.exit_code == 0, result.stdout
    assert files(out / "items") == {"ada", "cyd", after}
    assert files(out / "run/withdrawn") == {f"{report(out)['run_id']}/{before}"}


def test_an_output_that_counts_makes_way_for_no_folder_of_another_item(here: Path) -> None:
    out = here / "outputs/letters"
    text = LETTERS.replace('f"{item.id}.txt"', "item.id").replace('"bob", ', "")
    write_job(here / "job.py", text)
    assert typed("run", "job.py").exit_code == 0
    more = text.replace('("ada",', '("ada", "bob",').replace(
        "ctx.dir / item.id", 'ctx.dir / (item.id if item.id != "bob" else (ctx.dir / "ada").mkdir() or "ada/b.txt")'
    )
    write_job(here / "job.py", more)
    result = typed("run", "job.py", "--resume")
    assert result.exit_code == 1
    assert "1 failed: PublishError" in result.stdout
    assert files(out / "items") == {"ada", "cyd"}


@pytest.mark.parametrize("name", ["report.html", "report.json", "junit.xml"])
def test_a_file_of_the_users_own_that_has_the_name_of_a_report_is_not_overwritten(here: Path, name: str) -> None:
    write_job(here / "job.py", LETTERS)
    out = here / "outputs/letters"
    out.mkdir(parents=True)
    (out / name).write_text("mine")
    result = typed("run", "job.py")
    assert result.exit_code == 2
    assert f"{name} is there already, and parbatch did not write it" in result.stderr
    assert contents(out) == {name: b"mine"}
    (out / name).rename(here / "away")
    assert typed("run", "job.py").exit_code == 0


def test_reports_that_a_removed_run_has_left_are_in_nobodys_way(out: Path) -> None:
    shutil.rmtree(out / "run")
    assert typed("run", "job.py").exit_code == 0
