"""What is on record of the products of all outcomes: what they were made from, what was published, what is out of date.

Called by the engine, which makes them, and by the reports. It makes nothing itself.
"""

from pathlib import Path

import msgspec

from parbatch.model.json_values import NOT_JSON
from parbatch.model.outcome import Output
from parbatch.model.result import Documents, ProductReport
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder, unusable
from parbatch.storage.staged import is_intact
from parbatch.storage.tree import UnsafePathError, is_safe_path


class Made(msgspec.Struct, frozen=True):
    """What the products were made from (a mark for each shard), what each published, and what became of it.

    `documents` counts those made with python-docx.
    """

    marks: dict[str, str] = {}
    outputs: dict[str, tuple[Output, ...]] = {}
    products: dict[str, ProductReport] = {}
    documents: Documents = Documents()

    @property
    def has_failed(self) -> bool:
        """Whether something could not be made."""
        return any(product.error is not None for product in self.products.values())


def made_before(folder: Folder) -> Made:
    """Return what was made of all shards before; nothing, where that can't be read."""
    try:
        made = msgspec.json.decode(folder.tree.read(record_file(folder)), type=Made)
    except UnsafePathError as error:
        raise unusable(folder.root, error) from None
    except (OSError, *NOT_JSON):
        return Made()
    return made


def record_file(folder: Folder) -> Path:
    """Return where the record of the products of all shards is kept."""
    return folder.run / "whole.json"


def is_current(checkpoint: Checkpoint, folder: Folder, product: str) -> bool:
    """Whether the product there is was made from the outcomes there are, and is whole."""
    outputs = checkpoint.product_outputs(product)
    return checkpoint.is_current(product) and all(is_intact(output, folder.root) for output in outputs)


def known(checkpoint: Checkpoint, product: str) -> ProductReport:
    """Where the product is that was made before."""
    return ProductReport(path=min((output.path for output in checkpoint.product_outputs(product)), default=None))


def older(
    checkpoint: Checkpoint, folder: Folder, product: str, made: ProductReport | None = None
) -> ProductReport | None:
    """Name a product of earlier outcomes that is still there, where no new one could be made of those of now."""
    if checkpoint.is_current(product) and made is None:
        return None
    there = [output.path for output in checkpoint.product_outputs(product) if is_safe_path(output.path)]
    found = min((path for path in there if folder.tree.state(folder.root / path) is not None), default=None)
    return made if found is None else msgspec.structs.replace(made or ProductReport(), out_of_date=found)
