"""What is known in a folder, for whoever reads: of one checkpoint, or of several as if they were one.

Called by the reports, by products that are made of all outcomes, and by commands that only look. Nothing is copied:
the items of shards are merged by their positions, which are those of the whole source, and the phases' follow one
another, each item under its phase's name. It writes nothing and knows no job.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from parbatch.model.file_names import folded, stem
from parbatch.model.lookup import find
from parbatch.model.outcome import Outcome
from parbatch.model.result import Failure, WithdrawnOutput
from parbatch.model.selection import Selection
from parbatch.storage import outcomes as stored
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.damage import damage_in_words
from parbatch.storage.failures import failure_of
from parbatch.storage.filters import listed
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part, require_layout
from parbatch.storage.logs import Logs
from parbatch.storage.phase_record import PhaseRecord, read_phases
from parbatch.storage.reader import reading
from parbatch.storage.sources import Row, Source, check_disjoint, merge
from parbatch.storage.totals import Totals, from_root
from parbatch.storage.withdrawals import withdrawn_of

# So many checkpoints are kept open at once, each as it is at one moment. Of more, each is opened for a page at a time:
# a process may have 1,024 files open, and a checkpoint takes three.
MOST_OPEN = 100


class ItemRow(NamedTuple):
    """An item as a report shows it. `outputs` start from the `items/` of all, `folder` is that of its part."""

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None
    peak_memory_bytes: int | None
    outputs: Sequence[str]
    own_id: str
    stem: str | None
    folder: Folder

    @property
    def file_stem(self) -> str:
        """Return how the names of the item's logs begin."""
        return self.stem or stem(self.own_id)


class Known(NamedTuple):
    """One item with all that its part knows of it; paths of `outcome` and `withdrawn` start from those of all."""

    own_id: str
    outcome: Outcome
    details: stored.ItemDetails
    attempts: list[stored.AttemptRow]
    withdrawn: tuple[WithdrawnOutput, ...]
    folder: Folder


