"""Between items, a process is put right, with a line for each thing in the item's log."""

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parbatch.worker.capture import Capture
from parbatch.worker.housekeeping import Housekeeping


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    """The logs of a slot."""
    capture = Capture(str(tmp_path / "slot"))
    yield capture
    capture.close()


def begun(capture: Capture) -> Housekeeping:
    """Housekeeping that has begun, in the test itself, and collects garbage after every second item."""
    housekeeping = Housekeeping(capture, gc_every=2, memory_cap=None)
    housekeeping.begin()
    return housekeeping


def test_a_process_that_was_left_running_is_ended_and_named(capture: Capture, tmp_path: Path) -> None:
    housekeeping = begun(capture)
    with subprocess.Popen(["sleep", "1000"]) as child:
        housekeeping.clean_up()
    assert child.returncode is not None
    assert (tmp_path / "slot.stderr").read_text() == (
        f"parbatch: ended a process that this item left running: sleep 1000 (pid {child.pid})\n"
    )


def test_the_folder_and_the_state_are_what_they_were(
    capture: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeping = begun(capture)
    home = os.getcwd()
    monkeypatch.chdir(tmp_path)
    os.environ["PARBATCH_TEST"] = "1"
    housekeeping.clean_up()
    assert os.getcwd() == home
    assert "PARBATCH_TEST" not in os.environ
    assert "the environment (PARBATCH_TEST)" in (tmp_path / "slot.stderr").read_text()


def test_while_a_function_of_the_whole_chunk_goes_on_all_that_it_has_begun_is_its_own(
    capture: Capture, tmp_path: Path
) -> None:
    housekeeping = begun(capture)
    housekeeping.is_amid_chunk = True
    with subprocess.Popen(["sleep", "1000"]) as child:
        housekeeping.clean_up()
        assert child.poll() is None
        child.kill()
    assert (tmp_path / "slot.stderr").read_text() == ""


def test_garbage_is_collected_after_every_so_many_items(capture: Capture) -> None:
    housekeeping = begun(capture)
    collections: list[str] = []

    def note(phase: str, _: object) -> None:
        collections.append(phase)

    gc.callbacks.append(note)
    gc.disable()  # an item may have done that
    try:
        housekeeping.clean_up()
        assert collections == []
        housekeeping.clean_up()
        assert "start" in collections
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(note)
        gc.enable()
