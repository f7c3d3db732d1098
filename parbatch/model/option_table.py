"""The table of run options: a line for each, with its type, how it is read, its default, its help, and who takes it.

The line of an option is a key in one of four typed dicts: `RenderOptions` for commands that render at all,
`BatchOptions` for those that render many items, `RunOptions` and `RetryOptions` for one command. What is made of the
lines: the options of the command line (`cli.options`), the keys of `parbatch.toml` and how values are checked
(`model.options`), the keywords of `parbatch.run`, `retry`, `render`, `stream` and `astream` as type checkers see them.

A new option is a line here, and the field of `Options` or `Selection` from which code reads its value. This module
knows no job, no file and nothing of click.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypedDict

from parbatch.model.option import (
    NOT_OK,
    Option,
    as_chunk_size,
    as_duration,
    as_fingerprints,
    as_folder,
    as_rerun_code,
    as_shard,
    as_size,
    as_statuses,
    choice,
    flag,
    number,
    patterns,
    text,
)
from parbatch.model.values import BACKENDS, MODES

_LOOKING = "plan status list show overview report prune"  # what renders no item, but takes --out
_THIS_SHARD = "Only this shard, such as 2/5.  [default: all]"

_RETRY_FAILED_NEEDS = (
    "--retry-failed goes with --resume: give both to try what is known to fail as well. Without them a run does every"
    " item anyway."
)

Patterns = str | Sequence[str]


class RenderOptions(TypedDict, total=False):
    """Options of `parbatch.render`, and of every call that renders: sizes, times and places, of the job if not given.

    `memory` is bytes or a size such as `"512MB"`, `timeout` seconds or a duration such as `"2m"`. None is as if an
    option were not given.
    """

    out: Annotated[
        str | os.PathLike[str] | None,
        text(as_folder, "DIR", "The output folder.  [default: outputs/<job name>]", also=_LOOKING),
    ]
    memory: Annotated[
        str | int | None,
        text(
            as_size,
            "SIZE",
            "Cap for each worker with the processes it starts, such as 512MB."
            "  [default: the job's; else 80 % of the memory, shared among the workers]",
            of_the_job=True,
            also="overview",
            help_in={"overview": "Cap for its worker, such as 512MB.  [default: the job's]"},
        ),
    ]
    timeout: Annotated[
        str | float | None,
        text(
            as_duration,
            "SECONDS",
            "Time for one attempt, for setup, baseline, merge and overview, such as 90 or 2m.  [default: the job's]",
            of_the_job=True,
            also="overview",
            help_in={"overview": "Time for it, such as 90 or 2m.  [default: the job's]"},
        ),
    ]
    attempts: Annotated[
        int | None,
        number(
            "Tries at an item; a crash is always tried once more."
            "  [default: the job's, else 1, or 3 where it validates]",
            of_the_job=True,
        ),
    ]
    backend: Annotated[
        str | None,  # not only these words: which one is often a setting of the program that calls
        choice(
            BACKENDS,
            "loky: worker processes; inline: this process, for debugging.  [default: loky]",
            default="loky",
            also="overview",
            help_in={"overview": "As for a run.  [default: loky]"},
        ),
    ]
    progress: Annotated[
        Literal["auto", "bar", "lines", "none"] | None,
        choice(
            MODES,
            "auto: a bar on a terminal, else a line an item, and after the first 1,000 a line in ten seconds;"
            " none: only the summary.  [default: auto]",
            default="auto",
        ),
    ]
    json: Annotated[bool | None, flag("The result on standard output as JSON, all else on standard error.")]
    accelerate: Annotated[
        bool | None,
        flag("Use python-docx as it is, without the faster equivalents.", switch="--no-accelerate", default=True),
    ]


class BatchOptions(RenderOptions, total=False):
    """Options of `parbatch.run` and `parbatch.retry`: which items, how many at once, and when to stop."""

    workers: Annotated[int | None, number("Worker processes.  [default: the CPUs this process may use]")]
    chunk_size: Annotated[
        int | str | None,
        text(
            as_chunk_size,
            "N|auto",
            "Items a worker is handed at once; auto aims at about a second of work.  [default: the job's, else auto]",
            of_the_job=True,
        ),
    ]
    only: Annotated[Patterns | None, patterns("Items by id or name; shell patterns; repeatable.", also="plan list")]
    exclude: Annotated[Patterns | None, patterns("But not these items, by id or name; repeatable.", also="plan")]
    group: Annotated[
        Patterns | None, patterns("Items of groups; shell patterns; repeatable.", field="groups", also="plan list")
    ]
    limit: Annotated[
        int | None,
        number(
            "At most N items this time; the source is read not much further.",
            also="plan list",
            help_in=dict.fromkeys(("plan", "list"), "At most N items."),
        ),
    ]
    shard: Annotated[
        str | None,
        text(
            as_shard,
            "N/M",
            "One of M fixed parts of the items, such as 2/5; each can run on a machine of its own.",
            also="plan status list show report prune",
            help_in=dict.fromkeys(("status", "list", "show", "report", "prune"), _THIS_SHARD),
        ),
    ]
    sample_groups: Annotated[
        bool | None, flag("Try one item of each group first, and go on with the groups where it ended ok.")
    ]
    max_failures: Annotated[int | None, number("Stop handing out items after N failures.")]
    max_same_failure: Annotated[
        int | None, number("Stop handing out items after N attempts in a row have failed alike.")
    ]
    time_budget: Annotated[
        str | float | None,
        text(
            as_duration,
            "DURATION",
            "Stop handing out items after that time, such as 8h; it counts over a run and its resumptions.",
        ),
    ]
    keep_stale: Annotated[
        bool | None,
        flag(
            "Leave older outputs of items that end not ok in items/, marked in the report."
            "  [default: they are moved to run/withdrawn]"
        ),
    ]
    adopt: Annotated[bool | None, flag("Take over a folder that another job made.")]


class RunOptions(BatchOptions, total=False):
    """Options of `parbatch.run`, `parbatch.stream` and `parbatch.astream`: the long names of `parbatch run`."""

    resume: Annotated[
        bool | None,
        flag(
            "Go on from the checkpoint in the output folder.",
            excludes={"fresh": "--resume and --fresh contradict each other: go on from the checkpoint, or start over."},
        ),
    ]
    fresh: Annotated[bool | None, flag("Start over; an output is replaced when its new one is ready.")]
    rerun: Annotated[
        Literal["code"] | None,
        choice(
            ["code"],
            "With --resume: do items again that older code made.",
            parse=as_rerun_code,
            field="rerun_code",
            default=False,
            also="plan",
            help_in={"plan": "As for a run: items again that older code made."},
            needs={"resume": "--rerun goes with --resume; --fresh does every item again anyway."},
        ),
    ]
    retry_failed: Annotated[
        bool | None,
        flag(
            "With --resume: try what is known to fail as well.",
            also="plan",
            help_in={"plan": "As for a run: what is known to fail as well."},
            needs={"resume": _RETRY_FAILED_NEEDS},
        ),
    ]


class RetryOptions(BatchOptions, total=False):
    """Options of `parbatch.retry`: the long names of `parbatch retry`."""

    status: Annotated[
        Patterns | None,
        choice(
            NOT_OK,
            "Items with this status; repeatable.",
            parse=as_statuses,
            field="statuses",
            default=(),
            is_repeatable=True,
        ),
    ]
    fingerprint: Annotated[
        Patterns | None,
        text(
            as_fingerprints,
            "HEX",
            "Items whose failure has this fingerprint, or one that begins so; repeatable.",
            field="fingerprints",
            default=(),
            is_repeatable=True,
        ),
    ]
    include_unfinished_groups: Annotated[
        bool | None, flag("Items of groups with pending items, too.", field="unfinished_groups")
    ]


# The typed dicts, each after what it builds on, and the commands that take all of its own options.
_GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (RenderOptions, ("run", "retry", "render")),
    (BatchOptions, ("run", "retry")),
    (RetryOptions, ("retry",)),
    (RunOptions, ("run",)),
)
# What Python code may give but nobody types.
_UNTYPED = {("render", "accelerate")}


def _table() -> dict[str, Option]:
    """Collect the options from the typed dicts, what one command alone takes first."""
    table: dict[str, Option] = {}
    for group, takers in _GROUPS:
        own = {name: hint.__metadata__[0] for name, hint in group.__annotations__.items() if name not in table}
        named = {name: _named(option, name, takers) for name, option in own.items()}
        table = named | table
    return table


def _named(option: Option, name: str, takers: tuple[str, ...]) -> Option:
    return replace(
        option,
        name=name,
        field=option.field or name,
        switch=option.switch or f"--{name.replace('_', '-')}",
        commands=option.commands.union(command for command in takers if (command, name) not in _UNTYPED),
    )


TABLE = _table()
RUN_NAMES = frozenset(RunOptions.__annotations__)
RETRY_NAMES = frozenset(RetryOptions.__annotations__)
RENDER_NAMES = frozenset(RenderOptions.__annotations__)


def options_of(command: str) -> list[Option]:
    """Return the options that a command takes, in the order in which it lists them."""
    return [option for option in TABLE.values() if command in option.commands]
