"""What only attempts in this process have to show: their time is bounded without a second process."""

from pathlib import Path

from tests.dispatch.backends.talk import CHUNKED, talking


def test_inline_ends_python_code_that_takes_too_long(tmp_path: Path) -> None:
    with talking("inline", tmp_path, timeout=0.5) as talk:
        ended = talk.ends("sleeps", "a")
    assert (ended["sleeps"].status, ended["a"].status) == ("timeout", "ok")
    assert ended["sleeps"].evidence is not None
    told = ended["sleeps"].evidence
    assert (told.type, told.message) == ("TimeoutError", "the attempt took longer than 0.5 s")


def test_inline_bounds_a_whole_chunk_by_its_time(tmp_path: Path) -> None:
    with talking("inline", tmp_path, CHUNKED, timeout=0.5) as talk:
        statuses = [one.status for one in talk.ends(*"abcdefgh").values()]
        assert set(statuses) <= {"ok", "timeout"}
        assert statuses[-1] == "timeout", "together they take longer, and none by itself does"
        assert statuses == sorted(statuses), "those that have their results by then keep them"
        assert talk.ends("x")["x"].status == "ok"
