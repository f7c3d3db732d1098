"""`ctx`: what the job's functions are given besides the item.

Made by `attempt` and `chunk`, and used by the job's own code: all that is public here is part of the Python API. It
must not know how an attempt ends.
"""

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parbatch.model.item import SCRATCH, Item
from parbatch.model.outcome import Outcome
from parbatch.model.problem import Feedback

if TYPE_CHECKING:
    import os

    from docx.document import Document

    from parbatch.worker.entries import Required

NO_FEEDBACK = Feedback()

_MOST = 1e300  # of a figure, so that the sum over all items is a finite number too


class _CommonContext:
    """The part that the context of an item and that of a chunk have in common.

    `shared` is what the job's setup returned, and `baseline` its baseline: the same objects for all items of a worker.
    `context` has the shared entries that the item, or any of the chunk, requires, by id.
    """

    baseline: Any = None
    _context: "Required | None" = None

    def __init__(self, shared: Any, base: Path) -> None:
        self.shared = shared
        self.templates: set[str] = set()
        self.notes: list[str] = []
        self._base = base

    @property
    def context(self) -> "Required":
        """The entries; none where the job has no shared context."""
        if self._context is None:
            from parbatch.worker.entries import NOTHING_REQUIRED  # noqa: PLC0415 -- such jobs start without what entries need

            self._context = NOTHING_REQUIRED
        return self._context

    @context.setter
    def context(self, required: "Required") -> None:
        self._context = required

    def document(self, template: str | Path | None = None) -> "Document":
        """Open a new python-docx Document from a template, which each worker parses once.

        The template's path starts from the job's folder; with none, it is python-docx's own default. It may be a .docx,
        .dotx, .docm or .dotm file. The document is saved without macros, but where the name ends in .docm or .dotm.
        """
        from parbatch.docx import open_template  # noqa: PLC0415 -- jobs without documents never load python-docx
        from parbatch.docx.on_import import accelerate_if_loaded  # noqa: PLC0415 -- as above

        accelerate_if_loaded()
        if template is None:
            return open_template(None)
        path = self._base / template
        self.templates.add(str(path))
        notes = self.notes
        return open_template(path, tell=lambda note: notes.append(note))  # noqa: PLW0108 -- a copied document copies no ctx


class Context(_CommonContext):
    """The `ctx` of one attempt, which render and validate are called with.

    `shared` is what the job's setup returned, `baseline` its baseline, `context` the shared entries by id; `number` is
    this attempt, from 1; `feedback` is what was wrong with the attempt before, empty on the first; `result`, for
    validation, is what render returned. `dir` is published, `scratch` is not; `document` opens a template, `metric`
    adds to a figure. `folders` are the private folders that were asked for.
    """

    result: Any = None
    folders: tuple[str, ...] = ()
    dir_made: "os.stat_result | None" = None  # the private folder as it was made, to know it again
    _dir: Path | None = None
    _scratch: Path | None = None

    def __init__(self, number: int, shared: Any, folder: str, base: Path, feedback: Feedback = NO_FEEDBACK) -> None:
        # As in the other one: of these there is one for every item, and the call would show.
        self.shared = shared
        self.templates = set()
        self.notes = []
        self._base = base
        self.number = number
        self.feedback = feedback
        self.metrics: dict[str, float] = {}
        self._folder = folder

    @property
    def dir(self) -> Path:
        """The attempt's private folder; what is in it at the end is published. Made when first asked for."""
        if self._dir is None:
            self._dir = _make_folder(self._folder)
            self.folders = (*self.folders, str(self._dir))
            self.dir_made = self._dir.lstat()
        return self._dir

    @property
    def scratch(self) -> Path:
        """A private folder for files that are no results: never published, and gone after the attempt. Made when first
        asked for.
        """
        if self._scratch is None:
            self._scratch = _make_folder(self._folder + SCRATCH)
            self.folders = (*self.folders, str(self._scratch))
        return self._scratch

    def drop_scratch(self) -> None:
        """Remove the scratch folder, if there is one."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    @property
    def has_files(self) -> bool:
        """Whether the private folder was asked for at all."""
        return self._dir is not None

    def metric(self, name: str, number: float) -> None:
        """Add to a figure of this item's own, such as pages or tokens, which the report sums up.

        Figures given under one name by one attempt add up: the tokens of three calls are one figure of the item. Only
        those of the attempt that ends ok are kept. Raises TypeError for what is not a number (NumPy's are), and
        ValueError for a figure that is not finite or beyond 1e300, and for a name that is empty or not printable.
        """
        if not name or not name.isprintable():  # nor lone surrogates, which no message could carry
            raise ValueError(f"ctx.metric({name!r}, …): the name has to be printable text")
        total = self.metrics.get(name, 0.0) + _as_float(name, number)
        if not abs(total) <= _MOST:
            raise ValueError(f"ctx.metric({name!r}, …): the figure is {total}, which is not a finite number to sum up")
        self.metrics[name] = total


def _make_folder(path: str) -> Path:
    """Make a new folder at `path`."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:  # the attempt was made before, and lost with its worker
        shutil.rmtree(folder)
        folder.mkdir()
    return folder


def _as_float(name: str, number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"ctx.metric({name!r}, …) takes a number, not {type(number).__name__}")
    try:
        return float(number)
    except OverflowError:  # an integer of more than 300 digits
        return math.inf


class ChunkContext(_CommonContext):
    """The `ctx` of a whole chunk, which render_chunk and validate_chunk are called with; `of(item)` is one item's own.

    `shared` and `baseline` are as in `Context`; `context` has the shared entries that any of the items requires.
    """

    def __init__(self, contexts: Mapping[str, Context], shared: Any, base: Path) -> None:
        super().__init__(shared, base)
        self._contexts = contexts
        for ctx in contexts.values():  # a template that the chunk uses is one that each of its items depends on
            self.templates |= ctx.templates
            ctx.templates = self.templates
            ctx.notes = self.notes

    @property
    def scratch(self) -> Path:
        """A private folder for files that are no results: that of the chunk's first item."""
        return next(iter(self._contexts.values())).scratch

    def of(self, item: Item | str) -> Context:
        """Return the context of an item of this chunk, or of its id: `dir`, `number`, `feedback`, `result`, `metric`.

        Raises KeyError for an item that is not in this chunk.
        """
        item_id = item if isinstance(item, str) else item.id
        if item_id not in self._contexts:
            raise KeyError(f"item {item_id!r} is not in this chunk")
        return self._contexts[item_id]


class Run:
    """The run as the overview function sees it: `counts` by status, and the outcomes, one by one."""

    def __init__(self, counts: Mapping[str, int], read: Callable[[], Iterator[Outcome]]) -> None:
        self.counts = dict(counts)
        self._read = read

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every item's outcome in item order, read as you go; call it as often as you like."""
        return self._read()


class Previous(Run):
    """An earlier phase as the items function of a later one sees it: `counts` by status, and the outcomes.

    Iterating over it gives the outcomes that are ok, read as you go, as often as you like; `outcomes()` gives all.
    `items` is the folder that the outputs of an outcome start from.
    """

    def __init__(self, counts: Mapping[str, int], read: Callable[[], Iterator[Outcome]], items: Path) -> None:
        super().__init__(counts, read)
        self.items = items

    def __iter__(self) -> Iterator[Outcome]:
        return (outcome for outcome in self.outcomes() if outcome.status == "ok")


def read_outcomes(path: Path) -> Iterator[Outcome]:
    """Yield outcomes from a file of JSON lines."""
    decoder = msgspec.json.Decoder(Outcome)
    with path.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
