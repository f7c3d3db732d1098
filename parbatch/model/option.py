"""What a run option is, the kinds of options there are, and how their values are read from what is given.

Used by `model.option_table`, which has the options themselves. It knows no job and nothing of click.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as value
from typing import Any

from parbatch.errors import DataError
from parbatch.model.outcome import STATUSES
from parbatch.model.shard import Shard, parse_shard
from parbatch.model.units import parse_duration, parse_size
from parbatch.model.values import chunk_size_of, one_of, positive

# The statuses that a retry can be asked for.
NOT_OK = tuple(status for status in STATUSES if status != "ok")


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One run option.

    `parse` makes the value of what is given under a name, and raises DataError; `default` is the value where nothing
    is given, unless it is `of_the_job`: then the job's attribute of that name is. `field` is where the value is kept,
    in `Options` or `Selection`. On the command line it is typed as `switch`; `metavar`, `choices`, `is_number`,
    `is_flag` and `is_repeatable` say what may follow. `commands` take it there, with the help of `help_in` where that
    has another than `help`. It `needs` and `excludes` options, each with the sentence for whoever disregards that.
    """

    parse: Callable[[Any, str], Any]
    help: str
    name: str = ""
    field: str = ""
    switch: str = ""
    default: Any = None
    of_the_job: bool = False
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    is_number: bool = False
    is_flag: bool = False
    is_repeatable: bool = False
    commands: frozenset[str] = frozenset()
    help_in: Mapping[str, str] = value(default_factory=dict)
    needs: Mapping[str, str] = value(default_factory=dict)
    excludes: Mapping[str, str] = value(default_factory=dict)

    def help_for(self, command: str) -> str:
        """Return the help text of a command that takes it."""
        return self.help_in.get(command, self.help)


# --- how values are read


def as_folder(given: Any, name: str) -> Any:
    """Return the path of a folder."""
    if not isinstance(given, (str, os.PathLike)):
        raise DataError(f"{name}: {given!r} is not the path of a folder.")
    return given


def as_switch(given: Any, name: str) -> bool:
    """Return true or false."""
    if not isinstance(given, bool):
        raise DataError(f"{name}: {given!r} is neither true nor false.")
    return given


def as_count(given: Any, name: str) -> int:
    """Return a whole number from 1."""
    return positive(given, name.replace("_", " "))


def as_size(given: Any, name: str) -> int:
    """Return bytes."""
    return parse_size(given, name.replace("_", " "))


def as_duration(given: Any, name: str) -> float:
    """Return seconds."""
    return parse_duration(given, name.replace("_", " "))


def as_chunk_size(given: Any, _: str) -> int | None:
    """Return a number of items, or None for `auto`."""
    return chunk_size_of(given)


def as_shard(given: Any, _: str) -> Shard:
    """Return a shard."""
    return parse_shard(given)


def as_rerun_code(given: Any, name: str) -> bool:
    """Return true for `code`."""
    if given != "code":
        raise DataError(f"{name}: {given!r} is not known; --rerun code does items of older code again.")
    return True


def as_texts(given: Any, name: str, advice: str = "shell patterns") -> tuple[str, ...]:
    """Return the texts, of which one may be given alone."""
    texts = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"{name}: {text!r} is not text. Give {advice}.")
    return texts


def as_statuses(given: Any, name: str) -> tuple[str, ...]:
    """Return statuses, none of them ok."""
    statuses = as_texts(given, name, "statuses")
    for status in statuses:
        one_of(status, name, NOT_OK)
    return statuses


def as_fingerprints(given: Any, name: str) -> tuple[str, ...]:
    """Return the beginnings of fingerprints."""
    fingerprints = as_texts(given, name, "fingerprints as they are in the report")
    for fingerprint in fingerprints:
        if not re.fullmatch("[0-9a-fA-F]{1,8}", fingerprint):
            raise DataError(f"{name}: {fingerprint!r} is not the beginning of one; the report has them.")
    return tuple(fingerprint.lower() for fingerprint in fingerprints)


# --- kinds of options


def flag(text: str, *, also: str = "", **more: Any) -> Option:
    """Make an option that is there or not."""
    return Option(parse=as_switch, help=text, is_flag=True, **{"default": False, **more}, **_also(also))


def number(text: str, *, also: str = "", **more: Any) -> Option:
    """Make an option that is a whole number from 1."""
    return Option(parse=as_count, help=text, metavar="N", is_number=True, **more, **_also(also))


def text(parse: Callable[[Any, str], Any], metavar: str, text: str, *, also: str = "", **more: Any) -> Option:
    """Make an option that is a text with a form of its own."""
    return Option(parse=parse, help=text, metavar=metavar, **more, **_also(also))


def choice(choices: Iterable[str], text: str, *, also: str = "", **more: Any) -> Option:
    """Make an option that is one of some words."""
    names = tuple(choices)
    parse = more.pop("parse", lambda given, name: one_of(given, name, names))
    return Option(parse=parse, help=text, choices=names, **more, **_also(also))


def patterns(text: str, *, also: str = "", **more: Any) -> Option:
    """Make an option that is one or several shell patterns."""
    return Option(parse=as_texts, help=text, metavar="PATTERN", is_repeatable=True, default=(), **more, **_also(also))


def _also(commands: str) -> dict[str, Any]:
    return {"commands": frozenset(commands.split())}
