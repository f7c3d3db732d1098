"""What is the same for a whole run, however many parts it has: its id, options, clock, limits, and whom it tells.

Made once a run by `api`, and handed down. It knows neither folders nor checkpoints: those are a part's own.
"""

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from parbatch.engine.control import RunControl
from parbatch.engine.reporter import Reporter
from parbatch.model.options import Options
from parbatch.model.units import format_duration


def new_run_id() -> str:
    """Return the name of a run that begins now; they are in order of time, within a second too."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond >> 8:03x}{uuid.uuid4().hex[:3]}"


@dataclass
class Budget:
    """What all parts together may use up, and have: seconds of rendering, over resumptions too, and failures."""

    limit_s: float | None = None
    spent_s: float = 0.0
    failures: int = 0

    @property
    def used_up(self) -> str | None:
        """Say in words that the time was used up before, where that is so."""
        if self.limit_s is None or self.spent_s < self.limit_s:
            return None
        limit, spent = format_duration(self.limit_s), format_duration(self.spent_s)
        return f"the time budget of {limit} was used up before ({spent})"

    def stop_at(self, began: float) -> float | None:
        """Return when rendering that began then has used up the rest, on the same clock; None without a limit."""
        return None if self.limit_s is None else began + self.limit_s - self.spent_s


@dataclass
class RunSession:
    """A run: what was asked for, since when it goes on, and what ends it, limits it and hears of it."""

    options: Options
    reporter: Reporter
    control: RunControl = field(default_factory=RunControl)
    budget: Budget = field(default_factory=Budget)
    run_id: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
