"""Small makers of values, and of jobs, for the tests."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from parbatch import Item, Job
from parbatch.cli import command
from parbatch.model.item import Task
from parbatch.model.loading import JobRef, LoadedJob
from parbatch.model.messages import Ended
from parbatch.model.outcome import Output, Status
from parbatch.model.problem import Evidence
from parbatch.planning.changes import fill
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.opening import create, settle

JOB = """
from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    for name in ("ada", "bob", "cyd"):
        yield Item(id=name, name=name.title())


@job.render
def letter(item, ctx):
    (ctx.dir / f"{item.id}.txt").write_text(f"Dear {item.name}\\n")
"""

FAILING = JOB.replace(
    "    (ctx.dir", "    if item.id == 'bob':\n        raise ValueError('no such city')\n    (ctx.dir"
)


def typed(*arguments: str) -> Result:
    """A command line, run in this process; parbatch's workers are this process too."""
    if arguments and arguments[0] in {"run", "retry", "overview"}:
        arguments = (*arguments, "--backend", "inline")
    return CliRunner().invoke(command, arguments)


def contents(root: Path) -> dict[str, bytes | None]:
    """All files and folders below, but for what Python itself keeps beside a job file."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if "__pycache__" not in path.parts and not path.is_fifo()
    }


def write_job(path: Path, text: str = JOB) -> Path:
    """A job file."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def make_job(items: Iterable[Item | Mapping[str, Any]] | Callable[[], Any], name: str = "letters") -> Job:
    """A job with these items, whose render does nothing."""
    job = Job(name)
    job.items(items if callable(items) else lambda: items)
    job.render(lambda *_: None)
    return job


def loaded(job: Job, base: Path, **defaults: Any) -> LoadedJob:
    """A job as the loader hands it over, its file `job.py` in the folder `base`."""
    return LoadedJob(job, JobRef("none"), base / "job.py", "job.py", defaults)


def new_checkpoint(folder: Folder, *items: str | Item) -> Checkpoint:
    """The checkpoint of a folder, in place, with these items pending."""
    folder.make()
    new = create(folder.checkpoint)
    fill(new, make_job([Item(id=item) if isinstance(item, str) else item for item in items]))
    return settle(new, folder.checkpoint)


def task(position: int, *, number: int = 1, item_id: str | None = None) -> Task:
    """A task whose id is `i` and its position, unless another is given."""
    text = item_id if item_id is not None else f"i{position}"
    return Task(position, text, text, "", msgspec.Raw(b"{}"), number=number)


def ended(of: Task, status: Status = "ok", **more: Any) -> Ended:
    """The end of an attempt; one that is not ok has evidence."""
    if status != "ok" and "evidence" not in more:
        more["evidence"] = Evidence(type="ValueError", message=f"{of.id} went wrong")
    if status != "ok":
        more.setdefault("fingerprint", status)
    return Ended(of.position, of.number, status, more.pop("duration_s", 0.01), **more)


def staged(folder: Path, **files: str) -> tuple[Output, ...]:
    """Files written to a folder, as outputs."""
    from parbatch.storage.staged import stage

    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return stage(folder)


def row(checkpoint: Checkpoint, item_id: str) -> dict[str, Any]:
    """An item's row of the checkpoint."""
    cursor = checkpoint._db.execute("SELECT * FROM items WHERE id = ?", (item_id,))
    values = cursor.fetchone()
    return dict(zip([column[0] for column in cursor.description], values, strict=True))


def failing(*names: str, job: str = JOB) -> str:
    """Return a job file in which these items fail."""
    return job.replace(
        "    (ctx.dir", f"    if item.id in {names}:\n        raise ValueError('no such city')\n    (ctx.dir"
    )
