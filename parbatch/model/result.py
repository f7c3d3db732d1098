"""The result of a run: one shape for `parbatch.run`, `--json`, `report.json` and the records of runs.

Built by `reports.results`, read in reports and commands. It computes nothing but sums.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from parbatch.model.figures import ChunkFigures, MetricSummary
from parbatch.model.problem import Problem

# `running` and `killed` are found in session records only: a run that came to its end says how.
State = Literal["finished", "interrupted", "stopped", "running", "killed"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is not ok, with the evidence of its last attempt; pending items are not failures.

    `place` is where in the job's own code it came from, as `file:line in function`.

    `duration_s` in seconds, `peak_memory_bytes` the largest resident size seen; log paths start from the output folder.
    An item that is known to fail (alike in two runs, with nothing changed) is not tried again unless it is asked for.
    """

    id: str
    name: str
    group: str
    status: str
    type: str
    message: str
    traceback: str
    place: str
    fingerprint: str
    attempts: int
    duration_s: float | None
    returncode: int | None
    signal: str | None
    peak_memory_bytes: int | None
    stdout_path: str | None
    stderr_path: str | None
    known_to_fail: bool = False


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failures that are one problem: how many, the first of them, and whether the messages of all are the same."""

    fingerprint: str
    count: int
    same_message: bool
    first: tuple[Failure, ...]


class Counts(msgspec.Struct, frozen=True):
    """Items by status, in all and by group."""

    by_status: dict[str, int]
    by_group: dict[str, dict[str, int]]


def sum_of(each: Iterable[Counts]) -> Counts:
    """Return the counts of several lists of items together."""
    by_status: dict[str, int] = {}
    by_group: dict[str, dict[str, int]] = {}
    for one in each:
        _add(by_status, one.by_status)
        for group, counts in one.by_group.items():
            _add(by_group.setdefault(group, {}), counts)
    return Counts(by_status, by_group)


def _add(so_far: dict[str, int], more: Mapping[str, int]) -> None:
    for status, count in more.items():
        so_far[status] = so_far.get(status, 0) + count


class Documents(msgspec.Struct, frozen=True):
    """Items and products of a run that were made with python-docx loaded: with acceleration on, and with it as it is
    (`plain`).

    `why_plain` is the first reason for which acceleration could not be on; empty where it was on, or off as asked for.
    """

    accelerated: int = 0
    plain: int = 0
    why_plain: str = ""

    def __add__(self, other: "Documents") -> "Documents":
        return Documents(
            self.accelerated + other.accelerated, self.plain + other.plain, self.why_plain or other.why_plain
        )

    @property
    def acceleration(self) -> str:
        """`on`, or why not: the environment's entry."""
        if not self.plain:
            return "on" if self.accelerated else "not used: nothing was made with python-docx"
        share = f" for {self.plain:,} of {self.accelerated + self.plain:,}" if self.accelerated else ""
        return f"off{share}: {self.why_plain or 'as asked for (--no-accelerate)'}"

    @property
    def warning(self) -> str:
        """A sentence for people where documents were made without acceleration and nobody asked for that; or empty."""
        if not self.why_plain:
            return ""
        made = f"{self.plain:,} of {self.accelerated + self.plain:,} made with python-docx"
        return f"Not accelerated: {made} as it is, which takes far longer: {self.why_plain}."


class ProductReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the overview, or what was merged, is, relative to the output folder, or why there is none.

    One that is still there from earlier outcomes, and does not tell of those of now, is `out_of_date`.
    """

    path: str | None = None
    error: str | None = None
    traceback: str | None = None
    out_of_date: str | None = None


class WithdrawnOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output that no longer counts: whose it was, its path when it was published, where it is kept, and why.

    Both paths start from the output folder, `path` from `items/` there.
    """

    id: str
    path: str
    kept: str
    why: str


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was withdrawn: how many outputs, into which folders (from the output folder on), why, and the first of them.

    `out_of_date` is how many outputs in `items/` are of items that are not ok: pending ones, and with `keep_stale` all;
    `stale` has the first of them.
    """

    count: int = 0
    path: str | None = None
    by_reason: dict[str, int] = {}
    first: list[WithdrawnOutput] = []
    out_of_date: int = 0
    stale: list[str] = []


def all_withdrawn(each: "Iterable[Withdrawn]", most: int) -> Withdrawn:
    """Return the sum of what was withdrawn in several parts of a folder."""
    parts = [*each]
    by_reason: dict[str, int] = {}
    for part in parts:
        _add(by_reason, part.by_reason)
    paths = sorted({part.path for part in parts if part.path is not None})
    return Withdrawn(
        count=sum(part.count for part in parts),
        path=", ".join(paths) or None,
        by_reason=by_reason,
        first=[one for part in parts for one in part.first][:most],
        out_of_date=sum(part.out_of_date for part in parts),
        stale=[path for part in parts for path in part.stale][:most],
    )


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """A warning that validation had about an item that is ok."""

    id: str
    name: str
    problem: Problem


class Warnings(msgspec.Struct, frozen=True, kw_only=True):
    """Warnings about items that are ok: of how many items, how many in all and by type, and the first of them."""

    items: int = 0
    total: int = 0
    by_type: dict[str, int] = {}
    first: list[Warned] = []


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What the checkpoint keeps of a run's end: why it stopped early, and which products could not be made."""

    stopped_by: str | None = None
    unmade: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: "RunResult") -> "RunEnd":
        """Return the end of a run that has come to this."""
        products = {"overview": result.overview, "merged": result.merged}
        unmade = tuple(name for name, product in products.items() if product is not None and product.error is not None)
        return cls(stopped_by=result.stopped_by, unmade=unmade)


class PhaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one phase of a run came to; `not begun` where the run did not get to it, with the counts from before."""

    name: str
    state: Literal[State, "not begun"]
    total: int
    success: int
    errors: int
    pending: int
    rendered: int = 0
    duration_s: float = 0.0


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run. Times are UTC in ISO 8601; `duration_s` is measured on the monotonic clock.

    `ok` says that all is well: every selected item is ok and all products are made, as where the exit code is 0.
    `success`, `errors` and `pending` add up to `total`; `rendered` were attempted in this run, `kept` were ok before,
    `left_out_by_samples` were left out because the sample of their group is not ok.
    `memory_cap_bytes` is the cap for each worker; None where it is not known. `shard` is the one that was run, such as
    `2/5`; None for a whole. `unread` says that the source was not read to its end, as a limit needed no more of it.
    Of a run in `phases`, the figures are those of all together, and ids and the names of metrics begin with the
    phase's name, as in `lego/ada`. `chunks` is there for jobs with shared entries, or that
    render whole chunks. `documents` counts what was made with python-docx, and `environment["acceleration"]` says
    whether it was accelerated.

    In the record of a run that goes on or was killed, `exit_code`, `finished_at` and `duration_s` are None. While it
    goes on there are no `failures`: those from before can be many, and are in the record of the run before. Of one that
    was killed, what was only counted in its memory is missing: metrics, and how many workers were restarted.
    """

    job: str
    run_id: str
    ok: bool = False
    state: State
    exit_code: int | None
    started_at: str
    finished_at: str | None
    duration_s: float | None
    workers: int
    backend: str
    total: int
    success: int
    errors: int
    pending: int
    rendered: int
    kept: int
    by_status: dict[str, int]
    before: Counts
    after: Counts
    worker_restarts: int
    overview: ProductReport | None
    environment: dict[str, str]
    metrics: dict[str, MetricSummary]
    failures: Sequence[Failure]
    out: str
    stopped_by: str | None = None
    known_to_fail: int = 0
    left_out_by_samples: int = 0
    memory_cap_bytes: int | None = None
    phases: list[PhaseReport] = []
    shard: str | None = None
    unread: bool = False
    merged: ProductReport | None = None
    warnings: Warnings = Warnings()
    chunks: ChunkFigures | None = None
    documents: Documents = Documents()
    withdrawn: Withdrawn = Withdrawn()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "ok", self.exit_code == 0)

    @property
    def only_known_failures_left(self) -> bool:
        """Whether all that is left to do is known to fail."""
        return not self.pending and 0 < self.known_to_fail == self.errors

    @property
    def used_up_its_time(self) -> bool:
        """Whether the run was stopped by its time budget, which a resumption has to raise or do without."""
        return (self.stopped_by or "").startswith("the time budget")

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain dicts, lists, numbers and text."""
        plain: dict[str, Any] = msgspec.to_builtins(self, enc_hook=list)  # failures, where they are not a list
        return plain
