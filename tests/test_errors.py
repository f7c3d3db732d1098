"""Each error has the exit code that is documented for its kind."""

import inspect

import pytest

from parbatch import errors
from parbatch.errors import FolderHeldError, NobodyReadsError, NothingRunError, ParbatchError, SetupError

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, ParbatchError) and one is not NobodyReadsError
]


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_run_is_2_a_held_folder_3_and_all_else_1(kind: type[ParbatchError]) -> None:
    expected = 2 if issubclass(kind, NothingRunError) else 3 if issubclass(kind, FolderHeldError) else 1
    assert kind("what happened").exit_code == expected


def test_a_setup_that_failed_counts_as_a_run_until_it_is_known_that_nothing_was() -> None:
    assert issubclass(SetupError, ParbatchError)
    assert not issubclass(SetupError, NothingRunError)