class View(Totals):
    """Several checkpoints as one, or a single one: what all items came to, and each of them."""

    def __init__(self, sources: Sequence[Source], root: Folder, phases: PhaseRecord | None = None) -> None:
        super().__init__(sources, root, phases)
        self._logs: dict[str, Logs] = {}

    @classmethod
    def of(cls, checkpoint: Checkpoint, folder: Folder) -> "View":
        """Return a view of one checkpoint that is open already, such as that of the run at hand."""
        return cls([Source(Part("", folder), folder, checkpoint)], folder)

    # --- items

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every item's outcome in item order, without holding them all."""
        for source, (_, outcome) in self._merged(lambda one, after: stored.outcomes(one._db, after)):
            yield self._without_others(source, source.of_all(outcome))

    def results(self) -> Iterator[tuple[str, bytes]]:
        """Yield the id and the result, as JSON, of every item that is ok and has one, in item order."""
        for source, (_, item_id, result) in self._merged(lambda one, after: stored.results(one._db, after)):
            yield f"{source.prefix}{item_id}", result

    def items(self, *, outputs: bool = True) -> Iterator[ItemRow]:
        """Yield every item in item order; `outputs` are what an item that is ok has published."""
        outputs = outputs and any(checkpoint.has_outputs for _, checkpoint in self._each())

        for source, row in self._merged(lambda one, after: stored.plain_rows(one._db, after, outputs=outputs)):
            yield _item_row(source, row)

    def tried(self) -> Iterator[ItemRow]:
        """Yield the items that were tried and are not ok, in item order; nothing of theirs is published."""
        for source, row in self._merged(lambda one, after: stored.tried_rows(one._db, after)):
            yield _item_row(source, row)

    def failures(self) -> Iterator[Failure]:
        """Yield every item that was tried and is not ok, in item order, with the evidence of its last attempt."""
        for source, row in self._merged(lambda one, after: stored.failed_rows(one._db, after)):
            yield failure_of(row, source.prefix, self._logs_of(source, row.stem or stem(row.id)))

    def warned(self) -> Iterator[tuple[str, str, str]]:
        """Yield the items that are ok and have warnings: id, name, the warnings as JSON."""
        for source, (_, item_id, name, warnings) in self._merged(lambda one, after: stored.warned_rows(one._db, after)):
            yield f"{source.prefix}{item_id}", name, warnings

    def selected(self, selection: Selection) -> Iterator[tuple[str, str, str, str, int, float | None]]:
        """Yield the items that are asked for, in order: id, name, group, status, attempts, seconds of the last one."""

        def read(source: Source) -> Iterator[tuple[int, str, str, str, str, int, float | None]]:
            return source.rows(lambda one, after: listed(one, selection, source.prefix, after))

        rows = (row for group in self._groups for row in merge([(source, read(source)) for source in group]))
        for source, (_, item_id, name, group, status, attempts, duration_s) in islice(rows, selection.limit):
            yield f"{source.prefix}{item_id}", name, group, status, attempts, duration_s

    def find(self, asked: str) -> str:
        """Return the id of the item that a person names. Raises SelectionError as `lookup.find` does."""
        if self._has(asked) is not None:
            return asked
        rows = self._merged(lambda one, after: stored.names(one._db, after))
        return find(asked, ((f"{source.prefix}{item_id}", name) for source, (_, item_id, name) in rows))

    def known(self, item_id: str) -> Known:
        """Return all that is known of an item that is there."""
        source = self._has(item_id)
        assert source is not None
        own = item_id.removeprefix(source.prefix)
        with source.open() as checkpoint:
            outcome = checkpoint.outcome_of(own)
            assert outcome is not None
            return Known(
                own,
                source.of_all(outcome),
                stored.details_of(checkpoint._db, own),
                stored.attempts_of(checkpoint._db, own),
                tuple(from_root(source, one) for one in withdrawn_of(checkpoint, own)),
                source.part.folder,
            )

    def log_paths(self, folder: Folder, file_stem: str) -> dict[str, str | None]:
        """Return where an item's logs are, from the root on, by stream; None for a stream without."""
        source = next(one for one in self._sources if one.part.folder is folder)
        return self._logs_of(source, file_stem)

    # --- inside

    def _merged(self, read: Callable[[Checkpoint, int], Iterator[Row]]) -> Iterator[tuple[Source, Row]]:
        for group in self._groups:
            yield from merge([(source, source.rows(read)) for source in group])

    def _has(self, item_id: str) -> Source | None:
        for source in self._sources:
            if item_id.startswith(source.prefix):
                with source.open() as checkpoint:
                    if checkpoint.has_item(item_id.removeprefix(source.prefix)):
                        return source
        return None

    def _logs_of(self, source: Source, file_stem: str) -> dict[str, str | None]:
        folder = source.part.folder
        logs = self._logs.setdefault(str(folder.run), Logs(folder))
        paths = logs.paths(file_stem)
        if not source.root_way:
            return paths
        return {stream: None if path is None else f"{source.root_way}{path}" for stream, path in paths.items()}

    def _without_others(self, source: Source, outcome: Outcome) -> Outcome:
        """Leave out of what is out of date what another part's item has published there since."""
        if not outcome.out_of_date or (is_anothers := self._taken_over(source)) is None:
            return outcome
        kept = tuple(path for path in outcome.out_of_date if not is_anothers(folded(path)))
        return msgspec.structs.replace(outcome, out_of_date=kept)


@contextlib.contextmanager
def open_view(parts: Sequence[Part], root: Folder, phases: PhaseRecord | None = None) -> Iterator[View]:
    """Open a view of parts below a root, each as it is at this moment.

    Parts with the same prefix have to be neighbours: they are pieces of one list. Raises as `reading` does, and
    CheckpointError for an item that is in two parts.
    """
    with damage_in_words(*(part.folder.checkpoint for part in parts)), contextlib.ExitStack() as opened:
        sources: list[Source] = []
        for part in parts:
            checkpoint = opened.enter_context(reading(part.folder)) if len(parts) <= MOST_OPEN else None
            if checkpoint is not None:
                checkpoint.share_memory(len(parts))
            sources.append(Source(part, root, checkpoint))
        view = View(sources, root, phases)
        for group in view._groups:
            if len(group) > 1:
                check_disjoint(group)
        yield view


@contextlib.contextmanager
def view_of(folder: Folder) -> Iterator[View]:
    """Open a view of what is known in a folder, or a part of it, at this moment.

    Raises as `require_layout` and `open_view` do.
    """
    layout = require_layout(folder)
    with open_view(layout.begun(), layout.root, read_phases(layout.root)) as view:
        yield view


def _item_row(source: Source, row: stored.PlainRow) -> ItemRow:
    """Return an item as one of all parts; what it has published and is out of date is named apart."""
    _, own_id, name, group, status, own_stem, attempts, duration_s, peak, paths = row
    outputs = paths if status == "ok" else ()
    if source.items_way:
        outputs = [f"{source.items_way}{path}" for path in outputs]
    item_id = f"{source.prefix}{own_id}"
    return ItemRow(
        item_id, name, group, status, attempts, duration_s, peak, outputs, own_id, own_stem, source.part.folder
    )
