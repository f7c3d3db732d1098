"""The options of commands, made from the table of run options.

Used by every command that takes one. Which options there are, and what they are for, is in `model.option_table`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import click

from parbatch.cli.completion import complete_folder
from parbatch.model.option import Option
from parbatch.model.option_table import TABLE, options_of

Command = TypeVar("Command", bound=Callable[..., Any])

_COMPLETIONS = {"out": complete_folder}


def takes_options(name: str, *chosen: str, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Return a decorator that gives a command its run options: all in the table's order, or the chosen ones in theirs.

    Those in `without` are left for another decorator, which puts them elsewhere in the command's help.
    """
    options = [TABLE[one] for one in chosen] or [one for one in options_of(name) if one.name not in without]

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = click_option(option, name)(command)
        return command

    return decorate


def click_option(option: Option, command: str) -> Callable[[Command], Command]:
    """Return an option as click has them. One that is not typed is None, or empty if it can be repeated."""
    more: dict[str, Any] = {}
    if option.is_flag:
        more = {"flag_value": not option.default, "type": bool} if option.default else {"is_flag": True}
        more["default"] = None
    elif option.choices:
        more = {"type": click.Choice(option.choices)}
    elif option.is_number:
        more = {"type": int}
    if option.is_repeatable:
        more["multiple"] = True
    return click.option(
        option.switch,
        option.name,
        metavar=None if option.choices else option.metavar,
        help=option.help_for(command),
        shell_complete=_COMPLETIONS.get(option.name),
        **more,
    )


def as_given(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as typed; one that can be repeated, and was not typed at all, is not given."""
    return {name: None if value == () else value for name, value in typed.items()}


def as_words(given: Mapping[str, Any], *, without: Collection[str] = ()) -> list[str]:
    """Return the given options as the words with which they are typed, in the table's order, but for some."""
    words = []
    for option in TABLE.values():
        value = given.get(option.name)
        if value is None or option.name in without:
            continue
        if option.is_flag:
            words += [option.switch]
        else:
            values = value if option.is_repeatable else [value]
            words += [word for one in values for word in (option.switch, str(one))]
    return words
