"""The products and reports of all parts of a folder that are run each by itself, made when the last of them is done.

Whoever ends last makes them, under the lock of the folder itself; who finds that lock taken leaves it to its holder,
who looks once more when it is done. What they were made from is kept in `run/whole.json`. Called by `run`, after a part
among others, and for `parbatch overview` and `parbatch report`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from parbatch.engine.part import breaking_off_in_words
from parbatch.engine.products.make import Products, products_of
from parbatch.engine.session import RunSession
from parbatch.engine.workshop import Workshop
from parbatch.errors import FolderError, FolderHeldError
from parbatch.model.loading import LoadedJob
from parbatch.model.result import Documents, ProductReport, RunResult, Withdrawn, all_withdrawn
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.reports import write_reports
from parbatch.reports.report_data import Material
from parbatch.reports.results import RunFacts, build_result, counts, exit_code, sum_facts
from parbatch.reports.run_records import newest_record
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Layout, require_layout
from parbatch.storage.lock import hold
from parbatch.storage.parts import marks, unfinished, with_work_left
from parbatch.storage.product_records import Made, made_before, older, record_file
from parbatch.storage.reader import empty, reading
from parbatch.storage.staged import is_intact
from parbatch.storage.view import View, open_view
from parbatch.storage.withdrawals import MOST_NAMED


class AllParts(msgspec.Struct, frozen=True):
    """All parts together: their result, and what became of the products."""

    result: RunResult
    products: dict[str, ProductReport]
    problems: dict[str, str]


def finish_all(loaded: LoadedJob, layout: Layout, result: RunResult, session: RunSession) -> RunResult:
    """Make the products and reports of all parts, if the one that came to `result` was the last of them.

    Returns its result with what became of the products, whose failure is this run's. Nothing is made where it is up to
    date, or somebody else is at it. That two parts published the same file is the products' failure.
    """
    made = None
    folder = require_layout(layout.root)
    while not unfinished(folder) and not _is_current(folder, again=made is not None):
        try:
            with hold(folder.root) as held:
                held.keep()
                made = _make(loaded, folder, session)
        except FolderHeldError:
            break
    if made is None:
        return result
    for problem in made.problems.values():
        session.reporter.warn(problem)
    left = with_work_left(folder) or [result.shard or ""]
    session.reporter.all_finished(made.result, left, len(folder.parts))
    facts = msgspec.structs.replace(
        RunFacts.of(result),
        overview=made.result.overview,
        merged=made.result.merged,
        signum=session.control.signum,
        at_limit=session.control.cancelled is not None and _has_failed(made.products),
    )
    return msgspec.structs.replace(result, overview=facts.overview, merged=facts.merged, exit_code=exit_code(facts))


def make_anew(loaded: LoadedJob, layout: Layout, session: RunSession) -> dict[str, ProductReport]:
    """Make the products of all parts anew. Raises FolderError where a part is not finished."""
    _require_finished(layout)
    with hold(layout.root) as held:
        held.keep()
        _require_finished(layout)
        return _make(loaded, layout, session).products


def result_of_all(
    layout: Layout, view: View, products: Mapping[str, ProductReport], in_products: Documents
) -> RunResult:
    """Return what the last runs of all parts came to: from when the first began to when the last ended."""
    records = []
    for part in layout.begun():
        with reading(part.folder) as one:
            records.append(newest_record(one, part.folder))
    after = counts(view)
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
        has_failed=sum(after.by_status.values()) > after.by_status["ok"] + after.by_status["pending"],
    )
    return build_result(_of_all(facts, unfinished(layout)), view, after=after)


def _of_all(facts: RunFacts, left: Mapping[str, str]) -> RunFacts:
    """Return how all stand together: finished, unless some are left, and then why."""
    if not left:
        seconds = None if facts.finished_at is None else _seconds(facts.started_at, facts.finished_at)
        return msgspec.structs.replace(facts, state="finished", stopped_by=None, duration_s=seconds)
    told = ", ".join(f"{name} is {why}" for name, why in left.items())
    return msgspec.structs.replace(
        facts,
        state="running" if "running" in left.values() else "stopped",
        stopped_by=f"of its shards, {told}",
        finished_at=None,
        duration_s=None,
    )


def _require_finished(layout: Layout) -> None:
    """Raise FolderError, which names the parts that are not finished, unless all are."""
    if left := unfinished(layout):
        named = ", ".join(f"{name} ({why})" for name, why in left.items())
        first = next(iter(left))
        raise FolderError(
            f"{layout.root.root} is run in {len(layout.parts)} shards, of which these are not finished: {named}. The"
            f" overview is made of all. Go on with parbatch run … --shard {first}"
            f"{'' if left[first] == 'not begun' else ' --resume'}."
        )


def _is_current(layout: Layout, *, again: bool) -> bool:
    """Tell whether nothing has changed since; `again` after an attempt, which is not repeated because it failed."""
    folder = layout.root
    made = made_before(folder)
    if made.marks != marks(layout):
        return False
    outputs = (output for published in made.outputs.values() for output in published)
    return again or (not made.has_failed and all(is_intact(output, folder.root) for output in outputs))


def _make(loaded: LoadedJob, layout: Layout, session: RunSession) -> AllParts:
    folder = layout.root
    before, now = made_before(folder), marks(layout)
    with open_view(layout.begun(), folder) as view, contextlib.closing(empty()) as checkpoint:
        for product, outputs in before.outputs.items():
            checkpoint.set_product(product, outputs)
        options = session.options.for_products()
        made = Products(Workshop(loaded, options, folder, checkpoint, session, view=view))
        reports = {
            product: report if report.error is None else older(checkpoint, folder, product, report) or report
            for product, report in _products(made, view).items()
        }
        result = result_of_all(layout, view, reports, made.documents)
        problems = write_reports(Material(result, view, folder))
        record = _record(made, reports, now)
    _keep(folder, record)
    return AllParts(result, reports, problems)


def _products(made: Products, view: View) -> Mapping[str, ProductReport]:
    """Make what is made of all parts; nothing of parts that are in each other's way.

    Once they are made and before the temporary folder is gone, it is kept whose the files are: nothing else tells. This
    is without marks, and so not up to date yet: the reports are still to be written.
    """
    shop = made.workshop
    wanted, found = products_of(shop.loaded.job), view.clashes()
    if not found:
        with breaking_off_in_words(shop.folder), shop.session.control.watched(), shop.open():
            made.make(wanted)
            _keep(shop.folder, _record(made, made.reports, {}))
        return made.reports
    first, more = found[0], f" So it is with {len(found) - 1} more." if len(found) > 1 else ""
    error = (
        f"items/{first.path} was published by two items of different shards, {first.first_id!r} and"
        f" {first.second_id!r}, one over the other.{more} Put the item's id into the file's name, and run both shards"
        " with --fresh; where an item was only given another id, a run of the other shard with --resume is enough."
    )
    return {product: ProductReport(error=error) for product in wanted or [OVERVIEW]}


def _record(made: Products, reports: Mapping[str, ProductReport], made_from: Mapping[str, str]) -> Made:
    published = {product: tuple(made.workshop.checkpoint.product_outputs(product)) for product in reports}
    return Made(dict(made_from), published, dict(reports), made.documents)


def _keep(folder: Folder, made: Made) -> None:
    with folder.tree.written_whole(record_file(folder)) as file:
        file.write(msgspec.json.encode(made))


def _has_failed(products: Mapping[str, ProductReport]) -> bool:
    return any(report.error is not None for report in products.values())


def _withdrawn(view: View, records: Sequence[RunResult]) -> Withdrawn:
    """Return what the last runs of the parts have withdrawn, and what is out of date now."""
    each = all_withdrawn((record.withdrawn for record in records), MOST_NAMED)
    now = view.withdrawn("")
    return msgspec.structs.replace(each, out_of_date=now.out_of_date, stale=now.stale)


def _seconds(began: str, ended: str) -> float:
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds(), 3)
