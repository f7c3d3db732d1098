"""The command that goes on with the one that was typed, as text to be pasted.

Used by `run` and `retry` for their last line, and where they are interrupted. It knows options, and no run.
"""

import shlex
from collections.abc import Collection, Sequence

from parbatch.model.option_table import TABLE
from parbatch.model.selection import Selection

_SELECTING = [option for option in TABLE.values() if option.field in Selection.names()]
# Those that take a value, and those that take none.
_SELECTING_BY = frozenset(option.switch for option in _SELECTING if not option.is_flag)
_SELECTING_FLAGS = frozenset(option.switch for option in _SELECTING if option.is_flag)
_BUDGET = frozenset({"--time-budget"})


def go_on_command(
    typed: Sequence[str],
    *,
    retry_failed: bool = False,
    time_budget: bool = True,
    selection: bool = True,
    shard: str | None = None,
) -> str:
    """Return the command that goes on with what was typed: the same, with --resume in place of --fresh.

    With `retry_failed` it tries what is known to fail as well, for when nothing else is left; without `time_budget`
    it has none, for when that is used up; without `selection` it takes on all that is left. A retry goes on by itself.
    `shard` is put in place of the one that was typed.
    """
    end = typed.index("--") if "--" in typed else len(typed)  # what follows is no option
    dropped = (frozenset() if time_budget else _BUDGET) | (frozenset() if selection else _SELECTING_BY)
    kept = _without(typed[:end], dropped)
    if not selection:
        kept = [word for word in kept if word not in _SELECTING_FLAGS]
    if shard is not None:
        kept = _with_shard(kept, shard)
    if typed[:1] == ["retry"]:
        return shlex.join(["parbatch", *kept, *typed[end:]])
    kept = [word for word in kept if word not in {"--fresh", "--resume", "--retry-failed", "--adopt"}]
    added = ["--resume", "--retry-failed"] if retry_failed else ["--resume"]
    return shlex.join(["parbatch", *kept, *added, *typed[end:]])


def _without(typed: Sequence[str], options: Collection[str]) -> list[str]:
    """Return what was typed, but for these options and their values."""
    return [
        word
        for before, word in zip(["", *typed], typed, strict=False)
        if not {word.partition("=")[0], before} & {*options}
    ]


def _with_shard(typed: Sequence[str], shard: str) -> list[str]:
    return [
        shard if before == "--shard" else f"--shard={shard}" if word.startswith("--shard=") else word
        for before, word in zip(["", *typed], typed, strict=False)
    ]
