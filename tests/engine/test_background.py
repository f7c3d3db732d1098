"""How a run in a thread of its own ends, and waits for its reader: cancelled, left, forgotten, held back."""

import asyncio
import contextlib
import itertools
import os
import time
from pathlib import Path

import pytest

import parbatch
from parbatch.dispatch.chunk_size import MOST_AHEAD
from parbatch.engine import background as flow
from parbatch.model.values import BACKENDS
from tests.engine.test_stream import NUMBERS, _read_ids, is_released, runs_threads
from tests.faults.outside import left_behind, rows
from tests.support import JOB, write_job


@pytest.fixture
def numbers(here: Path) -> str:
    """More items than can be in flight, or done, by the time that somebody stops the run."""
    write_job(here / "numbers_job.py", NUMBERS.replace("range(200)", "range(2000)"))
    return "numbers_job.py"


@pytest.fixture
def few_numbers(here: Path) -> str:
    write_job(here / "few.py", NUMBERS)
    return "few.py"


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_cancelling_ends_the_run_in_order_and_what_was_in_flight_still_comes(
    numbers: str, here: Path, backend: str
) -> None:
    stream = parbatch.stream(numbers, backend=backend, workers=2)
    taken = []
    for outcome in stream:
        taken.append(outcome.result)
        stream.cancel()
    result = stream.result
    assert (result.state, result.stopped_by, result.exit_code) == ("stopped", "cancelled", 4)
    assert 0 < result.pending < 2000
    assert len(taken) == result.success == result.rendered
    assert is_released(here / "outputs/numbers")
    assert parbatch.run(numbers, backend=backend, resume=True, progress="none").rendered == result.pending
    assert rows(here / "outputs/numbers", "SELECT MAX(attempts) FROM items") == [(1,)], "nothing is rendered twice"


def test_what_was_cancelled_before_it_began_does_not_begin(numbers: str, here: Path) -> None:
    stream = parbatch.stream(numbers)
    stream.cancel()
    assert list(stream) == []
    with pytest.raises(RuntimeError, match="came to no result"):
        _ = stream.result
    assert not (here / "outputs").exists()


def test_leaving_the_loop_ends_the_run_and_releases_everything(numbers: str, here: Path, backend: str) -> None:
    stream = parbatch.stream(numbers, backend=backend, workers=2)
    for _ in stream:
        break
    assert is_released(here / "outputs/numbers"), "as soon as the loop is left, whoever still knows the stream"
    assert stream.result.pending
    assert len(list(parbatch.stream(numbers, backend=backend, resume=True))) == stream.result.pending


def test_an_exception_in_the_readers_own_code_ends_the_run_in_order(numbers: str, here: Path, backend: str) -> None:
    stream = parbatch.stream(numbers, backend=backend, workers=2)
    with pytest.raises(ZeroDivisionError):
        _read_badly(stream)
    assert (stream.result.state, stream.result.stopped_by) == ("stopped", "cancelled")
    with pytest.raises(ZeroDivisionError), parbatch.stream(numbers, backend=backend, resume=True) as stream:
        _ = 1 // len(next(stream).outputs)
    assert is_released(here / "outputs/numbers")


def _read_badly(stream: parbatch.Stream) -> None:
    for outcome in stream:
        _ = 1 // (outcome.result * 0)


@pytest.mark.parametrize("way", ["break", "raise", "aclose", "cancel", "cancel task", "async with"])
def test_an_asynchronous_reader_that_leaves_early_ends_the_run_too(
    numbers: str, here: Path, backend: str, way: str
) -> None:
    async def read(stream: parbatch.AsyncStream, begun: asyncio.Event) -> None:
        async for _ in stream:
            begun.set()
            if way == "break":
                break
            if way == "raise":
                raise ZeroDivisionError
            if way == "aclose":
                await stream.aclose()
            if way == "cancel":
                await stream.cancel()
                assert stream.result.state == "stopped"

    async def main() -> parbatch.RunResult:
        stream = parbatch.astream(numbers, backend=backend, workers=2)
        if way == "async with":
            async with stream:
                await anext(stream)
            return stream.result
        begun = asyncio.Event()
        reader = asyncio.create_task(read(stream, begun))
        await begun.wait()
        if way == "cancel task":
            reader.cancel()
        with contextlib.suppress(ZeroDivisionError, asyncio.CancelledError):
            await reader
        await stream.cancel()  # a loop that was left has asked for it already
        return stream.result

    result = asyncio.run(main())
    assert (result.state, result.stopped_by) == ("stopped", "cancelled")
    assert result.pending
    assert is_released(here / "outputs/numbers")


