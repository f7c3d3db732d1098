"""The products of a folder made anew on request, also where they are up to date; no item is rendered.

Called for `parbatch overview`. Of phases they are the last one's, of shards those of all.
"""

import contextlib

from parbatch.engine.part import breaking_off_in_words
from parbatch.engine.phases import jobs_of, layout_of, with_inputs
from parbatch.engine.products.make import Products, products_of
from parbatch.engine.session import RunSession
from parbatch.engine.workshop import Workshop
from parbatch.errors import JobError
from parbatch.model.loading import LoadedJob
from parbatch.model.result import ProductReport
from parbatch.reports.results import report_within
from parbatch.reports.run_records import note_killed_runs
from parbatch.storage.damage import damage_in_words
from parbatch.storage.layout import read_layout, require_checkpoint
from parbatch.storage.lock import hold
from parbatch.storage.opening import open_to_write


def make_products_anew(loaded: LoadedJob, session: RunSession) -> dict[str, ProductReport]:
    """Return what became of each product. A failure, or an interruption, is a report.

    Raises JobError for a job without any, FolderError where nothing was run yet, or not all that they are made of.
    """
    if not products_of(loaded.job):
        raise JobError(
            f"{loaded.job!r} has no overview function, and merges nothing."
            " Add @job.overview above def summary(run, ctx): …"
        )
    wanted = layout_of(loaded, session.options.for_products())
    there = None if wanted.is_run_as_one else read_layout(wanted.root)
    if there is not None and there.is_split:
        from parbatch.engine.all_parts import make_anew  # noqa: PLC0415 -- most runs are no part of others

        return make_anew(loaded, there, session)
    job = jobs_of(loaded, wanted)[-1]
    folder = job.part.folder
    options = session.options.for_phase(job.loaded.job, folder.root)
    outer = hold(wanted.root) if wanted.is_run_as_one else contextlib.nullcontext()
    with outer, with_inputs(job, wanted.root) as alone:
        require_checkpoint(folder)
        with hold(folder):
            note_killed_runs(folder)
            with contextlib.closing(open_to_write(folder.checkpoint)) as checkpoint, damage_in_words(folder.checkpoint):
                made = Products(Workshop(alone, options, folder, checkpoint, session))
                with breaking_off_in_words(folder), session.control.watched(), made.workshop.open():
                    made.make(products_of(alone.job))
    if warning := made.documents.warning:
        session.reporter.note(warning)
    if not job.part.prefix:
        return made.reports
    return {product: report_within(job.part.name, report) for product, report in made.reports.items()}
