"""What is written down of chunks whose items require entries: what is held now, and what each chunk came to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from parbatch.model.messages import Chunk, ChunkEnded
from parbatch.storage.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

_HELD = "held"
FIGURES = ("items", "entries", "tokens", "bytes", "acquire_s", "duration_s")


class ChunkLog:
    """Notes chunks as they end, and writes them with the outcomes of a group.

    `begun` gives the chunks that workers are at. What is held is what these require: a chunk that ended, or whose
    worker died, is not among them, so nothing can be forgotten.
    """

    def __init__(self, checkpoint: Checkpoint, run_id: str, begun: "Callable[[], Sequence[Chunk]]") -> None:
        self._checkpoint = checkpoint
        self._run_id = run_id
        self._ended: list[tuple[int, ChunkEnded]] = []
        self._written: list[int] = []
        self._begun = begun

    def note(self, slot: int, told: ChunkEnded) -> None:
        """Take what a chunk came to."""
        self._ended.append((slot, told))

    def has_news(self) -> bool:
        """Whether something is to be written."""
        return bool(self._ended) or [chunk.number for chunk in self._begun()] != self._written

    def write(self) -> None:
        """Write it, inside the caller's transaction."""
        begun = self._begun()
        self._written = [chunk.number for chunk in begun]
        set_held(self._checkpoint, references(begun))
        ended, self._ended = self._ended, []
        self._checkpoint._db.executemany(
            "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    self._run_id,
                    told.chunk,
                    slot,
                    told.items,
                    told.entries,
                    told.tokens,
                    told.size,
                    told.acquire_s,
                    told.duration_s,
                    told.ended_at,
                )
                for slot, told in ended
            ],
        )

    def close(self) -> None:
        """Say that no chunk is at work any more."""
        self._begun = lambda: ()


def set_held(checkpoint: Checkpoint, references: dict[str, int]) -> None:
    """Write down how many chunks hold each entry."""
    text = msgspec.json.encode(references).decode()
    checkpoint._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_HELD, text))


def held(checkpoint: Checkpoint) -> dict[str, int]:
    """How many chunks hold each entry, as it was written down last; of a run that is over, this means nothing."""
    row = checkpoint._db.execute("SELECT value FROM facts WHERE key = ?", (_HELD,)).fetchone()
    return msgspec.json.decode(row[0], type=dict[str, int]) if row else {}


def spreads(checkpoint: Checkpoint, run_id: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """How many chunks of a run were written down, and sum, median, 95th percentile and largest of each figure."""
    (count,) = checkpoint._db.execute("SELECT COUNT(*) FROM chunks WHERE run_id = ?", (run_id,)).fetchone()
    return count, {figure: _spread(checkpoint, run_id, figure, count) for figure in FIGURES if count}


def _spread(checkpoint: Checkpoint, run_id: str, figure: str, count: int) -> dict[str, Any]:
    def at(share: float) -> Any:
        """Return the nearest rank: the smallest figure that so large a share of all does not exceed."""
        rank = max(0, -int(-share * count // 1) - 1)
        return checkpoint._db.execute(
            f"SELECT {figure} FROM chunks WHERE run_id = ? ORDER BY {figure} LIMIT 1 OFFSET ?", (run_id, rank)
        ).fetchone()[0]

    (total,) = checkpoint._db.execute(f"SELECT SUM({figure}) FROM chunks WHERE run_id = ?", (run_id,)).fetchone()
    return {"sum": total, "median": at(0.5), "p95": at(0.95), "max": at(1.0)}


def references(chunks: Sequence[Chunk]) -> dict[str, int]:
    """How many of the chunks hold each entry."""
    found: dict[str, int] = {}
    for chunk in chunks:
        for entry in {entry for task in chunk.tasks for entry in task.requires}:
            found[entry] = found.get(entry, 0) + 1
    return found
