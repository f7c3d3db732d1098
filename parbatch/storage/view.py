"""What is known in a folder, for whoever reads: of one checkpoint, or of several as if they were one.

Called by the reports, by products that are made of all outcomes, and by commands that only look. Nothing is copied:
the items of shards are merged by their positions, which are those of the whole source, and the phases' follow one
another, each item under its phase's name. It writes nothing and knows no job.
"""

import contextlib
import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from parbatch.errors import CheckpointError
from parbatch.model.figures import MetricSummary
from parbatch.model.file_names import folded, stem
from parbatch.model.lookup import find
from parbatch.model.outcome import STATUSES, Outcome
from parbatch.model.result import Failure, RunEnd, Withdrawn, WithdrawnOutput, all_withdrawn
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.model.selection import Selection
from parbatch.storage import outcomes as stored
from parbatch.storage import timings
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.chunk_log import held
from parbatch.storage.context_store import size_of
from parbatch.storage.damage import damage_in_words
from parbatch.storage.failures import failure_of
from parbatch.storage.filters import known_to_fail, listed
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Part, require_layout
from parbatch.storage.logs import Logs
from parbatch.storage.metrics import summaries
from parbatch.storage.phase_record import PhaseRecord, read_phases
from parbatch.storage.product_records import older
from parbatch.storage.reader import reading
from parbatch.storage.withdrawals import MOST_NAMED, withdrawn_in, withdrawn_of

# So many checkpoints are kept open at once, each as it is at one moment. Of more, each is opened for a page at a time:
# a process may have 1,024 files open, and a checkpoint takes three.
MOST_OPEN = 100
_PAGE = 500

Row = TypeVar("Row", bound=tuple[Any, ...])


class ItemRow(NamedTuple):
    """An item as a report shows it. `outputs` start from the `items/` of all, `folder` is that of its part."""

    id: str
    name: str
    group: str
    status: str
    attempts: int
    duration_s: float | None
    peak_memory_bytes: int | None
    outputs: list[str]
    file_stem: str
    folder: Folder


class Known(NamedTuple):
    """One item with all that its part knows of it; paths of `outcome` and `withdrawn` start from those of all."""

    own_id: str
    outcome: Outcome
    details: stored.ItemDetails
    attempts: list[stored.AttemptRow]
    withdrawn: tuple[WithdrawnOutput, ...]
    folder: Folder


class Clash(NamedTuple):
    """A file that items of two parts have published, one over the other."""

    path: str
    first_id: str
    second_id: str


class Source:
    """One of the checkpoints that a view reads, with the ways that lead from all to its own folder."""

    def __init__(self, part: Part, root: Folder, checkpoint: Checkpoint | None) -> None:
        self.part = part
        self.checkpoint = checkpoint
        self.prefix = part.prefix
        self.root_way = _way(root.root, part.folder.root)
        self.items_way = _way(root.items, part.folder.items)

    @contextlib.contextmanager
    def open(self) -> Iterator[Checkpoint]:
        """Give the checkpoint, opened for this once where it is not kept open."""
        if self.checkpoint is not None:
            yield self.checkpoint
            return
        with reading(self.part.folder) as checkpoint:
            yield checkpoint

    def rows(self, read: Callable[[Checkpoint, int], Iterator[Row]]) -> Iterator[Row]:
        """Yield the rows that `read` gives from a position on, each beginning with its position."""
        if self.checkpoint is not None:
            yield from read(self.checkpoint, -1)
            return
        position = -1
        while True:
            with self.open() as checkpoint:
                rows = list(islice(read(checkpoint, position), _PAGE))
            yield from rows
            if len(rows) < _PAGE:
                return
            position = rows[-1][0]

    def of_all(self, outcome: Outcome) -> Outcome:
        """Return an outcome under the name that its item has among those of all parts."""
        if not self.prefix:
            return outcome
        return msgspec.structs.replace(
            outcome,
            item=msgspec.structs.replace(outcome.item, id=f"{self.prefix}{outcome.item.id}"),
            outputs=tuple(f"{self.items_way}{path}" for path in outcome.outputs),
            out_of_date=tuple(f"{self.items_way}{path}" for path in outcome.out_of_date),
        )