def test_a_loop_left_by_break_ends_the_run_though_the_stream_is_kept(numbers: str, here: Path) -> None:
    async def main() -> parbatch.AsyncStream:
        stream = parbatch.astream(numbers, backend="inline")
        async for _ in stream:
            break
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        stream._flow.when_ended(lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()  # without this, nobody reads and the run would wait for ever
        return stream

    assert asyncio.run(main()).result.stopped_by == "cancelled"
    assert not left_behind(here / "outputs/numbers")


def test_a_stream_that_nobody_knows_any_more_ends_its_run(numbers: str, here: Path, backend: str) -> None:
    stream = parbatch.stream(numbers, backend=backend)
    next(stream)
    thread = stream._flow._thread
    assert thread is not None
    del stream
    thread.join()
    assert is_released(here / "outputs/numbers")


def test_while_the_reader_is_behind_little_is_handed_out(
    here: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_job(here / "numbers_job.py", NUMBERS.replace("range(200)", "range(500)"))
    monkeypatch.setattr(flow, "MOST_WAITING", 10)
    stream = parbatch.stream("numbers_job.py", backend=backend, workers=2)
    waiting = stream._flow._outcomes
    seen = [next(stream).result]
    largest = 0
    while len(seen) < 500:
        while waiting.qsize() < min(11, 500 - len(seen)):  # as slow as can be: what may come has come
            assert runs_threads()
        largest = max(largest, waiting.qsize())
        seen.append(next(stream).result)
    assert set(seen) == set(range(500))
    assert 10 < largest <= 11 + 2 * MOST_AHEAD, "and those that were handed out by then, as chunks of one item each"
    assert next(stream, None) is None


def test_the_event_loop_goes_on_while_an_item_is_waited_for(here: Path) -> None:
    write_job(here / "job.py", JOB.replace("    (ctx.dir", "    open('gate').read()\n    (ctx.dir"))
    os.mkfifo(here / "gate")

    async def main() -> list[str]:
        stream = parbatch.astream("job.py", workers=1, chunk_size=1)
        reader = asyncio.create_task(_read_ids(stream))
        while not reader.done():  # each round lets one item go: were the loop blocked, none would ever end
            with contextlib.suppress(OSError):
                os.close(os.open(here / "gate", os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.sleep(0)
        return await reader

    assert asyncio.run(main()) == ["ada", "bob", "cyd"]


def test_the_largest_gap_of_a_task_beside_is_a_small_part_of_the_run(few_numbers: str) -> None:
    async def main() -> tuple[float, float]:
        began = last = time.monotonic()
        largest = 0.0
        reader = asyncio.create_task(_read_ids(parbatch.astream(few_numbers, workers=2)))
        while not reader.done():
            await asyncio.sleep(0.001)
            largest, last = max(largest, time.monotonic() - last), time.monotonic()
        assert len(await reader) == 200
        return largest, time.monotonic() - began

    largest, whole = asyncio.run(main())
    assert largest < whole / 2


def test_a_reader_that_always_finds_another_outcome_lets_other_tasks_in(few_numbers: str) -> None:
    async def main() -> int:
        stream = parbatch.astream(few_numbers, backend="inline")
        await anext(stream)
        while stream._flow._outcomes.qsize() < 199:
            assert runs_threads()
        turns = itertools.count()
        beside = asyncio.create_task(_count(turns))
        assert len(await _read_ids(stream)) == 199
        beside.cancel()
        return next(turns)

    assert asyncio.run(main()) > 150


async def _count(turns: "itertools.count[int]") -> None:
    while True:
        next(turns)
        await asyncio.sleep(0)
