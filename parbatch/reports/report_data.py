"""What reports are made from: a run's result, and the checkpoint for what the result has no room for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from parbatch.model.file_names import stem
from parbatch.model.result import RunResult
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs

# Above this, reports list only the items that are not ok.
MOST_LISTED = 100_000

_PAGE = 2_000  # rows fetched at once


class ItemRow(NamedTuple):
    """An item as the checkpoint has it. `outputs` are its published paths, relative to `items/`."""

    position: int
    id: str
    name: str
    group: str
    status: str
    stem: str | None
    attempts: int
    duration_s: float | None
    peak_memory_bytes: int | None
    outputs: list[str]

    @property
    def file_stem(self) -> str:
        """The name of the item's logs, without stream and extension."""
        return self.stem or stem(self.id)


@dataclass(frozen=True)
class Material:
    """The result of a run, its checkpoint, and where both lie."""

    result: RunResult
    checkpoint: Checkpoint
    folder: Folder

    @property
    def lists_all(self) -> bool:
        """Whether every item is listed, or only those that are not ok."""
        return self.result.total <= MOST_LISTED

    def items(self, *, with_outputs: bool = True) -> Iterator[ItemRow]:
        """Every item in item order, a page at a time."""
        with_outputs = with_outputs and self._has_outputs
        position = -1
        while rows := self.checkpoint.db.execute(
            'SELECT position, id, name, "group", status, stem, attempts, duration_s, peak_memory_bytes FROM items'
            " WHERE position > ? ORDER BY position LIMIT ?",
            (position, _PAGE),
        ).fetchall():
            position = rows[-1][0]
            outputs = self.checkpoint.outputs_between(rows[0][0], position) if with_outputs else {}
            for row in rows:
                fresh = outputs.get(row[1], []) if row[4] == "ok" else []  # what is out of date is named apart
                yield ItemRow._make((*row, fresh))

    def not_ok(self) -> Iterator[ItemRow]:
        """The items that were tried and are not ok, at most `MOST_LISTED`; nothing of theirs is published."""
        if not self.result.errors:
            return
        rows = self.checkpoint.db.execute(
            'SELECT position, id, name, "group", status, stem, attempts, duration_s, peak_memory_bytes FROM items'
            " WHERE status NOT IN ('ok', 'pending') ORDER BY position LIMIT ?",
            (MOST_LISTED,),
        )
        for row in rows:
            yield ItemRow._make((*row, []))

    def streams_of(self, row: ItemRow) -> list[str]:
        """Which of the item's logs there are."""
        if not (self._has_logs or row.file_stem.startswith("../")):  # of joined checkpoints, each leads elsewhere
            return []
        return [stream for stream, path in self.logs.paths(row.file_stem).items() if path is not None]

    @cached_property
    def logs(self) -> Logs:
        """The logs of the items."""
        return Logs(self.folder)

    @cached_property
    def _has_logs(self) -> bool:
        return not self.folder.tree.is_empty(self.folder.logs)  # joined checkpoints have theirs elsewhere

    @cached_property
    def _has_outputs(self) -> bool:
        return self.checkpoint.db.execute("SELECT 1 FROM outputs LIMIT 1").fetchone() is not None
