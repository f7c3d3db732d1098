"""Outcomes as they happen, with attempts in this process and in workers: what comes, in which order, how it ends."""

import asyncio
import os
import queue
import threading
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch.model.values import BACKENDS
from tests.faults.outside import left_behind, rows
from tests.support import FAILING, JOB, write_job

NUMBERS = """
from parbatch import Item, Job

job = Job("numbers", chunk_size=1)
job.items(lambda: [Item(id=f"i{n}", data=n) for n in range(200)])


@job.render
def number(item, ctx):
    return item.data
"""

# Both are in flight before the first fails, and the second ends only when the reader has seen the first.
ABREAST = """
from parbatch import Item, Job

job = Job("abreast", chunk_size=1)
job.items(lambda: [Item(id=name) for name in ("fails", "waits", "later", "last")])


@job.render
def one(item, ctx):
    if item.id == "fails":
        open("both").read()
        raise ValueError("no such city")
    if item.id == "waits":
        open("both", "w").close()
        open("gate").read()
    return item.id
"""


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def job(here: Path) -> str:
    write_job(here / "letters.py", FAILING)
    return "letters.py"


@pytest.fixture
def numbers(here: Path) -> str:
    write_job(here / "numbers_job.py", NUMBERS)
    return "numbers_job.py"


def runs_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("parbatch")]


def is_released(out: Path) -> bool:
    """Whether a run has left no thread, no process, and its folder free."""
    return not runs_threads() and not left_behind(out) and not (out / "run" / "lock.json").exists()


# --- what comes


def test_every_item_comes_once_it_has_settled_and_the_result_after_them(job: str, here: Path, backend: str) -> None:
    found = {}
    stream = parbatch.stream(job, backend=backend, workers=2)
    for outcome in stream:
        found[outcome.item.id] = outcome
        assert all((here / "outputs/letters/items" / path).exists() for path in outcome.outputs), "published by now"
    assert {name: (one.status, one.outputs, one.attempts) for name, one in found.items()} == {
        "ada": ("ok", ("ada.txt",), 1), "bob": ("failed", (), 1), "cyd": ("ok", ("cyd.txt",), 1),
    }  # fmt: skip
    assert (found["bob"].type, found["bob"].message, found["bob"].item.name) == ("ValueError", "no such city", "Bob")
    assert (stream.result.success, stream.result.errors, stream.result.exit_code) == (2, 1, 1)
    assert next(stream, None) is None
    assert is_released(here / "outputs/letters")


def test_the_same_comes_without_blocking_the_event_loop(numbers: str, here: Path, backend: str) -> None:
    async def read() -> tuple[set[Any], parbatch.RunResult]:
        stream = parbatch.astream(numbers, backend=backend, workers=2)
        return {outcome.result async for outcome in stream}, stream.result

    results, result = asyncio.run(read())
    assert results == set(range(200))
    assert (result.success, result.state, result.exit_code) == (200, "finished", 0)
    assert is_released(here / "outputs/numbers")


def test_in_one_process_they_come_in_item_order(numbers: str) -> None:
    assert [outcome.result for outcome in parbatch.stream(numbers, backend="inline")] == list(range(200))


def test_one_can_ask_for_the_next_and_go_on_in_a_loop(numbers: str, backend: str) -> None:
    stream = parbatch.stream(numbers, backend=backend)
    first = next(stream)
    assert {first.result, *(outcome.result for outcome in stream)} == set(range(200))

    async def read() -> set[Any]:
        stream = parbatch.astream(numbers, backend=backend, fresh=True)
        first = await anext(stream)
        return {first.result, *[outcome.result async for outcome in stream]}

    assert asyncio.run(read()) == set(range(200))


def test_there_is_no_result_before_the_end(numbers: str) -> None:
    with parbatch.stream(numbers, backend="inline") as stream:
        next(stream)
        with pytest.raises(RuntimeError, match="has not ended: read on to the end, or cancel it"):
            _ = stream.result
    assert stream.result.stopped_by in {"cancelled", None}


def test_what_nothing_can_be_run_with_is_raised_to_the_reader(numbers: str) -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"worker": 2}, "no run option 'worker'"),
        ({"on_error": "halt"}, "on_error: 'halt' is"),
    ]
    for wrong, said in mistakes:
        with pytest.raises(parbatch.NothingRunError, match=said):
            next(parbatch.stream(numbers, **wrong))

    async def read() -> None:
        async for _ in parbatch.astream("missing.py"):
            raise AssertionError

    with pytest.raises(parbatch.NothingRunError, match=r"No such job file: .*missing\.py"):
        asyncio.run(read())


# --- how it ends early


# --- stopping at the first item that is not ok


def test_on_error_stop_ends_at_the_first_item_that_is_not_ok_and_resume_goes_on(
    job: str, here: Path, backend: str
) -> None:
    stream = parbatch.stream(job, backend=backend, workers=1, chunk_size=1, on_error="stop")
    assert [(outcome.item.id, outcome.status) for outcome in stream] == [("ada", "ok"), ("bob", "failed")]
    assert (stream.result.state, stream.result.exit_code, stream.result.pending) == ("stopped", 4, 1)
    write_job(here / job, JOB)
    left = list(parbatch.stream(job, backend=backend, resume=True, on_error="stop"))
    assert sorted((outcome.item.id, outcome.status) for outcome in left) == [("bob", "ok"), ("cyd", "ok")]


