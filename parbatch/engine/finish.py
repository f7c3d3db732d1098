"""All shards of a folder together: their overview and their reports, made when the last of them is done.

Whoever ends last makes them, under the lock of the folder itself; who finds that lock taken leaves it to its holder,
who looks once more when it is done. What they were made from is kept in `run/whole.json`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from parbatch.engine.part import Stages
from parbatch.errors import FolderError, FolderHeldError
from parbatch.model.loading import LoadedJob
from parbatch.model.options import Options
from parbatch.model.result import Documents, ProductReport, RunResult, Withdrawn, all_withdrawn
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.reports import write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import RunFacts, build_result, counts, sum_facts
from parbatch.reports.run_records import newest_record
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Layout, require_layout
from parbatch.storage.lock import hold
from parbatch.storage.parts import marks, unfinished
from parbatch.storage.product_records import Made, made_before, older, record_file
from parbatch.storage.reader import empty, reading
from parbatch.storage.staged import is_intact
from parbatch.storage.view import View, open_view
from parbatch.storage.withdrawals import MOST_NAMED


class Joined(msgspec.Struct, frozen=True):
    """All shards, joined: their result together, and what became of the products."""

    result: RunResult
    products: dict[str, ProductReport]
    products_exit_code: int
    problems: dict[str, str]


def require_finished(folder: Folder) -> None:
    """Raise FolderError, which names the shards that are not finished, unless all are."""
    layout = require_layout(folder)
    if left := unfinished(layout):
        named = ", ".join(f"{shard} ({why})" for shard, why in left.items())
        first = next(iter(left))
        raise FolderError(
            f"{folder.root} is run in {len(layout.parts)} shards, of which these are not finished: {named}. The"
            f" overview is made of all. Go on with parbatch run … --shard {first}"
            f"{'' if left[first] == 'not begun' else ' --resume'}."
        )


def join_when_all_are_finished(loaded: LoadedJob, asked: Options) -> Joined | None:
    """Make the overview and the reports of all shards, if this was the last one and they are not up to date.

    None where there is nothing to do, or somebody else is at it. That two shards published the same file is the
    overview's failure.
    """
    folder, joined = Folder(asked.out), None
    layout = require_layout(folder)
    while not unfinished(layout) and not _is_current(layout, again=joined is not None):
        try:
            with hold(folder) as held:
                held.keep()
                joined = _join(loaded, asked, folder)
        except FolderHeldError:
            return joined
    return joined


def join_anew(loaded: LoadedJob, asked: Options) -> Joined:
    """The same on request, also when they are up to date. Raises FolderError where a shard is not finished."""
    folder = Folder(asked.out)
    with hold(folder) as held:
        held.keep()
        require_finished(folder)
        return _join(loaded, asked, folder)


def report_anew(folder: Folder) -> tuple[RunResult, dict[str, str]]:
    """Write the reports of all shards that have begun, as they are now: their result, and what could not be written."""
    with hold(folder) as held:
        held.keep()
        with open_view(require_layout(folder).begun(), folder) as view:
            before = made_before(folder)
            result = _together(view, folder, before.products, before.documents)
            return result, write_reports(Material(result, view, folder))


def _is_current(layout: Layout, *, again: bool) -> bool:
    """Whether nothing has changed since; `again` after an attempt, which is not repeated only because it failed."""
    folder = layout.root
    made = made_before(folder)
    if made.marks != marks(layout):
        return False
    outputs = (output for published in made.outputs.values() for output in published)
    return again or (not made.has_failed and all(is_intact(output, folder.root) for output in outputs))


def _join(loaded: LoadedJob, asked: Options, folder: Folder) -> Joined:
    layout = require_layout(folder)
    before, now = made_before(folder), marks(layout)
    with open_view(layout.begun(), folder) as view, contextlib.closing(empty()) as checkpoint:
        for product, outputs in before.outputs.items():
            checkpoint.set_product(product, outputs)
        stage = Stages(loaded, asked.for_products(), folder, checkpoint, view=view)
        products = {
            product: report if report.error is None else older(checkpoint, folder, product, report) or report
            for product, report in _products(loaded, stage, checkpoint, view).items()
        }
        result = _together(view, folder, products, stage.documents)
        problems = write_reports(Material(result, view, folder))
        made = _made(checkpoint, stage, products, now)
        ends_with = stage.exit_code or int(made.has_failed)
    _keep(folder, made)
    return Joined(result, products, ends_with, problems)


def _made(
    checkpoint: Checkpoint, stage: Stages, products: Mapping[str, ProductReport], made_from: Mapping[str, str]
) -> Made:
    published = {product: tuple(checkpoint.product_outputs(product)) for product in products}
    return Made(dict(made_from), published, dict(products), stage.documents)


def _keep(folder: Folder, made: Made) -> None:
    with folder.tree.written_whole(record_file(folder)) as file:
        file.write(msgspec.json.encode(made))


def _products(loaded: LoadedJob, stage: Stages, checkpoint: Checkpoint, view: View) -> dict[str, ProductReport]:
    """What is made of all that is joined; nothing of shards that are in each other's way."""
    job = loaded.job
    wanted = [*([MERGE] if job.merging else []), *([OVERVIEW] if OVERVIEW in job.functions else [])]
    folder, found = view.root, view.clashes()
    if not found:
        # Without marks they are not up to date yet: the reports are still to be written.
        return stage.only_products(wanted, lambda made: _keep(folder, _made(checkpoint, stage, made, {})))
    first, more = found[0], f" So it is with {len(found) - 1} more." if len(found) > 1 else ""
    error = (
        f"items/{first.path} was published by two items of different shards, {first.first_id!r} and"
        f" {first.second_id!r}, one over the other.{more} Put the item's id into the file's name, and run both shards"
        " with --fresh; where an item was only given another id, a run of the other shard with --resume is enough."
    )
    return {product: ProductReport(error=error) for product in wanted or [OVERVIEW]}


