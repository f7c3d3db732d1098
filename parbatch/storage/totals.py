"""What all items of several checkpoints came to: counts, runs, figures, what was withdrawn, who is in whose way.

The half of a view that sums up; `view` has the other, which goes from item to item.
"""

import contextlib
import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec

from parbatch.model.figures import MetricSummary
from parbatch.model.outcome import STATUSES
from parbatch.model.result import RunEnd, Withdrawn, WithdrawnOutput, all_withdrawn
from parbatch.model.roles import MERGE, OVERVIEW
from parbatch.model.selection import Selection
from parbatch.storage import timings
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.chunk_log import held
from parbatch.storage.context_store import size_of
from parbatch.storage.filters import known_to_fail
from parbatch.storage.folder import Folder
from parbatch.storage.metrics import summaries
from parbatch.storage.phase_record import PhaseRecord
from parbatch.storage.product_records import older
from parbatch.storage.sources import Source
from parbatch.storage.withdrawals import MOST_NAMED, withdrawn_in


class Clash(NamedTuple):
    """A file that items of two parts have published, one over the other."""

    path: str
    first_id: str
    second_id: str


class Totals:
    """Sums over several checkpoints, or a single one. `phases` is the record of the phases that they are."""

    def __init__(self, sources: Sequence[Source], root: Folder, phases: PhaseRecord | None = None) -> None:
        self.root = root
        self._sources = sources
        self._phases = phases
        self._groups = [[*group] for _, group in groupby(sources, key=lambda source: source.prefix)]

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


def from_root(source: Source, one: WithdrawnOutput) -> WithdrawnOutput:
    """Return what was withdrawn with its paths from the root of all on."""
    if not source.prefix and not source.root_way:
        return one
    return msgspec.structs.replace(one, id=f"{source.prefix}{one.id}", kept=f"{source.root_way}{one.kept}")


def _all_withdrawn(found: Sequence[tuple[Source, Withdrawn]]) -> Withdrawn:
    """Sum up what was withdrawn of several parts, the newest run's first."""
    moved = [
        msgspec.structs.replace(
            one,
            path=one.path and ", ".join(f"{source.root_way}{path}" for path in one.path.split(", ")),
            first=[from_root(source, each) for each in one.first],
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
