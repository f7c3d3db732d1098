"""When a run stops handing out work: after too many failures, too many alike in a row, or at a point in time.

The engine makes the rules of a run out of its options; the scheduler tells them how attempts end, and asks whether to
stop. They know neither slots nor workers, and have no clock of their own.
"""

from parbatch.model.units import counted


class StopRules:
    """The reason to stop, `reason`, once there is one; the first stays.

    `max_failures` is the number of items that may settle as not ok, `failures_before` counted; `max_same_failure` that
    of attempts in a row, in the order in which they end, that fail with the same fingerprint; `stop_at` is when the
    time budget is used up, on the dispatcher's clock.
    """

    def __init__(
        self,
        *,
        max_failures: int | None = None,
        failures_before: int = 0,
        max_same_failure: int | None = None,
        stop_at: float | None = None,
    ) -> None:
        self._max_failures = max_failures
        self._max_same_failure = max_same_failure
        self._stop_at = stop_at
        self._failures = failures_before
        self._alike = 0
        self._last_fingerprint = ""
        self._last_chunk = 0
        self.reason: str | None = None
        self._check_failures()

    @property
    def deadline(self) -> float | None:
        """Return when the time budget will be used up, if that would stop the run."""
        return self._stop_at if self.reason is None else None

    def stop(self, reason: str) -> None:
        """Stop for a reason from outside."""
        self.reason = self.reason or reason

    def check_time(self, now: float) -> None:
        """Stop if the time budget is used up."""
        if self._stop_at is not None and now >= self._stop_at:
            self.stop("the time budget is used up")

    def count_ok(self) -> None:
        """Note an attempt that ended ok: the next failure is the first of its row."""
        self._alike = 0

    def count_failed(self, fingerprint: str, chunk: int, *, had_company: bool) -> None:
        """Note an attempt that did not end ok.

        Failures alike in a row speak of a broken environment, not of so many broken items. What several items of a
        chunk that were in flight together fail for is one failure.
        """
        if had_company and chunk == self._last_chunk and fingerprint == self._last_fingerprint:
            return
        self._last_chunk = chunk
        self._alike = self._alike + 1 if fingerprint == self._last_fingerprint else 1
        self._last_fingerprint = fingerprint
        if self._max_same_failure is not None and self._alike >= self._max_same_failure:
            in_a_row = counted(self._alike, "attempt")
            self.stop(f"{in_a_row} in a row failed alike (--max-same-failure {self._max_same_failure})")

    def count_settled(self) -> None:
        """Note an item that has settled as not ok."""
        self._failures += 1
        self._check_failures()

    def _check_failures(self) -> None:
        if self._max_failures is not None and self._failures >= self._max_failures:
            limit = counted(self._max_failures, "failure")
            self.stop(f"the limit of {limit} was reached (--max-failures {self._max_failures})")
