"""What only workers in processes of their own have to show: they can be ended, and replaced."""

from pathlib import Path

from parbatch.dispatch.backends.base import Died
from tests.dispatch.backends.talk import talking


def test_a_loky_worker_that_is_ended_is_told_of_and_its_slot_filled_again(tmp_path: Path) -> None:
    with talking("loky", tmp_path) as talk:
        talk.ends("a")
        talk.backend.end(0)
        (died,) = talk.until(lambda message: isinstance(message, Died))
        assert died == Died(-9)
        assert talk.ends("b")["b"].status == "ok"