def test_what_is_in_flight_when_an_item_fails_finishes_and_still_comes(here: Path) -> None:
    write_job(here / "abreast.py", ABREAST)
    os.mkfifo(here / "both")
    os.mkfifo(here / "gate")
    came = []
    stream = parbatch.stream("abreast.py", workers=2, on_error="stop")
    for outcome in stream:
        came.append((outcome.item.id, outcome.status))
        if outcome.item.id == "fails":
            os.close(os.open(here / "gate", os.O_WRONLY))
    assert came == [("fails", "failed"), ("waits", "ok")]
    assert (stream.result.pending, stream.result.exit_code) == (2, 4)


# --- a reader that is slow, an event loop that is not blocked, runs beside each other


async def _read_ids(stream: parbatch.AsyncStream) -> list[str]:
    return [outcome.item.id async for outcome in stream]


def test_two_streams_of_different_jobs_go_on_at_once(numbers: str, backend: str, here: Path) -> None:
    write_job(here / "more.py", NUMBERS.replace('"numbers"', '"more"'))
    one, other = (parbatch.stream(name, backend=backend, workers=1) for name in (numbers, "more.py"))
    pairs = list(zip(one, other, strict=True))
    assert {a.result for a, _ in pairs} == {b.result for _, b in pairs} == set(range(200))
    assert one.result.job != other.result.job
    assert one.result.success == other.result.success == 200


def test_items_of_two_runs_in_this_process_print_each_into_their_own_logs(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        text = NUMBERS.replace('"numbers"', f'"{name}"').replace("    return", f"    print('{name}')\n    return")
        write_job(here / f"{name}.py", text)
    streams = [parbatch.stream(f"{name}.py", backend="inline") for name in ("one", "two")]
    assert len(list(zip(*streams, strict=True))) == 200
    for name in ("one", "two"):
        logs = list((here / "outputs" / name / "run" / "logs").glob("*.stdout.txt"))
        assert len(logs) == 200
        assert all(log.read_text().endswith(f"\n\n{name}\n") for log in logs)
    os.write(1, b"said at the end\n")
    assert capfd.readouterr().out == "said at the end\n", "standard output is what it was"


def test_the_folder_of_a_stream_is_held(numbers: str) -> None:
    with parbatch.stream(numbers, workers=1) as stream:
        next(stream)
        with pytest.raises(parbatch.FolderHeldError):
            next(parbatch.stream(numbers, resume=True))


def test_a_run_works_inside_a_running_event_loop_and_streams_in_other_threads(numbers: str, backend: str) -> None:
    async def main() -> parbatch.RunResult:
        return parbatch.run(numbers, backend=backend, progress="none")

    assert asyncio.run(main()).success == 200
    came: queue.SimpleQueue[int] = queue.SimpleQueue()
    stream = parbatch.stream(numbers, backend=backend, fresh=True)
    thread = threading.Thread(target=lambda: came.put(len(list(stream))))
    thread.start()
    thread.join()
    assert came.get() == 200


# --- on_outcome


def test_a_function_is_called_with_each_outcome_in_the_runs_own_thread(job: str, backend: str) -> None:
    told = []
    result = parbatch.run(
        job, backend=backend, progress="none", on_outcome=lambda one: told.append((one, threading.current_thread()))
    )
    assert {outcome.item.id: outcome.status for outcome, _ in told} == {"ada": "ok", "bob": "failed", "cyd": "ok"}
    assert {thread for _, thread in told} == {threading.main_thread()}
    again: list[parbatch.Outcome] = []
    parbatch.retry(job, backend=backend, progress="none", on_outcome=again.append)
    assert [outcome.item.id for outcome in again] == ["bob"]
    assert result.errors == 1


def test_an_on_outcome_that_is_no_function_is_told_before_anything_runs(numbers: str, tmp_path: Path) -> None:
    with pytest.raises(parbatch.NothingRunError, match="on_outcome: 3 is not a function"):
        parbatch.run(numbers, out=tmp_path / "out", on_outcome=3)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_what_on_outcome_raises_stops_the_run_in_order_and_loses_nothing(
    numbers: str, here: Path, backend: str, kind: type[BaseException]
) -> None:
    # More than can be in flight at once: else all may be done by the time of the fifth outcome.
    write_job(here / "numbers_job.py", NUMBERS.replace("range(200)", "range(2000)"))
    told = []
    error = kind("full")

    def keep(outcome: parbatch.Outcome) -> None:
        told.append(outcome.result)
        if len(told) == 5:
            raise error

    with pytest.raises(kind) as caught:
        parbatch.run(numbers, backend=backend, workers=2, progress="none", on_outcome=keep)
    assert caught.value is error
    assert error.__notes__ == ["It was raised by on_outcome. What was finished is kept; resume=True goes on."]
    assert len(told) == 5, "it is not called again"
    out = here / "outputs/numbers"
    assert is_released(out)
    ((done,),) = rows(out, "SELECT COUNT(*) FROM items WHERE status = 'ok'")
    assert 5 <= done < 2000
    ((state,),) = rows(out, "SELECT state FROM runs")
    assert state == "stopped"
    assert f'"stopped_by": "on_outcome raised {kind.__name__}: full' in (out / "report.json").read_text()
    assert parbatch.run(numbers, backend=backend, resume=True, progress="none").rendered == 2000 - done
    assert rows(out, "SELECT MAX(attempts) FROM items") == [(1,)]


def test_run_stops_at_the_first_item_that_is_not_ok_too(job: str) -> None:
    result = parbatch.run(job, backend="inline", progress="none", on_error="stop")
    assert (result.exit_code, result.success, result.errors, result.pending) == (4, 1, 1, 1)