def _together(view: View, folder: Folder, products: Mapping[str, ProductReport], in_products: Documents) -> RunResult:
    """The last runs of all shards as one: from when the first began to when the last ended."""
    records = []
    layout = require_layout(folder)
    for part in layout.begun():
        with reading(part.folder) as one:
            records.append(newest_record(one, part.folder))
    left = unfinished(layout)
    after = counts(view)
    total, success, pending = sum(after.by_status.values()), after.by_status["ok"], after.by_status["pending"]
    facts = sum_facts([RunFacts.of(record) for record in records])
    documents = facts.documents + in_products
    facts = msgspec.structs.replace(
        facts,
        documents=documents,
        environment=facts.environment | {"acceleration": documents.acceleration},
        workers=sum(record.workers for record in records),
        overview=products.get(OVERVIEW),
        merged=products.get(MERGE),
        withdrawn=_withdrawn(view, records),
        memory_cap_bytes=max((record.memory_cap_bytes or 0 for record in records), default=0) or None,
        shard=None,
        signum=None,
        at_limit=False,
        has_failed=total > success + pending,
    )
    return build_result(_of_all(facts, left), view, after=after)


def _of_all(facts: RunFacts, left: Mapping[str, str]) -> RunFacts:
    """How all stand together: finished, unless some are left, and then why."""
    if not left:
        seconds = None if facts.finished_at is None else _seconds(facts.started_at, facts.finished_at)
        return msgspec.structs.replace(facts, state="finished", stopped_by=None, duration_s=seconds)
    told = ", ".join(f"{shard} is {why}" for shard, why in left.items())
    return msgspec.structs.replace(
        facts,
        state="running" if "running" in left.values() else "stopped",
        stopped_by=f"of its shards, {told}",
        finished_at=None,
        duration_s=None,
    )


def _withdrawn(view: View, records: Sequence[RunResult]) -> Withdrawn:
    """What the last runs of the shards have withdrawn, and what is out of date now."""
    each = all_withdrawn((record.withdrawn for record in records), MOST_NAMED)
    now = view.withdrawn("")
    return msgspec.structs.replace(each, out_of_date=now.out_of_date, stale=now.stale)


def _seconds(began: str, ended: str) -> float:
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds(), 3)