class View:
    """Several checkpoints as one, or a single one. `phases` is the record of the phases that they are."""

    def __init__(self, sources: Sequence[Source], root: Folder, phases: PhaseRecord | None = None) -> None:
        self.root = root
        self._sources = sources
        self._phases = phases
        self._groups = [[*group] for _, group in groupby(sources, key=lambda source: source.prefix)]
        self._logs: dict[Path, Logs] = {}

    @classmethod
    def of(cls, checkpoint: Checkpoint, folder: Folder) -> "View":
        """Return a view of one checkpoint that is open already, such as that of the run at hand."""
        return cls([Source(Part("", folder), folder, checkpoint)], folder)

    @property
    def is_open(self) -> bool:
        """Whether it can still be read."""
        return all(source.checkpoint is not None and source.checkpoint.is_open for source in self._sources)

    # --- counts

    def counts(self) -> dict[str, int]:
        """Return how many items have each status; every status is there."""
        found: dict[str, int] = dict.fromkeys(STATUSES, 0)
        for by_status in self.counts_by_part().values():
            for status, count in by_status.items():
                found[status] += count
        return found

    def counts_by_part(self) -> dict[str, dict[str, int]]:
        """Return the same for each part that has begun, by its name."""
        return {name: checkpoint.counts() for name, checkpoint in self._each()}

    def counts_by_group(self) -> dict[str, dict[str, int]]:
        """Return the same for each group, in item order; items without a group are under the empty name."""
        if len(self._sources) == 1:
            with self._sources[0].open() as checkpoint:
                return checkpoint.counts_by_group()
        found: dict[str, dict[str, int]] = {}
        for group in self._groups:
            first: dict[str, int] = {}
            counts: dict[str, dict[str, int]] = {}
            for source in group:
                with source.open() as checkpoint:
                    for name, status, count, position in checkpoint.groups():
                        first[name] = min(position, first.get(name, position))
                        counts.setdefault(name, dict.fromkeys(STATUSES, 0))[status] += count
            for name in sorted(counts, key=first.__getitem__):
                so_far = found.setdefault(name, dict.fromkeys(STATUSES, 0))
                for status, count in counts[name].items():
                    so_far[status] += count
        return found

    def known_to_fail(self) -> int:
        """Return how many items are not tried again because they are known to fail."""
        return sum(known_to_fail(checkpoint, Selection()) for _, checkpoint in self._each())

    @property
    def unread(self) -> bool:
        """Whether the source was not read to its end, as a limit needed no more of it."""
        return any(checkpoint.unread for _, checkpoint in self._each())

    # --- runs

    def last_run(self) -> tuple[str, str] | None:
        """Return the id and state of the newest run; the state is `running` for one that was killed."""
        if self._phases is not None:
            return self._phases.run_id, self._phases.state
        return max((run for _, one in self._each() if (run := one.last_run()) is not None), default=None)

    def end_of_last_run(self) -> RunEnd:
        """Return what is known of the newest run's end; nothing of one that was killed."""
        if self._phases is not None:
            return self._phases.end
        last = self.last_run()
        return next((one.end_of_last_run() for _, one in self._each() if one.last_run() == last), RunEnd())

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, the newest first."""
        if len(self._sources) == 1 and self._phases is None:
            return next(one.run_ids() for _, one in self._each())
        ids = {run_id for _, one in self._each() for run_id in one.run_ids()}
        if self._phases is not None:
            ids.add(self._phases.run_id)
        return sorted(ids, reverse=True)  # they begin with a time

    def held(self) -> tuple[dict[str, int], int]:
        """Return how many chunks hold each entry, of a single checkpoint, and the bytes of all these entries."""
        if len(self._sources) != 1 or self._phases is not None:
            return {}, 0
        with self._sources[0].open() as checkpoint:
            references = held(checkpoint)
            return references, size_of(checkpoint, references)

    def older_products(self) -> list[str]:
        """Return the paths of what was made of all outcomes of a part, and is of earlier ones."""
        found = []
        for source in self._sources:
            with source.open() as checkpoint:
                reports = [older(checkpoint, source.part.folder, product) for product in (OVERVIEW, MERGE)]
            found += [f"{source.prefix}{one.out_of_date}" for one in reports if one is not None and one.out_of_date]
        return found

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

        def read(one: Checkpoint, after: int) -> Iterator[tuple[int, stored.PlainRow, list[str]]]:
            return ((row.position, row, paths) for row, paths in stored.plain_rows(one._db, after, outputs=outputs))

        for source, (_, row, paths) in self._merged(read):
            yield _item_row(source, row, paths if row.status == "ok" else [])  # what is out of date is named apart

    def tried(self) -> Iterator[ItemRow]:
        """Yield the items that were tried and are not ok, in item order; nothing of theirs is published."""
        for source, row in self._merged(lambda one, after: stored.tried_rows(one._db, after)):
            yield _item_row(source, row, [])

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

        rows = (row for group in self._groups for row in _merge([(source, read(source)) for source in group]))
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
                tuple(_from_root(source, one) for one in withdrawn_of(checkpoint, own)),
                source.part.folder,
            )

    def log_paths(self, folder: Folder, file_stem: str) -> dict[str, str | None]:
        """Return where an item's logs are, from the root on, by stream; None for a stream without."""
        source = next(one for one in self._sources if one.part.folder is folder)
        return self._logs_of(source, file_stem)

    # --- what all items came to

    def metrics(self, by_group: dict[str, dict[str, int]]) -> dict[str, MetricSummary]:
        """Return every metric by its name; `by_group` counts the items of each group by status."""
        with contextlib.ExitStack() as opened:
            return summaries([opened.enter_context(source.open()) for source in self._sources], by_group)

    def withdrawn(self, run_id: str | None = None, *, all_ok: bool = False) -> Withdrawn:
        """Return what was withdrawn in a run, or in all of them, and how many outputs of items not ok there are."""
        found = []
        for source in self._sources:
            with source.open() as checkpoint:
                taken = self._taken_over(source)
                found.append((source, withdrawn_in(checkpoint, run_id, all_ok=all_ok, is_anothers=taken)))
        return found[0][1] if len(found) == 1 and not self._sources[0].root_way else _all_withdrawn(found)

    def drawn_items(self, every: int) -> Iterator[timings.Timed]:
        """Yield each nth item that has ended, by slot and time; the workers of different shards keep apart."""
        groups = []
        for group in self._groups:
            first = min(
                (at for _, one in self._each(group) if (at := timings.first_position(one._db)) is not None), default=0
            )
            rows: list[timings.Timed] = []
            for slot, (_, one) in self._with_slots(group):
                rows += [row._replace(slot=row.slot + slot) for row in timings.timed(one._db, first, every)]
            groups.append(rows)
        return heapq.merge(*groups, key=lambda row: (row.slot, row.ended_at))

    def deaths(self, run_id: str, most: int) -> list[timings.Death]:
        """Return the attempts of a run that a worker did not survive, in the order of their ends."""
        found: list[timings.Death] = []
        for group in self._groups:
            for slot, (source, one) in self._with_slots(group):
                found += [
                    row._replace(slot=row.slot + slot, id=f"{source.prefix}{row.id}")
                    for row in timings.deaths(one._db, run_id, most)
                ]
        return sorted(found, key=lambda row: row.ended_at)[:most]

    def last_end(self) -> float | None:
        """Return when the last item ended."""
        ends = (timings.last_end(checkpoint._db) for _, checkpoint in self._each())
        return max((end for end in ends if end is not None), default=None)

    def clashes(self) -> list[Clash]:
        """Return the files that items of two parts, both of them ok, have published: of each only one can be there."""
        if len(self._sources) == 1:
            return []
        with contextlib.ExitStack() as opened:
            columns = [
                ((place, source, item_id, path) for place, item_id, path in one.live_outputs())
                for source in self._sources
                for one in [opened.enter_context(source.open())]
            ]
            found: dict[str, tuple[str, str]] = {}
            last: tuple[str, str] = "", ""
            for place, source, item_id, path in heapq.merge(*columns, key=itemgetter(0)):
                if source.items_way:
                    continue  # each has an `items/` of its own
                if last[0] == place:
                    found.setdefault(path, (last[1], item_id))
                else:
                    last = place, item_id
        return [Clash(path, *ids) for path, ids in sorted(found.items())]

    # --- inside

    def _each(self, sources: Sequence[Source] | None = None) -> Iterator[tuple[str, Checkpoint]]:
        for source in self._sources if sources is None else sources:
            with source.open() as checkpoint:
                yield source.part.name, checkpoint

    def _with_slots(self, group: Sequence[Source]) -> Iterator[tuple[int, tuple[Source, Checkpoint]]]:
        """Yield a group's checkpoints, each with the number of its first slot."""
        slot = 0
        for source in group:
            with source.open() as checkpoint:
                yield slot, (source, checkpoint)
                slot += timings.slots(checkpoint._db) if len(group) > 1 else 0

    def _merged(self, read: Callable[[Checkpoint, int], Iterator[Row]]) -> Iterator[tuple[Source, Row]]:
        for group in self._groups:
            yield from _merge([(source, source.rows(read)) for source in group])

    def _has(self, item_id: str) -> Source | None:
        for source in self._sources:
            if item_id.startswith(source.prefix):
                with source.open() as checkpoint:
                    if checkpoint.has_item(item_id.removeprefix(source.prefix)):
                        return source
        return None

    def _logs_of(self, source: Source, file_stem: str) -> dict[str, str | None]:
        folder = source.part.folder
        if folder.run not in self._logs:
            self._logs[folder.run] = Logs(folder)
        paths = self._logs[folder.run].paths(file_stem)
        if not source.root_way:
            return paths
        return {stream: None if path is None else f"{source.root_way}{path}" for stream, path in paths.items()}

    def _taken_over(self, source: Source) -> Callable[[str], bool] | None:
        """Return what tells of a place whether it is an item's of another part by now; None where there is no other."""
        others = [
            one for one in self._sources if one is not source and one.part.folder.items == source.part.folder.items
        ]
        if not others:
            return None

        def is_anothers(place: str) -> bool:
            for other in others:
                with other.open() as checkpoint:
                    if checkpoint.live_owner(place) is not None:
                        return True
            return False

        return is_anothers

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
        yield View(sources, root, phases)


