"""The options of commands are those of the table of run options."""

import click
import pytest

from parbatch.cli import command
from parbatch.cli.options import as_given, as_words
from parbatch.model.option_table import RUN_NAMES, TABLE, options_of

COMMANDS = command.list_commands(None)  # type: ignore[arg-type]


def typed_options(name: str) -> dict[str, click.Option]:
    found = command.get_command(None, name)  # type: ignore[arg-type]
    assert found is not None
    return {one.name or "": one for one in found.params if isinstance(one, click.Option)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_takes_the_options_that_the_table_gives_it(name: str) -> None:
    typed = typed_options(name)
    taken = {option.name: option for option in options_of(name)}
    assert taken.keys() == typed.keys() & TABLE.keys()
    for one, option in taken.items():
        assert typed[one].opts == [option.switch]
        assert typed[one].help == option.help_for(name)
        assert typed[one].multiple == option.is_repeatable


def test_what_nobody_typed_is_not_given() -> None:
    found = command.get_command(None, "run")  # type: ignore[arg-type]
    assert found is not None
    values = as_given(found.make_context("run", []).params)
    assert values == dict.fromkeys({*RUN_NAMES, "job"})


def test_given_options_are_typed_as_they_were() -> None:
    given = {"only": ("a*", "b"), "limit": 3, "retry_failed": True, "exclude": None, "out": "x", "accelerate": False}
    words = as_words(given, without={"out"})
    assert words == ["--retry-failed", "--only", "a*", "--only", "b", "--limit", "3", "--no-accelerate"]
