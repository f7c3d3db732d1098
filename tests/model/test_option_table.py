"""The table of run options is what all that takes options is made from."""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.errors import DataError
from parbatch.model.job import Job
from parbatch.model.option import Option
from parbatch.model.option_table import RENDER_NAMES, RETRY_NAMES, RUN_NAMES, TABLE, options_of
from parbatch.model.options import Options, read_options
from parbatch.model.selection import Selection
from tests.support import loaded, make_job

# For each option something that can be given, not its default, and what comes of it.
GIVEN: dict[str, tuple[Any, Any]] = {
    "resume": (True, True),
    "fresh": (True, True),
    "rerun": ("code", True),
    "retry_failed": (True, True),
    "status": ("failed", ("failed",)),
    "fingerprint": ("0AF", ("0af",)),
    "include_unfinished_groups": (True, True),
    "workers": (3, 3),
    "chunk_size": (7, 7),
    "only": ("a*", ("a*",)),
    "exclude": (["b"], ("b",)),
    "group": ("north", ("north",)),
    "limit": (5, 5),
    "shard": ("2/5", (2, 5)),
    "sample_groups": (True, True),
    "max_failures": (4, 4),
    "max_same_failure": (6, 6),
    "time_budget": ("8h", 28800.0),
    "keep_stale": (True, True),
    "adopt": (True, True),
    "out": ("letters", Path("letters")),
    "memory": ("512MB", 512 * 1024**2),
    "timeout": ("2m", 120.0),
    "attempts": (2, 2),
    "backend": ("inline", "inline"),
    "progress": ("none", "none"),
    "json": (True, True),
    "accelerate": (False, False),
}
each_option = pytest.mark.parametrize("option", TABLE.values(), ids=TABLE)


def value_of(options: Options, option: Option) -> Any:
    return getattr(options.selection if option.field in Selection.names() else options, option.field)


def given_with_what_it_needs(option: Option) -> dict[str, Any]:
    return {option.name: GIVEN[option.name][0], **dict.fromkeys(option.needs, True)}


@each_option
def test_what_is_given_comes_to_the_code_that_reads_it(option: Option) -> None:
    retry = option.name not in RUN_NAMES
    options = read_options(loaded(make_job([]), Path()), given_with_what_it_needs(option), retry=retry)
    assert value_of(options, option) == GIVEN[option.name][1]
    assert option.name in options.given


@each_option
def test_the_keys_of_a_toml_file_are_those_of_the_table(option: Option) -> None:
    if option.name in RUN_NAMES:
        options = read_options(loaded(make_job([]), Path(), **given_with_what_it_needs(option)), {})
        assert value_of(options, option) == GIVEN[option.name][1]
    else:
        with pytest.raises(DataError, match=f"There is no run option '{option.name}'"):
            read_options(loaded(make_job([]), Path(), **{option.name: GIVEN[option.name][0]}), {})


def test_options_and_selection_have_a_field_for_each_line_and_none_besides() -> None:
    in_options = {field.name for field in dataclasses.fields(Options)} - {"selection", "given"}
    in_selection = Selection.names() - {"exact", "retry"}
    assert {option.field for option in TABLE.values()} == in_options | in_selection


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (parbatch.run, RUN_NAMES),
        (parbatch.stream, RUN_NAMES),
        (parbatch.astream, RUN_NAMES),
        (parbatch.retry, RETRY_NAMES),
        (parbatch.render, RENDER_NAMES),
    ],
)
def test_type_checkers_know_the_options_of_each_call(call: Callable[..., object], names: frozenset[str]) -> None:
    (keywords,) = [one for one in inspect.signature(call).parameters.values() if one.kind is one.VAR_KEYWORD]
    (options,) = typing.get_args(keywords.annotation)
    assert set(typing.get_type_hints(options)) == names


def test_what_is_the_jobs_where_it_is_not_given_is_an_attribute_of_jobs() -> None:
    names = {name for name, option in TABLE.items() if option.of_the_job}
    assert names == {"chunk_size", "memory", "timeout", "attempts"}
    assert all(hasattr(Job("letters"), name) for name in names)


def test_options_exclude_and_need_what_there_is() -> None:
    for option in TABLE.values():
        assert {*option.needs, *option.excludes} <= set(TABLE)
        assert set(option.help_in) <= option.commands


def test_an_option_is_listed_by_the_commands_that_take_it() -> None:
    for command in ("run", "retry", "render", "plan", "overview", "prune"):
        assert {option.name for option in options_of(command)} == {
            name for name, option in TABLE.items() if command in option.commands
        }