@contextlib.contextmanager
def view_of(folder: Folder) -> Iterator[View]:
    """Open a view of what is known in a folder, or a part of it, at this moment.

    Raises as `require_layout` and `open_view` do.
    """
    layout = require_layout(folder)
    with open_view(layout.begun(), layout.root, read_phases(layout.root)) as view:
        yield view


def _merge(columns: Sequence[tuple[Source, Iterator[Row]]]) -> Iterator[tuple[Source, Row]]:
    """Merge rows by their positions, which each begins with. Raises CheckpointError for an item that comes twice."""
    if len(columns) == 1:
        ((source, rows),) = columns
        yield from ((source, row) for row in rows)
        return
    last: Any = None
    named = [_named(source, rows) for source, rows in columns]
    for position, source, row in heapq.merge(*named, key=itemgetter(0)):
        if last is not None and last[0] == position and last[1] is not source and _id(last[2]) == _id(row):
            names = ", ".join(one.part.name for one, _ in columns)
            raise CheckpointError(
                f"{source.part.folder.root}: the same item is in two of {names}. Was one copied? Remove the one that is"
                " wrong."
            )
        last = position, source, row
        yield source, row


def _named(source: Source, rows: Iterator[Row]) -> Iterator[tuple[int, Source, Row]]:
    for row in rows:
        yield row[0], source, row


