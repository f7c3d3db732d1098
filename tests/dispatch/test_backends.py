"""One contract for every backend: what is sent, what is heard, what is left behind."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docx
import msgspec
import pytest

from parbatch.dispatch.backends.base import Backend, Died, start
from parbatch.errors import DataError
from parbatch.model.loading import load
from parbatch.model.messages import Began, Chunk, Ended, Loading, Message, NotReady, Ready, Returned, Stop
from parbatch.model.options import BACKENDS
from parbatch.worker.settings import Settings
from tests.support import task, write_job

JOB = """
import os, sys
from parbatch import Job

job = Job("contract")
job.items(lambda: [])


@job.setup
def load():
    print("words of the setup")
    return {"greeting": "Dear"}


@job.render
def one(item, ctx):
    what = item.id
    if what == "raises":
        print("before it went wrong", file=sys.stderr)
        (ctx.dir / "half.txt").write_text("half")
        raise ValueError("no such city")
    if what == "exits":
        sys.exit(3)
    if what == "lambda":
        return lambda: None
    if what == "moves":
        os.chdir("/")
    if what == "where":
        return os.getcwd()
    if what == "metric":
        ctx.metric("pages", 3)
    if what == "sleeps":
        while True:
            pass
    print("hello from", what)
    (ctx.dir / f"{what}.txt").write_text(f"{ctx.shared['greeting']} {what}, {ctx.number}")
    return {"id": what, "number": ctx.number}
"""

Heard = Message | Died


@pytest.fixture(params=sorted(BACKENDS))
def backend_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Talk:
    """A backend of one slot, and all that it has said."""

    def __init__(self, backend: Backend, tmp: Path) -> None:
        self.backend = backend
        self.tmp = tmp
        self.heard: list[Heard] = []

    def until(self, done: Callable[[Heard], bool]) -> list[Heard]:
        """What is heard up to the message that a test waits for."""
        first = len(self.heard)
        while not any(done(message) for message in self.heard[first:]):
            self.heard += [message for _, message in self.backend.wait(30)]
        return self.heard[first:]

    def ends(self, *ids: str, number: int = 1) -> dict[str, Ended]:
        """How attempts at these items end, handed over as one chunk."""
        tasks = [task(position, item_id=item_id, number=number) for position, item_id in enumerate(ids)]
        self.backend.send(0, Chunk(1, tasks))
        found: dict[str, Ended] = {}
        while len(found) < len(tasks):
            for message in self.until(lambda message: isinstance(message, Ended)):
                if isinstance(message, Ended):
                    found[tasks[message.position].id] = message
        return found


@contextlib.contextmanager
def talking(name: str, root: Path, text: str = JOB, **more: object) -> Iterator[Talk]:
    job = write_job(root / "job.py", text)
    tmp = root / "tmp"
    tmp.mkdir()
    settings = Settings(load(str(job)).ref, str(root), str(tmp), f"{tmp}/slot-", memory_cap=None)
    backend = start(name, msgspec.structs.replace(settings, **more), f"test-{uuid.uuid4().hex}", 1)
    try:
        yield Talk(backend, tmp)
    finally:
        backend.close(at_once=True)


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
    settings = Settings(load(str(write_job(tmp_path / "job.py"))).ref, "", "", "", None)
    with pytest.raises(DataError, match=r"backend: 'threads' is not one of loky, inline\."):
        start("threads", settings, "mark", 1)


def test_inline_ends_python_code_that_takes_too_long(tmp_path: Path) -> None:
    with talking("inline", tmp_path, timeout=0.5) as talk:
        ended = talk.ends("sleeps", "a")
    assert (ended["sleeps"].status, ended["a"].status) == ("timeout", "ok")
    assert ended["sleeps"].evidence is not None
    told = ended["sleeps"].evidence
    assert (told.type, told.message) == ("TimeoutError", "the attempt took longer than 0.5 s")


CHUNKED = """
import time
from parbatch import Job

job = Job("chunked")
job.items(lambda: [])


@job.render_chunk
def all_of_them(items, ctx):
    try:
        for item in items:
            if item.id == "slow":
                while True:
                    pass
            if item.id == "template":
                ctx.document("letter.docx")
            yield ("nobody" if item.id == "strange" else item.id), item.id
            end = time.monotonic() + 0.2
            while time.monotonic() < end:
                pass
    finally:
        print("the end")
"""


def test_inline_bounds_a_whole_chunk_by_its_time(tmp_path: Path) -> None:
    with talking("inline", tmp_path, CHUNKED, timeout=0.5) as talk:
        statuses = [one.status for one in talk.ends(*"abcdefgh").values()]
        assert set(statuses) <= {"ok", "timeout"}
        assert statuses[-1] == "timeout", "together they take longer, and none by itself does"
        assert statuses == sorted(statuses), "those that have their results by then keep them"
        assert talk.ends("x")["x"].status == "ok"


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


def test_a_loky_worker_that_is_ended_is_told_of_and_its_slot_filled_again(tmp_path: Path) -> None:
    with talking("loky", tmp_path) as talk:
        talk.ends("a")
        talk.backend.end(0)
        (died,) = talk.until(lambda message: isinstance(message, Died))
        assert died == Died(-9)
        assert talk.ends("b")["b"].status == "ok"
