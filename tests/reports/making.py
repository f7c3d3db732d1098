"""Material for reports, made without a run."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from parbatch.model.problem import Evidence
from parbatch.model.result import RunResult
from parbatch.reports.report_data import Material
from parbatch.reports.results import counts
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.outcome_writer import record
from parbatch.storage.view import View
from tests.reports.test_console import result as some_result
from tests.support import ended, new_checkpoint, task

if TYPE_CHECKING:
    from parbatch.model.outcome import Status

STARTED = 1_800_000_000.0


@contextlib.contextmanager
def made(root: Path, evidence: Evidence | None = None, /, **statuses: str) -> Iterator[Material]:
    """The material of a run whose items have these ids and statuses; the failures all have that evidence."""
    with made_of(root, statuses, evidence) as material:
        yield material


@contextlib.contextmanager
def made_of(root: Path, statuses: Mapping[str, str], evidence: Evidence | None = None) -> Iterator[Material]:
    """The same from a mapping: item number n ran in slot n % 4 for 10 ms and ended at n * 10 ms."""
    folder = Folder(root)
    checkpoint = new_checkpoint(folder, *statuses)
    more: dict[str, Any] = {"evidence": evidence} if evidence else {}
    done = []
    for position, (item_id, status) in enumerate(statuses.items()):
        if status != "pending":
            each = task(position, item_id=item_id)
            about = {
                "slot": position % 4,
                "ended_at": STARTED + (position + 1) / 100,
                "peak_memory_bytes": 40 * 1024**2,
            }
            done.append(
                (each.id, ended(each, cast("Status", status), **about, **({} if status == "ok" else more)), True)
            )
    with checkpoint.transaction():
        record(checkpoint, "r", 1, done)
    with contextlib.closing(checkpoint):
        view = View.of(checkpoint, folder)
        yield Material(result_of(view), view, folder)


def anew(material: Material) -> Material:
    """The material after its checkpoint or its logs were changed."""
    return Material(result_of(material.view), material.view, material.folder)


def checkpoint_of(material: Material) -> Checkpoint:
    """The one checkpoint that the material's view reads, to be changed."""
    (source,) = material.view._sources
    assert source.checkpoint is not None
    return source.checkpoint


def result_of(view: View) -> RunResult:
    """The result of a run of a minute with eight workers, as the checkpoint has it."""
    now = counts(view)
    total, ok, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
    bare = some_result(ok=ok, pending=pending, total=total, errors=total - ok - pending)
    fields = {name: getattr(bare, name) for name in bare.__struct_fields__}
    return RunResult(
        **fields
        | {
            "by_status": now.by_status,
            "before": now,
            "after": now,
            "failures": list(view.failures()),
            "started_at": "2027-01-15T08:00:00.000+00:00",
            "finished_at": "2027-01-15T08:01:00.000+00:00",
            "duration_s": 60.0,
            "exit_code": 1 if total > ok else 0,
            "out": str(view.root.root),
            "memory_cap_bytes": 512 * 1024**2,
        }
    )
