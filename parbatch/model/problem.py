"""Values for what is wrong with an attempt: problems found by validation, evidence of a failure, feedback for a retry.

Made in workers and in the parent; the checkpoint and the reports keep them. They know neither items nor attempts.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

# What stands for no value where JSON text is kept.
NO_DATA = msgspec.Raw(b"null")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What validation found wrong with an attempt.

    `type` is a short name that problems of one kind share; `where` says where in the output; `suggestion` what to do.
    `severity` is `error`, which makes the attempt `invalid`, or `warning`, which is published, counted and reported.
    """

    type: str
    message: str
    where: str = ""
    suggestion: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        return f"{self.type}: {self.message}{where}"


class Feedback(msgspec.Struct, frozen=True):
    """What was wrong with the attempt before, and what it returned. Empty, and false, on the first attempt.

    It iterates over its problems. An attempt that did not come to be validated has one: why it failed.
    """

    problems: tuple[Problem, ...] = ()
    result: Any = None

    def __bool__(self) -> bool:
        return bool(self.problems)

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt did not end ok; `place` is the innermost function of the job's own code, as `file:function`."""

    type: str
    message: str
    traceback: str = ""
    place: str = ""
    line: int = 0
    returncode: int | None = None
    signal: str | None = None
    problems: tuple[Problem, ...] = ()


def feedback_after(evidence: Evidence, result: msgspec.Raw) -> msgspec.Raw:
    """Return the feedback on an attempt that was not ok, as JSON: the problems found, else why it failed."""
    problems = evidence.problems or (Problem(evidence.type, evidence.message),)
    return msgspec.Raw(msgspec.json.encode({"problems": problems, "result": result}))
