"""A chunk from its first item to its last: what is told of it, in which order, and when it stops."""

from parbatch import Job
from parbatch.model.messages import Chunk, ChunkEnded, Ended, Rendered
from parbatch.model.roles import RENDER, RENDER_CHUNK
from parbatch.worker.chunk import work_through, works_on_whole_chunks
from tests.support import make_job, task
from tests.worker.conftest import MakeSession

CHUNK = Chunk(7, [task(number, item_id=name) for number, name in enumerate("abc")])


def checking() -> Job:
    """A job that validates a chunk at once, and finds fault with b."""
    job = make_job([])
    job.validate_chunk(lambda *_: {"b": ["wrong"]})
    return job


def test_each_item_by_itself_ends_in_order_and_nothing_is_told_of_the_chunk(make_session: MakeSession) -> None:
    job = make_job([])
    assert not works_on_whole_chunks(job)
    messages = list(work_through(make_session(job), CHUNK, lambda: False))
    assert [(type(message), getattr(message, "position", None)) for message in messages] == [
        (Ended, 0),
        (Ended, 1),
        (Ended, 2),
    ]


def test_what_is_not_begun_is_left_when_it_is_told_to_stop(make_session: MakeSession) -> None:
    assert len(list(work_through(make_session(make_job([])), CHUNK, lambda: True))) == 1


def test_items_that_are_validated_together_end_when_all_are_rendered(make_session: MakeSession) -> None:
    job = checking()
    assert works_on_whole_chunks(job)
    messages = list(work_through(make_session(job), CHUNK, lambda: False))
    assert [type(message) for message in messages] == [Rendered] * 3 + [Ended] * 3
    assert [message.status for message in messages if isinstance(message, Ended)] == ["ok", "invalid", "ok"]


def test_of_those_that_are_validated_together_what_is_rendered_is_validated_when_it_is_told_to_stop(
    make_session: MakeSession,
) -> None:
    first, second = work_through(make_session(checking()), CHUNK, lambda: True)
    assert first == Rendered(0, True)
    assert isinstance(second, Ended)


def test_the_end_of_a_chunk_that_is_rendered_at_once_comes_before_that_of_its_last_item(
    make_session: MakeSession,
) -> None:
    job = make_job([])
    del job.functions[RENDER]
    job.functions[RENDER_CHUNK] = lambda items, _: {item.id: None for item in items}
    messages = list(work_through(make_session(job), CHUNK, lambda: False))
    assert [type(message) for message in messages] == [Ended, Ended, ChunkEnded, Ended]
    assert isinstance(messages[2], ChunkEnded)
    assert (messages[2].chunk, messages[2].items) == (7, 3)