def _id(row: tuple[Any, ...]) -> str:
    what = row[1]
    if isinstance(what, Outcome):
        return what.item.id
    return str(what.id if isinstance(what, stored.PlainRow) else what)


def _item_row(source: Source, row: stored.PlainRow, paths: list[str]) -> ItemRow:
    return ItemRow(
        f"{source.prefix}{row.id}",
        row.name,
        row.group,
        row.status,
        row.attempts,
        row.duration_s,
        row.peak_memory_bytes,
        [f"{source.items_way}{path}" for path in paths] if source.items_way else paths,
        row.stem or stem(row.id),
        source.part.folder,
    )


def _way(here: Path, there: Path) -> str:
    """Return what has to be put before a path from one folder so that it starts from another."""
    if here == there:
        return ""
    way = Path(os.path.relpath(there, here)).as_posix()
    return "" if way == "." else f"{way}/"


def _from_root(source: Source, one: WithdrawnOutput) -> WithdrawnOutput:
    if not source.prefix and not source.root_way:
        return one
    return msgspec.structs.replace(one, id=f"{source.prefix}{one.id}", kept=f"{source.root_way}{one.kept}")


def _all_withdrawn(found: Sequence[tuple[Source, Withdrawn]]) -> Withdrawn:
    """Sum up what was withdrawn of several parts, the newest run's first."""
    moved = [
        msgspec.structs.replace(
            one,
            path=one.path and ", ".join(f"{source.root_way}{path}" for path in one.path.split(", ")),
            first=[_from_root(source, each) for each in one.first],
            stale=[f"{source.items_way}{path}" for path in one.stale],
        )
        for source, one in found
    ]
    told = all_withdrawn(moved, len(moved) * MOST_NAMED)
    first = sorted(sorted(told.first, key=lambda one: one.kept), key=lambda one: _run_of(one.kept), reverse=True)
    by_reason = dict(sorted(told.by_reason.items()))
    return msgspec.structs.replace(told, by_reason=by_reason, first=first[:MOST_NAMED], stale=told.stale[:MOST_NAMED])


def _run_of(kept: str) -> str:
    return kept.partition("/withdrawn/")[2].partition("/")[0]
