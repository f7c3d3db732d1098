"""The overview: one document, or several, from all outcomes, published beside `items/`."""

from pathlib import Path

from parbatch.engine.products.product import Making, call, keep, put, why_not
from parbatch.errors import PublishError
from parbatch.model.messages import Ended
from parbatch.model.result import ProductReport
from parbatch.model.roles import OVERVIEW
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import is_own_name
from parbatch.storage.publishing import Publication


def make(checkpoint: Checkpoint, making: Making) -> ProductReport:
    """Make the overview from the checkpoint. Its failure is a report, never an exception."""
    publication = Publication("")

    def take(staged: Path, ended: Ended) -> None:
        nonlocal publication
        _check_names(ended)
        if ended.outputs:
            publication = put(checkpoint, making, staged.name, ended.outputs)

    ended = call(making, OVERVIEW, take)
    if ended is None or ended.status != "ok":
        return why_not(ended)
    return keep(checkpoint, making, OVERVIEW, publication)


def _check_names(ended: Ended) -> None:
    for output in ended.outputs:
        if is_own_name(output.path.partition("/")[0]):
            raise PublishError(f"the overview can't be named {output.path}: parbatch uses that name itself")
