"""A worker process as the parent sees it, without a backend around it."""

import uuid
from multiprocessing.connection import wait
from pathlib import Path

import msgspec

from parbatch.dispatch.backends.worker_process import WorkerProcess
from parbatch.model.loading import load
from parbatch.model.messages import Chunk, Ended, Message
from parbatch.worker.settings import WorkerSettings
from tests.support import task, write_job


def test_it_takes_orders_and_ends_by_itself_once_its_input_is_closed(tmp_path: Path) -> None:
    job = write_job(tmp_path / "job.py")
    (tmp_path / "tmp").mkdir()
    settings = WorkerSettings(
        load(str(job)).ref, str(tmp_path), f"{tmp_path}/tmp", f"{tmp_path}/tmp/slot-", memory_cap=None
    )
    worker = WorkerProcess(0, settings, f"test-{uuid.uuid4().hex}")
    worker.outgoing.append(memoryview(msgspec.json.encode(Chunk(1, [task(0, item_id="ada")])) + b"\n"))
    worker.push()
    assert not worker.outgoing
    messages: list[Message] = []
    while not any(isinstance(message, Ended) for message in messages):
        assert wait([worker.messages], 30)
        messages += worker.reader.read()
    worker.close_input()
    assert wait([worker.ending], 30)
    assert (worker.returncode(), worker.reader.fault) == (0, "")
    worker.release()
