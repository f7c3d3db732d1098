"""Functions that see a whole chunk: what they return, for which item, and whose time it was."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parbatch import Item
from parbatch.model.messages import Chunk, Ended
from parbatch.model.roles import RENDER_CHUNK
from parbatch.worker.chunk import work_through
from parbatch.worker.whole_chunk import SharedClock, results_of
from tests.support import make_job, task
from tests.worker.conftest import MakeSession


@pytest.mark.parametrize(
    "given",
    [
        {"a": 1, "b": 2},
        [("a", 1), ("b", 2)],
        iter([{"a": 1}, ("b", 2)]),
        iter([("a", 1), {"b": 2}]),
    ],
)
def test_results_may_be_given_as_a_mapping_as_pairs_or_one_by_one(given: Any) -> None:
    assert dict(results_of(given)) == {"a": 1, "b": 2}


@pytest.mark.parametrize("given", ["text", b"bytes", 7, ["a", "b"]])
def test_anything_else_is_refused_with_what_to_return(given: Any) -> None:
    with pytest.raises(TypeError, match=r"gave (str|bytes|int); return or yield \{id: result\}"):
        list(results_of(given))


def test_nothing_is_no_result() -> None:
    assert not list(results_of(None))


def test_what_is_done_for_all_is_shared_equally() -> None:
    clock = SharedClock(items=4)
    before = clock.beginning()
    clock.share()
    after = clock.beginning()
    assert before.wall_s <= after.wall_s
    assert after.cpu_s - before.cpu_s >= 0


def ended(make_session: MakeSession, render_chunk: Callable[..., Any]) -> dict[int, Ended]:
    """How the items a, b and c, which are rendered at once, end, by position."""
    job = make_job([])
    job.functions[RENDER_CHUNK] = render_chunk
    chunk = Chunk(1, [task(number, item_id=name) for number, name in enumerate("abc")])
    messages = work_through(make_session(job), chunk, lambda: False)
    return {message.position: message for message in messages if isinstance(message, Ended)}


def test_items_that_have_their_result_keep_it_when_the_function_fails(make_session: MakeSession) -> None:
    def render_chunk(items: list[Item], _: object) -> Iterator[tuple[str, str]]:
        yield items[0].id, "done"
        raise ValueError("no more")

    outcomes = ended(make_session, render_chunk)
    assert [outcomes[number].status for number in range(3)] == ["ok", "failed", "failed"]
    evidence = outcomes[1].evidence
    assert evidence is not None
    assert (evidence.message, evidence.place) == ("no more", "test_whole_chunk.py:render_chunk")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "@job.render_chunk gave no result for it"),
        ([("a", 2)], "gave a result for 'a', a second time"),
        ([("z", 1)], "gave a result for 'z', which is not in this chunk"),
    ],
)
def test_results_that_are_missing_or_not_asked_for_are_named(
    make_session: MakeSession, more: list[tuple[str, int]], message: str
) -> None:
    outcomes = ended(make_session, lambda *_: [("a", 1), ("b", 1), *more])
    assert (outcomes[0].status, outcomes[1].status) == ("ok", "ok")
    evidence = outcomes[2].evidence
    assert evidence is not None
    assert message in evidence.message


def test_a_function_that_is_broken_off_comes_to_its_end_at_once(make_session: MakeSession) -> None:
    seen = []

    def render_chunk(_: list[Item], __: object) -> Iterator[tuple[str, int]]:
        try:
            yield "a", 1
        finally:
            seen.append("end")

    job = make_job([])
    job.functions[RENDER_CHUNK] = render_chunk
    session = make_session(job)
    messages = work_through(session, Chunk(1, [task(0, item_id="a"), task(1, item_id="b")]), lambda: False)
    assert isinstance(next(messages), Ended)
    assert session.housekeeping.is_amid_chunk
    messages.close()  # type: ignore[attr-defined]
    assert seen == ["end"]
    assert not session.housekeeping.is_amid_chunk
