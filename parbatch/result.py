"""What a run came to: one shape for `parbatch.run`, `--json`, `report.json` and the session records."""

from typing import Any, Literal

import msgspec

from parbatch.model import Problem

State = Literal["finished", "interrupted", "stopped"]


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


class ProductReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the overview, or what was merged, is, relative to the output folder, or why there is none."""

    path: str | None = None
    error: str | None = None
    traceback: str | None = None


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


class MetricSummary(msgspec.Struct, frozen=True):
    """A metric over the items of this run that gave it, and how many gave none."""

    count: int
    sum: float
    max: float
    missing: int


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run. Times are UTC in ISO 8601; `duration_s` is measured on the monotonic clock.

    `success`, `errors` and `pending` add up to `total`; `rendered` were attempted in this run, `kept` were ok before,
    `left_out_by_samples` were left out because the sample of their group is not ok.
    `memory_cap_bytes` is the cap for each worker; None where it is not known.
    """

    job: str
    run_id: str
    state: State
    exit_code: int
    started_at: str
    finished_at: str
    duration_s: float
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
    failures: list[Failure]
    out: str
    stopped_by: str | None = None
    known_to_fail: int = 0
    left_out_by_samples: int = 0
    memory_cap_bytes: int | None = None
    merged: ProductReport | None = None
    warnings: Warnings = Warnings()

    @property
    def only_known_failures_left(self) -> bool:
        """Whether all that is left to do is known to fail."""
        return not self.pending and 0 < self.known_to_fail == self.errors

    @property
    def used_up_its_time(self) -> bool:
        """Whether the run was stopped by its time budget, which a resumption has to raise or do without."""
        return (self.stopped_by or "").startswith("the time budget")

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists, numbers and text."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
