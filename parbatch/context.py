"""`ctx`: what the job's functions are given besides the item."""

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parbatch.model import Feedback, Item, Outcome

if TYPE_CHECKING:
    from docx.document import Document

NO_FEEDBACK = Feedback()


class _Surroundings:
    """What an attempt and a chunk have in common: `shared` is what the job's setup returned, `baseline` its baseline.

    Both are the same objects for all items of a worker.
    """

    def __init__(self, shared: Any, base: Path) -> None:
        self.shared = shared
        self.baseline: Any = None
        self.templates: set[str] = set()
        self._base = base

    def document(self, template: str | Path | None = None) -> "Document":
        """A new python-docx Document from a template, which each worker parses once.

        The template's path starts from the job's folder; with none, it is python-docx's own default.
        """
        from parbatch.docx import open_template  # noqa: PLC0415 -- jobs without documents never load python-docx

        if template is None:
            return open_template(None)
        path = self._base / template
        self.templates.add(str(path))
        return open_template(path)


class Context(_Surroundings):
    """One attempt's surroundings.

    `number` is this attempt, from 1; `feedback` what was wrong with the attempt before, empty on the first; `result`,
    for validation, what render returned.
    """

    def __init__(self, number: int, shared: Any, folder: str, base: Path, feedback: Feedback = NO_FEEDBACK) -> None:
        super().__init__(shared, base)
        self.number = number
        self.feedback = feedback
        self.result: Any = None
        self.metrics: dict[str, float] = {}
        self._folder = folder
        self._dir: Path | None = None

    @property
    def dir(self) -> Path:
        """The attempt's private folder; what is in it at the end is published. Made when first asked for."""
        if self._dir is None:
            self._dir = Path(self._folder)
            try:
                self._dir.mkdir(parents=True)
            except FileExistsError:  # the attempt was made before, and lost with its worker
                shutil.rmtree(self._dir)
                self._dir.mkdir()
        return self._dir

    @property
    def has_files(self) -> bool:
        """Whether the private folder was asked for at all."""
        return self._dir is not None

    def metric(self, name: str, number: float) -> None:
        """Add a figure of this item's own to the report, such as pages or tokens.

        Raises TypeError and ValueError for what is not a finite number.
        """
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(f"ctx.metric({name!r}, …) takes a number, not {type(number).__name__}")
        if not math.isfinite(number):
            raise ValueError(f"ctx.metric({name!r}, {number}): not a finite number")
        self.metrics[str(name)] = number


class ChunkContext(_Surroundings):
    """The surroundings of a whole chunk; `of(item)` gives those of one of its items."""

    def __init__(self, contexts: Mapping[str, Context], shared: Any, base: Path) -> None:
        super().__init__(shared, base)
        self._contexts = contexts

    def of(self, item: Item | str) -> Context:
        """The surroundings of an item of this chunk, or of its id: `dir`, `number`, `feedback`, `result`, `metric`.

        Raises KeyError for an item that is not in this chunk.
        """
        item_id = item if isinstance(item, str) else item.id
        if item_id not in self._contexts:
            raise KeyError(f"item {item_id!r} is not in this chunk")
        return self._contexts[item_id]


class Run:
    """What the overview function sees of the run: `counts` by status, and the outcomes, one by one."""

    def __init__(self, counts: Mapping[str, int], read: Callable[[], Iterator[Outcome]]) -> None:
        self.counts = dict(counts)
        self._read = read

    def outcomes(self) -> Iterator[Outcome]:
        """Every item's outcome in item order, read as you go; call it as often as you like."""
        return self._read()


def read_outcomes(path: Path) -> Iterator[Outcome]:
    """Outcomes from a file of JSON lines."""
    decoder = msgspec.json.Decoder(Outcome)
    with path.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
