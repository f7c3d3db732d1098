"""One contract for every backend: what is sent, what is heard, what is left behind."""

from collections.abc import Iterator
from pathlib import Path

import docx
import msgspec
import pytest

from parbatch.dispatch.backends.base import start
from parbatch.errors import DataError
from parbatch.model.loading import load
from parbatch.model.messages import Began, Chunk, Ended, Loading, NotReady, Ready, Returned, Stop
from parbatch.model.values import BACKENDS
from parbatch.worker.settings import WorkerSettings
from tests.dispatch.backends.talk import CHUNKED, JOB, Talk, talking
from tests.support import task, write_job


@pytest.fixture(params=sorted(BACKENDS))
def backend_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(backend_name: str, tmp_path: Path) -> Iterator[Talk]:
    with talking(backend_name, tmp_path) as made:
        yield made


@pytest.fixture
def talking_of_chunks(backend_name: str, tmp_path: Path) -> Iterator[Talk]:
    with talking(backend_name, tmp_path, CHUNKED) as made:
        yield made


def test_a_chunk_is_answered_by_its_beginning_and_the_end_of_each_item_in_order(talk: Talk) -> None:
    talk.ends("a", "b", "c")
    kinds = [type(message) for message in talk.heard if not isinstance(message, Loading)]
    assert kinds == [Ready, Began, Ended, Ended, Ended]
    assert [message.position for message in talk.heard if isinstance(message, Ended)] == [0, 1, 2]


def test_an_item_that_ends_ok_leaves_its_files_result_and_words(talk: Talk) -> None:
    ended = talk.ends("a", number=2)["a"]
    assert (ended.status, ended.number, ended.evidence) == ("ok", 2, None)
    assert msgspec.json.decode(ended.result) == {"id": "a", "number": 2}
    assert [output.path for output in ended.outputs] == ["a.txt"]
    assert (talk.tmp / "0.2" / "a.txt").read_text() == "Dear a, 2"
    assert ended.logs == ("stdout",)
    assert (talk.tmp / "0.2.stdout").read_text() == "hello from a\n"
    assert ended.duration_s >= 0
    assert ended.peak_memory_bytes > 0


def test_whatever_one_item_does_its_neighbours_end_as_themselves(talk: Talk) -> None:
    ended = talk.ends("a", "raises", "exits", "lambda", "metric", "b")
    assert {name: one.status for name, one in ended.items()} == {
        "a": "ok", "raises": "failed", "exits": "failed", "lambda": "failed", "metric": "ok", "b": "ok",
    }  # fmt: skip
    assert ended["metric"].metrics == {"pages": 3}
    assert ended["b"].metrics == {}
    causes = {name: one.evidence for name, one in ended.items() if one.evidence is not None}
    assert (causes["raises"].type, causes["raises"].message) == ("ValueError", "no such city")
    assert causes["raises"].place == "job.py:one"
    assert "parbatch/worker/attempt.py" not in causes["raises"].traceback
    assert "sys.exit(3)" in causes["exits"].message
    assert "the returned value is of type function" in causes["lambda"].message


def test_a_failed_attempt_leaves_words_but_no_files(talk: Talk) -> None:
    ended = talk.ends("raises")["raises"]
    assert ended.outputs == ()
    assert not (talk.tmp / "0.1").exists()
    words = (talk.tmp / "0.1.stderr").read_text()
    assert words.startswith("before it went wrong\nTraceback")
    assert words.endswith("ValueError: no such city\n"), "the traceback is in the item's own log"


def test_each_item_starts_in_the_folder_in_which_the_run_was_started(talk: Talk) -> None:
    ended = talk.ends("moves", "where")
    assert msgspec.json.decode(ended["where"].result) != "/"


def test_a_stop_is_answered_by_what_was_not_begun_being_put_down(talk: Talk) -> None:
    talk.ends("a")
    talk.backend.send(0, Stop())
    talk.until(lambda message: isinstance(message, Returned))
    assert talk.ends("b")["b"].status == "ok"  # it waits, and can be given more


def test_a_setup_that_fails_is_said_once_and_before_any_item(backend_name: str, tmp_path: Path) -> None:
    text = JOB.replace('return {"greeting": "Dear"}', 'raise OSError("no greeting")')
    with talking(backend_name, tmp_path, text) as talk:
        talk.backend.send(0, Chunk(1, [task(0, item_id="a")]))
        said = talk.until(lambda message: isinstance(message, NotReady))[-1]
        assert isinstance(said, NotReady)
        assert (said.evidence.type, said.evidence.message) == ("OSError", "no greeting")
        assert "job.py" in said.evidence.traceback


def test_waiting_ends_when_somebody_wakes_the_backend(talk: Talk) -> None:
    talk.backend.wake()
    assert talk.backend.wait(30) == []


def test_sizes_are_those_of_the_slots_there_are(talk: Talk) -> None:
    talk.ends("a")
    assert set(talk.backend.sizes()) <= {0}


def test_a_backend_that_there_is_not_is_named(tmp_path: Path) -> None:
    settings = WorkerSettings(load(str(write_job(tmp_path / "job.py"))).ref, "", "", "", None)
    with pytest.raises(DataError, match=r"backend: 'threads' is not one of loky, inline\."):
        start("threads", settings, "mark", 1)


def test_a_function_that_is_broken_off_ends_before_its_items_do(talking_of_chunks: Talk, tmp_path: Path) -> None:
    """What it prints then is theirs, and nobody else's."""
    ended = talking_of_chunks.ends("a", "strange", "b")
    assert [ended[item].status for item in ("a", "strange", "b")] == ["ok", "failed", "failed"]
    assert "stdout" in ended["b"].logs
    (printed,) = (tmp_path / "tmp").glob("2.1.stdout")
    assert printed.read_text() == "the end\n"


def test_templates_of_a_whole_chunk_are_told_of(talking_of_chunks: Talk, tmp_path: Path) -> None:
    docx.Document().save(str(tmp_path / "letter.docx"))
    ended = talking_of_chunks.ends("a", "template", "b")
    assert [path for one in ended.values() for path in one.templates] == [str(tmp_path / "letter.docx")]
