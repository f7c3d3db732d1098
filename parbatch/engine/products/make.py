"""The products of one checkpoint, one after another: merged first, and then the overview, which may tell of it.

Called by `part` at the end of a run, for `parbatch overview`, and for all parts of a folder together. Whether a product
is wanted, and what is told of it, others decide.
"""

from collections.abc import Iterable, Mapping

from parbatch.engine.products import merge, overview
from parbatch.engine.products.product import Making
from parbatch.engine.workshop import Workshop
from parbatch.errors import SetupError
from parbatch.model.job import Job
from parbatch.model.messages import Ended
from parbatch.model.result import Documents, ProductReport
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.reports.results import documents
from parbatch.storage.product_records import older


def products_of(job: Job) -> list[str]:
    """List what a job has made of all outcomes, in the order in which it is made."""
    return [*([MERGE] if job.merging is not None else []), *([OVERVIEW] if OVERVIEW in job.functions else [])]


class Products:
    """The products of a checkpoint that were made so far, and how many documents these took."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.reports: dict[str, ProductReport] = {}
        self.documents = Documents()
        self.cancelled: str | None = None

    def make(self, products: Iterable[str]) -> Mapping[str, ProductReport]:
        """Make these products anew. A failure, or an interruption, is a report."""
        for product in products:
            self._make(product)
        return self.reports

    def report(self, product: str) -> ProductReport | None:
        """Return what became of a product; where none was made, an older one that is still there is named."""
        shop, made = self.workshop, self.reports.get(product)
        if made is not None and made.error is None:
            return made
        return older(shop.checkpoint, shop.folder, product, made)

    def _make(self, product: str) -> None:
        shop, control = self.workshop, self.workshop.session.control
        making = Making(
            shop.folder,
            shop.view,
            lambda: shop.workers(1),
            tmp=str(shop.tmp),
            memory_cap=shop.memory_cap,
            timeout=shop.options.timeout,
            on_dispatch=control.tell,
            log_heading=shop.log_heading,
            on_end=self._count_documents,
        )
        try:
            if product == MERGE:
                report = merge.make(shop.checkpoint, shop.loaded.job, making)
            else:
                report = overview.make(shop.checkpoint, making)
        except SetupError as error:
            report = ProductReport(error=str(error))
        self.reports[product] = report
        if report.error is not None:
            self.cancelled = self.cancelled or control.cancelled

    def _count_documents(self, ended: Ended) -> None:
        self.documents += documents(ended)
