"""How a folder stands: what the last run came to or is at, the counts, the failures. Read only, also during a run."""

from typing import Literal

import msgspec

from parbatch.model.result import Counts, FailureGroup, Withdrawn, all_withdrawn
from parbatch.reports.failure_groups import group_failures
from parbatch.reports.results import counts
from parbatch.storage.folder import Folder
from parbatch.storage.layout import Layout, Part, require_layout
from parbatch.storage.lock import holder
from parbatch.storage.parts import marks
from parbatch.storage.product_records import made_before
from parbatch.storage.tree import is_safe_path
from parbatch.storage.view import View, open_view, view_of
from parbatch.storage.withdrawals import MOST_NAMED

# `running`: by the holder; `busy`: somebody holds the folder and is not, or not yet, rendering; `killed`: the last run
# did not write down its end, and nobody holds the folder; `not begun`: planned, but never run; else as the run ended.
RunState = Literal["running", "busy", "killed", "finished", "interrupted", "stopped", "not begun"]
GOING_ON = frozenset({"running", "busy"})
_MOST_TELLING: tuple[RunState, ...] = (
    "running", "busy", "killed", "interrupted", "stopped", "not begun", "finished",
)  # fmt: skip


class HeldBy(msgspec.Struct, frozen=True):
    """The process that holds the folder."""

    pid: int
    host: str
    started_at: str


class Held(msgspec.Struct, frozen=True):
    """The shared entries that workers hold now: how many chunks hold each, by id, and the bytes of all."""

    references: dict[str, int]
    bytes: int


NOTHING_HELD = Held({}, 0)


class ShardStatus(msgspec.Struct, frozen=True):
    """How one shard stands. The items of one that is not begun are not counted yet."""

    shard: str
    state: RunState
    total: int = 0
    success: int = 0
    errors: int = 0
    pending: int = 0


class FolderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder stands. `success`, `errors` and `pending` add up to `total`; the largest group of failures first.

    `known_to_fail` of the errors are tried again only on request. In a folder that is run in shards, all counts are of
    the shards that have begun, and the state is what matters most: running before killed, finished when all are.
    `causes` are the failures by fingerprint. `phases` has the items by status of each phase, in order; none of one that
    has not begun. `unmade` names what the last run could not make of all outcomes: `overview`, `merged`; `older`
    are those that are there from earlier outcomes. `withdrawn` is what all runs have withdrawn. `stopped_by` says why
    the last run stopped early. `unread` says that the source was not read to its end, as a limit needed no more of it.
    """

    out: str
    state: RunState
    run_id: str | None
    held_by: HeldBy | None
    total: int
    success: int
    errors: int
    pending: int
    known_to_fail: int
    counts: Counts
    causes: list[FailureGroup]
    phases: dict[str, dict[str, int]] = {}
    held: Held = NOTHING_HELD
    unmade: list[str] = []
    older: list[str] = []
    withdrawn: Withdrawn = Withdrawn()
    stopped_by: str | None = None
    unread: bool = False
    shards: list[ShardStatus] = []


def look(folder: Folder) -> FolderStatus:
    """Return how the folder stands at this moment, or all of its shards together.

    Raises FolderError when nothing was run there, or in other shards, and as `reading` does.
    """
    layout = require_layout(folder)
    if layout.is_split:
        return _look_at_all(layout)
    busy = _held_by(folder)  # looked at before the checkpoint: a run that ends in between has not been killed
    with view_of(folder) as view:
        last, now = view.last_run(), _of_view(view, layout)
    if busy is None and last is not None and last[1] == "running":
        busy = _held_by(folder)  # nor has one that has just begun
    state = _state(last, held=busy is not None)
    in_use = now.held if state == "running" else NOTHING_HELD  # nothing outlives a run
    return msgspec.structs.replace(now, state=state, held_by=busy, held=in_use, out=str(folder.root))


def _of_view(view: View, layout: Layout) -> FolderStatus:
    """Return what a view tells of a folder, but for who holds it."""
    last, now, end = view.last_run(), counts(view), view.end_of_last_run()
    total, success, pending = sum(now.by_status.values()), now.by_status["ok"], now.by_status["pending"]
    return FolderStatus(
        out=str(view.root.root),
        state="not begun",
        run_id=last[0] if last else None,
        held_by=None,
        total=total,
        success=success,
        errors=total - success - pending,
        pending=pending,
        known_to_fail=view.known_to_fail(),
        counts=now,
        causes=group_failures(view.failures()),
        phases=_phases(layout, view),
        unmade=[*end.unmade],
        older=view.older_products(),
        withdrawn=view.withdrawn(all_ok=success == total),
        stopped_by=end.stopped_by,
        unread=view.unread,
        held=Held(*view.held()),
    )


def _older_of_all(layout: Layout) -> list[str]:
    """Return the products of all shards together that are of earlier outcomes."""
    folder = layout.root
    made = made_before(folder)
    is_current = made.marks == marks(layout)
    # Of what could not be made anew, that of before is still there.
    failed = {product for product, report in made.products.items() if report.error is not None}
    older = {product: outputs for product, outputs in made.outputs.items() if product in failed or not is_current}
    published = sorted(output.path for outputs in older.values() for output in outputs)
    return [path for path in published if is_safe_path(path) and folder.tree.state(folder.root / path) is not None]


def _phases(layout: Layout, view: View) -> dict[str, dict[str, int]]:
    """Return the items of each phase by status, at the same moment as those of all together."""
    if not all(part.prefix for part in layout.parts):
        return {}
    found = {name: by_status if any(by_status.values()) else {} for name, by_status in view.counts_by_part().items()}
    return {part.name: found.get(part.name, {}) for part in layout.parts}


def _look_at_all(layout: Layout) -> FolderStatus:
    """Return how all shards stand together, each as it is when its turn comes."""
    folder, parts = layout.root, layout.parts
    standings = [look(part.folder) if part.folder.has_checkpoint else None for part in parts]
    begun = [one for one in standings if one is not None]
    with open_view(layout.begun(), layout.root) as view:
        now, causes = counts(view), group_failures(view.failures())
    newest = max(begun, key=lambda one: one.run_id or "", default=None)
    states: list[RunState] = [_state_of_shard(part, one) for part, one in zip(parts, standings, strict=True)]
    return FolderStatus(
        out=str(folder.root),
        state=min(states, key=_MOST_TELLING.index),
        run_id=newest.run_id if newest else None,
        held_by=_held_by(folder),
        total=sum(one.total for one in begun),
        success=sum(one.success for one in begun),
        errors=sum(one.errors for one in begun),
        pending=sum(one.pending for one in begun),
        known_to_fail=sum(one.known_to_fail for one in begun),
        counts=now,
        causes=causes,
        unread=any(one.unread for one in begun),
        older=_older_of_all(layout),
        withdrawn=all_withdrawn((one.withdrawn for one in begun), MOST_NAMED),
        shards=[
            ShardStatus(part.name, state, one.total, one.success, one.errors, one.pending)
            if one is not None
            else ShardStatus(part.name, state)
            for part, state, one in zip(parts, states, standings, strict=True)
        ],
    )


def _state_of_shard(part: Part, standing: FolderStatus | None) -> RunState:
    if standing is not None:
        return standing.state
    return "busy" if holder(part.folder) is not None else "not begun"


def _held_by(folder: Folder) -> HeldBy | None:
    found = holder(folder)
    return HeldBy(*found) if found else None


def _state(last: tuple[str, str] | None, *, held: bool) -> RunState:
    state = last[1] if last else "not begun"
    if state == "running":
        return "running" if held else "killed"
    return "busy" if held else state  # type: ignore[return-value]
